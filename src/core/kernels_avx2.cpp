// AVX2: the filter's dot product of bytes, and sums of their absolute differences.
//
//   vpmaddubsw   u8 x s8 -> pairs of products added into s16, *saturating*
//   vpmaddwd     s16 pairs x 1 -> s32
//   vpsadbw      |u8 - u8|, eight of them added into s64
//
// One operand is unsigned, so queries are stored with an offset of 64, which the rows' penalties
// subtract again (64 * sum of x). A pair is at most 2 * 127 * 127 = 32,258 < 32,767 if the query's
// bytes stay in [1, 127]: hence queries have 63 levels (rows 127), and nothing saturates.
#include <immintrin.h>

#include <cstring>

#include "kernels_impl.hpp"

namespace lookalike {
namespace {

struct Floats {
    using Word = float;
    using Sum = float;
    static constexpr int width = 8;
    __m256 value;
    static Floats broadcast(float x) { return {_mm256_set1_ps(x)}; }
    static Floats load(const float* p) { return {_mm256_loadu_ps(p)}; }
    static void store(float* p, Floats v) { _mm256_storeu_ps(p, v.value); }
    static Floats add(Floats a, Floats b) { return {_mm256_add_ps(a.value, b.value)}; }
    static Floats min(Floats a, Floats b) { return {_mm256_min_ps(a.value, b.value)}; }
    static float least(Floats v) {
        __m128 half = _mm_min_ps(_mm256_castps256_ps128(v.value), _mm256_extractf128_ps(v.value, 1));
        half = _mm_min_ps(half, _mm_movehl_ps(half, half));
        return _mm_cvtss_f32(_mm_min_ss(half, _mm_shuffle_ps(half, half, 1)));
    }
    static Floats multiply(Floats a, Floats b) { return {_mm256_mul_ps(a.value, b.value)}; }
    static Floats multiply_add(Floats a, Floats b, Floats c) {
        return {_mm256_fmadd_ps(a.value, b.value, c.value)};
    }
};

struct Doubles {
    static constexpr int width = 4;
    __m256d value;
    static Doubles broadcast(double x) { return {_mm256_set1_pd(x)}; }
    static Doubles load(const double* p) { return {_mm256_loadu_pd(p)}; }
    static void store(double* p, Doubles v) { _mm256_storeu_pd(p, v.value); }
    static Doubles add(Doubles a, Doubles b) { return {_mm256_add_pd(a.value, b.value)}; }
    static Doubles subtract(Doubles a, Doubles b) { return {_mm256_sub_pd(a.value, b.value)}; }
    static Doubles multiply(Doubles a, Doubles b) { return {_mm256_mul_pd(a.value, b.value)}; }
    static Doubles max(Doubles a, Doubles b) { return {_mm256_max_pd(a.value, b.value)}; }
    static Doubles absolute(Doubles a) { return {_mm256_andnot_pd(_mm256_set1_pd(-0.0), a.value)}; }
    static unsigned not_above(Doubles a, double limit) {
        return static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd(a.value, _mm256_set1_pd(limit), _CMP_LE_OQ)));
    }
};

struct Pairs {
    using Word = std::int32_t;  // two 16-bit values
    using Sum = std::int32_t;
    static constexpr int width = 8;
    __m256i value;
    static Pairs broadcast(Word x) { return {_mm256_set1_epi32(x)}; }
    static Pairs load(const Word* p) { return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))}; }
    static void store(Sum* p, Pairs v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v.value); }
    static Pairs add(Pairs a, Pairs b) { return {_mm256_add_epi32(a.value, b.value)}; }
    static Pairs multiply_add(Pairs a, Pairs b, Pairs c) {
        return {_mm256_add_epi32(c.value, _mm256_madd_epi16(a.value, b.value))};
    }
};

// Sums of squared differences of 16 coordinates per step, in eight lanes.
inline __m256 coarse_lanes(const std::int8_t* a, const std::int8_t* b, int steps) {
    __m256i sum = _mm256_setzero_si256();
    for (int i = 0; i < steps; ++i) {
        const __m256i x = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a) + i));
        const __m256i y = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b) + i));
        const __m256i difference = _mm256_sub_epi16(x, y);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(difference, difference));
    }
    return _mm256_cvtepi32_ps(sum);
}

inline float coarse_distance(const CoarseFilter& f, const std::int8_t* query, const std::int8_t* row) {
    const int head = f.head_steps * kCoarseStep;
    const __m256 tail = coarse_lanes(query + head, row + head, f.tail_steps);
    const __m256 lanes = _mm256_fmadd_ps(_mm256_set1_ps(f.head_square), coarse_lanes(query, row, f.head_steps),
                                         _mm256_mul_ps(_mm256_set1_ps(f.tail_square), tail));
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

constexpr int kTile = 4;  // queries at once: 4 x 2 sums, 2 rows' vectors and the query fit 16 registers

inline std::int32_t four_bytes(const std::uint8_t* p) {
    std::int32_t word;
    std::memcpy(&word, p, sizeof word);
    return word;
}

void panel_dots(const std::uint8_t* query, int steps, const std::int8_t* panel, std::int32_t* dots) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i low = _mm256_setzero_si256(), high = low;
    for (int step = 0; step < steps; ++step) {
        const auto* rows = reinterpret_cast<const __m256i*>(panel + step * (kPanelRows * kPanelStep));
        const __m256i four = _mm256_set1_epi32(four_bytes(query + step * kPanelStep));
        low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_maddubs_epi16(four, _mm256_load_si256(rows)), ones));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_maddubs_epi16(four, _mm256_load_si256(rows + 1)), ones));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dots), low);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dots) + 1, high);
}

