// AVX2: the filter's dot product of bytes.
//
//   vpmaddubsw   u8 x s8 -> pairs of products added into s16, *saturating*
//   vpmaddwd     s16 pairs x 1 -> s32
//
// One operand is unsigned, so queries are stored with an offset of 64, which the rows' penalties
// take back (64 * sum of x). A pair is at most 2 * 127 * 127 = 32,258 < 32,767 if the query's
// bytes stay in [1, 127]: hence 63 levels for queries (rows keep 127) and no saturation.
#include <immintrin.h>

#include <cstring>

#include "kernels_impl.hpp"

namespace lookalike {
namespace {

struct Floats {
    static constexpr int width = 8;
    __m256 value;
    static Floats broadcast(float x) { return {_mm256_set1_ps(x)}; }
    static Floats load(const float* p) { return {_mm256_loadu_ps(p)}; }
    static void store(float* p, Floats v) { _mm256_storeu_ps(p, v.value); }
    static Floats add(Floats a, Floats b) { return {_mm256_add_ps(a.value, b.value)}; }
    static Floats multiply_add(Floats a, Floats b, Floats c) {
        return {_mm256_fmadd_ps(a.value, b.value, c.value)};
    }
};

constexpr int kTile = 4;  // queries at once: 4 x 2 sums, 2 rows' vectors and the query fit 16 registers

inline std::int32_t four_bytes(const std::uint8_t* p) {
    std::int32_t word;
    std::memcpy(&word, p, sizeof word);
    return word;
}

// Bit r of masks[i] is set where row r of the panel survives query i.
inline std::uint32_t panel_masks(const std::uint8_t* const* queries, int steps, const std::int8_t* panel,
                                 const std::int32_t* penalties, const __m256i* thresholds,
                                 std::uint32_t* masks) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sum[kTile][2];
    for (int i = 0; i < kTile; ++i) sum[i][0] = sum[i][1] = _mm256_setzero_si256();
    for (int step = 0; step < steps; ++step) {
        const auto* rows = reinterpret_cast<const __m256i*>(panel + step * (kPanelRows * kPanelStep));
        const __m256i low = _mm256_load_si256(rows), high = _mm256_load_si256(rows + 1);
        for (int i = 0; i < kTile; ++i) {
            const __m256i query = _mm256_set1_epi32(four_bytes(queries[i] + step * kPanelStep));
            const __m256i a = _mm256_madd_epi16(_mm256_maddubs_epi16(query, low), ones);
            const __m256i b = _mm256_madd_epi16(_mm256_maddubs_epi16(query, high), ones);
            sum[i][0] = _mm256_add_epi32(sum[i][0], a);
            sum[i][1] = _mm256_add_epi32(sum[i][1], b);
        }
    }
    const auto* penalty = reinterpret_cast<const __m256i*>(penalties);
    const __m256i p0 = _mm256_load_si256(penalty), p1 = _mm256_load_si256(penalty + 1);
    __m256i rejected[kTile][2];
    __m256i all = _mm256_set1_epi32(-1);
    for (int i = 0; i < kTile; ++i) {
        rejected[i][0] = _mm256_cmpgt_epi32(thresholds[i], _mm256_sub_epi32(sum[i][0], p0));
        rejected[i][1] = _mm256_cmpgt_epi32(thresholds[i], _mm256_sub_epi32(sum[i][1], p1));
        all = _mm256_and_si256(all, _mm256_and_si256(rejected[i][0], rejected[i][1]));
    }
    if (_mm256_movemask_epi8(all) == -1) return 0;
    for (int i = 0; i < kTile; ++i) {
        const auto a = static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(rejected[i][0])));
        const auto b = static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(rejected[i][1])));
        masks[i] = ~(a | b << 8) & 0xffffu;
    }
    return 1;
}

std::size_t filter(const Filter& f, std::int64_t begin, std::int64_t end, Survivor* out) {
    Survivor* const first = out;
    const int steps = f.width / kPanelStep;
    const std::int64_t panel_bytes = static_cast<std::int64_t>(f.width) * kPanelRows;
    for (int q = 0; q < f.n_queries; q += kTile) {
        const std::uint8_t* queries[kTile];
        __m256i thresholds[kTile];
        for (int i = 0; i < kTile; ++i) {  // past the end: the last query again, which rejects all
            const int query = smaller(q + i, f.n_queries - 1);
            queries[i] = f.queries + static_cast<std::int64_t>(query) * f.width;
            thresholds[i] = _mm256_set1_epi32(q + i < f.n_queries ? f.thresholds[query] : INT32_MAX);
        }
        for (std::int64_t panel = begin; panel < end; ++panel) {
            std::uint32_t masks[kTile];
            if (!panel_masks(queries, steps, f.panels + panel * panel_bytes,
                             f.penalties + panel * kPanelRows, thresholds, masks))
                continue;
            for (int i = 0; i < kTile; ++i)
                for (std::uint32_t mask = masks[i]; mask; mask &= mask - 1)
                    *out++ = {q + i, static_cast<std::int32_t>(panel * kPanelRows + lowest_bit(mask))};
        }
    }
    return static_cast<std::size_t>(out - first);
}

}  // namespace

const Kernels& avx2_kernels() {
    static const Kernels kernels = [] {
        Kernels k = common_kernels<Floats, 4>();
        k.name = "avx2";
        k.query_levels = 63;
        k.query_offset = 64;
        k.filter = filter;
        return k;
    }();
    return kernels;
}

}  // namespace lookalike
