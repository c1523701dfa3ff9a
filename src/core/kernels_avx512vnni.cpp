// AVX-512 VNNI: the filter's dot product of bytes.
//
//   vpdpbusd   four products u8 x s8 added into each s32 lane, no saturation
//
// One operand is unsigned, so queries are stored with an offset of 128, which the rows'
// penalties take back (128 * sum of x). Six queries x four panels (64 rows) stay in registers:
// 24 sums, 4 vectors of rows, 1 of queries.
#ifdef LOOKALIKE_EMULATE_AVX512
// SIMDe runs this very file on CPUs that lack the instructions; only tests are built so.
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#else
#include <immintrin.h>
#endif

#include <cstring>

#include "kernels_impl.hpp"

namespace lookalike {
namespace {

struct Floats {
    static constexpr int width = 16;
    __m512 value;
    static Floats broadcast(float x) { return {_mm512_set1_ps(x)}; }
    static Floats load(const float* p) { return {_mm512_loadu_ps(p)}; }
    static void store(float* p, Floats v) { _mm512_storeu_ps(p, v.value); }
    static Floats add(Floats a, Floats b) { return {_mm512_add_ps(a.value, b.value)}; }
    static Floats multiply_add(Floats a, Floats b, Floats c) {
        return {_mm512_fmadd_ps(a.value, b.value, c.value)};
    }
};

constexpr int kTile = 6;

inline std::int32_t four_bytes(const std::uint8_t* p) {
    std::int32_t word;
    std::memcpy(&word, p, sizeof word);
    return word;
}

// Bit r of masks[i] is set where row r of the group survives query i.
inline std::uint64_t group_masks(const std::uint8_t* const* queries, int steps, const std::int8_t* group,
                                 std::int64_t panel_bytes, const std::int32_t* penalties,
                                 const std::int32_t* thresholds, std::uint64_t* masks) {
    __m512i sum[kTile][kPanelGroup];
    for (auto& sums : sum)
        for (__m512i& s : sums) s = _mm512_setzero_si512();
    for (int step = 0; step < steps; ++step) {
        __m512i rows[kPanelGroup];
        for (int j = 0; j < kPanelGroup; ++j)
            rows[j] = _mm512_loadu_si512(group + j * panel_bytes + step * (kPanelRows * kPanelStep));
        for (int i = 0; i < kTile; ++i) {
            const __m512i query = _mm512_set1_epi32(four_bytes(queries[i] + step * kPanelStep));
            for (int j = 0; j < kPanelGroup; ++j) sum[i][j] = _mm512_dpbusd_epi32(sum[i][j], query, rows[j]);
        }
    }
    __m512i penalty[kPanelGroup];
    for (int j = 0; j < kPanelGroup; ++j) penalty[j] = _mm512_loadu_si512(penalties + j * kPanelRows);
    std::uint64_t any = 0;
    for (int i = 0; i < kTile; ++i) {
        const __m512i threshold = _mm512_set1_epi32(thresholds[i]);
        masks[i] = 0;
        for (int j = 0; j < kPanelGroup; ++j) {
            const __mmask16 mask = _mm512_cmpge_epi32_mask(_mm512_sub_epi32(sum[i][j], penalty[j]), threshold);
            masks[i] |= static_cast<std::uint64_t>(mask) << (j * kPanelRows);
        }
        any |= masks[i];
    }
    return any;
}

std::size_t filter(const Filter& f, std::int64_t begin, std::int64_t end, Survivor* out) {
    Survivor* const first = out;
    const int steps = f.width / kPanelStep;
    const std::int64_t panel_bytes = static_cast<std::int64_t>(f.width) * kPanelRows;
    for (int q = 0; q < f.n_queries; q += kTile) {
        const std::uint8_t* queries[kTile];
        std::int32_t thresholds[kTile];
        for (int i = 0; i < kTile; ++i) {
            const int query = smaller(q + i, f.n_queries - 1);
            queries[i] = f.queries + static_cast<std::int64_t>(query) * f.width;
            thresholds[i] = f.thresholds[query];
        }
        const int n = smaller(kTile, f.n_queries - q);  // past the end: the last query again, ignored
        for (std::int64_t panel = begin; panel < end; panel += kPanelGroup) {
            std::uint64_t masks[kTile];
            if (!group_masks(queries, steps, f.panels + panel * panel_bytes, panel_bytes,
                             f.penalties + panel * kPanelRows, thresholds, masks))
                continue;
            for (int i = 0; i < n; ++i)
                for (std::uint64_t mask = masks[i]; mask; mask &= mask - 1)
                    *out++ = {q + i, static_cast<std::int32_t>(panel * kPanelRows + lowest_bit(mask))};
        }
    }
    return static_cast<std::size_t>(out - first);
}

}  // namespace

const Kernels& avx512vnni_kernels() {
    static const Kernels kernels = [] {
        Kernels k = common_kernels<Floats, 6>();
        k.name = "avx512vnni";
        k.query_levels = 127;
        k.query_offset = 128;
        k.filter = filter;
        return k;
    }();
    return kernels;
}

}  // namespace lookalike