// One bit for each pair of kTile queries and the panel's rows, set if the pair survives. Packing
// leaves the bits in the order that query_of and row_of decode. If there are any, the scores go to `scores`,
// kPanelRows a query, unless it is null.
inline std::uint64_t survivors_of(const std::uint8_t* const* queries, int steps, const std::int8_t* panel,
                                  const std::int32_t* penalties, const __m256i* thresholds, std::int32_t* scores) {
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
    __m256i rejected[kTile];  // 16-bit lanes
    for (int i = 0; i < kTile; ++i) {
        sum[i][0] = _mm256_sub_epi32(sum[i][0], p0);
        sum[i][1] = _mm256_sub_epi32(sum[i][1], p1);
        rejected[i] = _mm256_packs_epi32(_mm256_cmpgt_epi32(thresholds[i], sum[i][0]), _mm256_cmpgt_epi32(thresholds[i], sum[i][1]));
    }
    const auto low = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_packs_epi16(rejected[0], rejected[1])));
    const auto high = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_packs_epi16(rejected[2], rejected[3])));
    const std::uint64_t survivors = ~(static_cast<std::uint64_t>(high) << 32 | low);
    if (scores && survivors)
        for (int i = 0; i < kTile; ++i) {
            auto* const own = reinterpret_cast<__m256i*>(scores + i * kPanelRows);
            _mm256_storeu_si256(own, sum[i][0]);
            _mm256_storeu_si256(own + 1, sum[i][1]);
        }
    return survivors;
}

inline int query_of(int bit) { return (bit >> 4 & 2) | (bit >> 3 & 1); }
inline int row_of(int bit) { return (bit << 1 & 8) | (bit >> 2 & 4) | (bit & 3); }

std::size_t filter(const Filter& f, std::int64_t begin, std::int64_t end, Survivor* out) {
    Survivor* const first = out;
    const int steps = f.width / kPanelStep;
    const std::int64_t panel_bytes = static_cast<std::int64_t>(f.width) * kPanelRows;
    for (int q = 0; q < f.n_queries; q += kTile) {
        const std::uint8_t* queries[kTile];
        __m256i thresholds[kTile];
        for (int i = 0; i < kTile; ++i) {  // past the end: the last query again, with all pairs rejected
            const int query = f.query(smaller(q + i, f.n_queries - 1));
            queries[i] = f.queries + static_cast<std::int64_t>(query) * f.width;
            thresholds[i] = _mm256_set1_epi32(q + i < f.n_queries ? f.thresholds[query] : INT32_MAX);
        }
        for (std::int64_t panel = begin; panel < end; ++panel) {
            std::int32_t scores[kTile * kPanelRows];
            std::uint64_t mask = survivors_of(queries, steps, f.panels + panel * panel_bytes,
                                              f.penalties + (panel - begin) * kPanelRows, thresholds, f.scores ? scores : nullptr);
            for (; mask; mask &= mask - 1) {
                const int bit = lowest_bit(mask);
                if (f.scores) f.scores[out - first] = scores[query_of(bit) * kPanelRows + row_of(bit)];
                *out++ = {f.query(q + query_of(bit)), static_cast<std::int32_t>(panel * kPanelRows + row_of(bit))};
            }
        }
    }
    return static_cast<std::size_t>(out - first);
}

struct Absolute {
    static constexpr int tile = 2;  // 2 x 4 sums, 4 vectors of rows, 1 of a query

    template <int n> static void sums(const std::uint8_t* const* queries, int steps, const std::int8_t* panel, std::int32_t* sums) {
        constexpr int vectors = 4;  // of four rows each
        __m256i sum[n][vectors];
        for (auto& own : sum)
            for (__m256i& s : own) s = _mm256_setzero_si256();
        for (int step = 0; step < steps; ++step) {
            const auto* rows = reinterpret_cast<const __m256i*>(panel + step * (kPanelRows * kAbsoluteStep));
            for (int i = 0; i < n; ++i) {
                long long eight;
                std::memcpy(&eight, queries[i] + step * kAbsoluteStep, sizeof eight);
                const __m256i query = _mm256_set1_epi64x(eight);
                for (int j = 0; j < vectors; ++j)
                    sum[i][j] = _mm256_add_epi64(sum[i][j], _mm256_sad_epu8(query, _mm256_load_si256(rows + j)));
            }
        }
        for (int i = 0; i < n; ++i)
            for (int j = 0; j < vectors; j += 2) {  // the lower halves of the lanes, in the order of rows
                const __m256i low = _mm256_permutevar8x32_epi32(sum[i][j], _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
                const __m256i high = _mm256_permutevar8x32_epi32(sum[i][j + 1], _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + i * kPanelRows + j * 4), _mm256_blend_epi32(low, high, 0xf0));
            }
    }
};

}  // namespace

const Kernels& avx2_kernels() {
    static const Kernels kernels = [] {
        Kernels k = common_kernels<Floats, Doubles, Pairs, 6, coarse_distance>();
        k.name = "avx2";
        k.query_levels = 63;
        k.query_offset = 64;
        k.filter = filter;
        k.absolute_filter = absolute_filter<Absolute>;
        k.scores = scores_of_panels<panel_dots>;
        return k;
    }();
    return kernels;
}

}  // namespace lookalike
