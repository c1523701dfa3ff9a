// ARMv8.2 dot product: the filter's dot product of bytes, and sums of their absolute differences.
//
//   sdot   four products s8 x s8 added into each s32 lane, no saturation
//   uabd   |u8 - u8|; udot with ones adds four of them into each u32 lane
//
// Both operands are signed, so there is no offset. Four queries x one panel (16 rows in four vectors)
// stay in registers: 16 sums, 4 vectors of rows, 1 of queries.
#include <arm_neon.h>

#include <cstring>

#include "kernels_impl.hpp"

namespace lookalike {
namespace {

struct Floats {
    using Word = float;
    using Sum = float;
    static constexpr int width = 4;
    float32x4_t value;
    static Floats broadcast(float x) { return {vdupq_n_f32(x)}; }
    static Floats load(const float* p) { return {vld1q_f32(p)}; }
    static void store(float* p, Floats v) { vst1q_f32(p, v.value); }
    static Floats add(Floats a, Floats b) { return {vaddq_f32(a.value, b.value)}; }
    static Floats min(Floats a, Floats b) { return {vminq_f32(a.value, b.value)}; }
    static float least(Floats v) { return vminvq_f32(v.value); }
    static Floats multiply(Floats a, Floats b) { return {vmulq_f32(a.value, b.value)}; }
    static Floats multiply_add(Floats a, Floats b, Floats c) {
        return {vfmaq_f32(c.value, a.value, b.value)};
    }
};

struct Doubles {
    static constexpr int width = 2;
    float64x2_t value;
    static Doubles broadcast(double x) { return {vdupq_n_f64(x)}; }
    static Doubles load(const double* p) { return {vld1q_f64(p)}; }
    static void store(double* p, Doubles v) { vst1q_f64(p, v.value); }
    static Doubles add(Doubles a, Doubles b) { return {vaddq_f64(a.value, b.value)}; }
    static Doubles subtract(Doubles a, Doubles b) { return {vsubq_f64(a.value, b.value)}; }
    static Doubles multiply(Doubles a, Doubles b) { return {vmulq_f64(a.value, b.value)}; }
    static Doubles max(Doubles a, Doubles b) { return {vmaxq_f64(a.value, b.value)}; }
    static Doubles absolute(Doubles a) { return {vabsq_f64(a.value)}; }
    static unsigned not_above(Doubles a, double limit) {
        const uint64x2_t within = vcleq_f64(a.value, vdupq_n_f64(limit));
        return static_cast<unsigned>((vgetq_lane_u64(within, 0) & 1) | (vgetq_lane_u64(within, 1) & 2));
    }
};

struct Pairs {
    using Word = std::int32_t;  // two 16-bit values
    using Sum = std::int32_t;
    static constexpr int width = 4;
    int32x4_t value;
    static Pairs broadcast(Word x) { return {vdupq_n_s32(x)}; }
    static Pairs load(const Word* p) { return {vld1q_s32(p)}; }
    static void store(Sum* p, Pairs v) { vst1q_s32(p, v.value); }
    static Pairs add(Pairs a, Pairs b) { return {vaddq_s32(a.value, b.value)}; }
    static Pairs multiply_add(Pairs a, Pairs b, Pairs c) {
        const int16x8_t x = vreinterpretq_s16_s32(a.value), y = vreinterpretq_s16_s32(b.value);
        const int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y)), high = vmull_high_s16(x, y);
        return {vaddq_s32(c.value, vpaddq_s32(low, high))};
    }
};

constexpr int kTile = 4;
constexpr int kVectors = kPanelRows / 4;

inline int8x16_t four_bytes(const std::uint8_t* p) {
    std::int32_t word;
    std::memcpy(&word, p, sizeof word);
    return vreinterpretq_s8_s32(vdupq_n_s32(word));
}

void panel_dots(const std::uint8_t* query, int steps, const std::int8_t* panel, std::int32_t* dots) {
    int32x4_t sum[kVectors] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
    for (int step = 0; step < steps; ++step, panel += kPanelRows * kPanelStep) {
        const int8x16_t four = four_bytes(query + step * kPanelStep);
        for (int j = 0; j < kVectors; ++j) sum[j] = vdotq_s32(sum[j], four, vld1q_s8(panel + 16 * j));
    }
    for (int j = 0; j < kVectors; ++j) vst1q_s32(dots + 4 * j, sum[j]);
}

std::size_t filter(const Filter& f, std::int64_t begin, std::int64_t end, Survivor* out) {
    Survivor* const first = out;
    const int steps = f.width / kPanelStep;
    const std::int64_t panel_bytes = static_cast<std::int64_t>(f.width) * kPanelRows;
    for (int q = 0; q < f.n_queries; q += kTile) {
        const int n = smaller(kTile, f.n_queries - q);
        const std::uint8_t* queries[kTile];
        for (int i = 0; i < kTile; ++i)
            queries[i] = f.queries + static_cast<std::int64_t>(f.query(smaller(q + i, f.n_queries - 1))) * f.width;
        for (std::int64_t panel = begin; panel < end; ++panel) {
            int32x4_t sum[kTile][kVectors];
            for (auto& sums : sum)
                for (int32x4_t& s : sums) s = vdupq_n_s32(0);
            const std::int8_t* p = f.panels + panel * panel_bytes;
            for (int step = 0; step < steps; ++step, p += kPanelRows * kPanelStep) {
                int8x16_t rows[kVectors];
                for (int j = 0; j < kVectors; ++j) rows[j] = vld1q_s8(p + 16 * j);
                for (int i = 0; i < kTile; ++i) {
                    const int8x16_t query = four_bytes(queries[i] + step * kPanelStep);
                    for (int j = 0; j < kVectors; ++j) sum[i][j] = vdotq_s32(sum[i][j], query, rows[j]);
                }
            }
            for (int i = 0; i < n; ++i) {
                const int32x4_t threshold = vdupq_n_s32(f.thresholds[f.query(q + i)]);
                for (int j = 0; j < kVectors; ++j) {
                    const std::int64_t position = panel * kPanelRows + 4 * j;
                    const int32x4_t score = vsubq_s32(sum[i][j], vld1q_s32(f.penalties + position - begin * kPanelRows));
                    const uint32x4_t kept = vcgeq_s32(score, threshold);
                    if (vmaxvq_u32(kept) == 0) continue;
                    std::uint32_t lanes[4];
                    std::int32_t scores[4];
                    vst1q_u32(lanes, kept);
                    vst1q_s32(scores, score);
                    for (int lane = 0; lane < 4; ++lane) {
                        if (!lanes[lane]) continue;
                        if (f.scores) f.scores[out - first] = scores[lane];
                        *out++ = {f.query(q + i), static_cast<std::int32_t>(position + lane)};
                    }
                }
            }
        }
    }
    return static_cast<std::size_t>(out - first);
}

struct Absolute {
    static constexpr int tile = 2;  // 2 x 8 sums, 8 vectors of rows, 2 of queries, 1 of ones

    template <int n> static void sums(const std::uint8_t* const* queries, int steps, const std::int8_t* panel, std::int32_t* sums) {
        constexpr int vectors = 8;  // of two rows each
        const uint8x16_t ones = vdupq_n_u8(1);
        uint32x4_t sum[n][vectors];
        for (auto& own : sum)
            for (uint32x4_t& s : own) s = vdupq_n_u32(0);
        for (int step = 0; step < steps; ++step) {
            const auto* rows = reinterpret_cast<const std::uint8_t*>(panel) + step * (kPanelRows * kAbsoluteStep);
            for (int i = 0; i < n; ++i) {
                const uint8x8_t eight = vld1_u8(queries[i] + step * kAbsoluteStep);
                const uint8x16_t query = vcombine_u8(eight, eight);
                for (int j = 0; j < vectors; ++j) sum[i][j] = vdotq_u32(sum[i][j], vabdq_u8(query, vld1q_u8(rows + 16 * j)), ones);
            }
        }
        for (int i = 0; i < n; ++i)
            for (int j = 0; j < vectors; j += 2)
                vst1q_s32(sums + i * kPanelRows + 2 * j, vreinterpretq_s32_u32(vpaddq_u32(sum[i][j], sum[i][j + 1])));
    }
};

}  // namespace

const Kernels& neon_kernels() {
    static const Kernels kernels = [] {
        Kernels k = common_kernels<Floats, Doubles, Pairs, 6>();
        k.name = "neon";
        k.query_levels = 127;
        k.query_offset = 0;
        k.filter = filter;
        k.absolute_filter = absolute_filter<Absolute>;
        k.scores = scores_of_panels<panel_dots>;
        return k;
    }();
    return kernels;
}

}  // namespace lookalike
