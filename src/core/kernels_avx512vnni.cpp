// AVX-512 VNNI: the filter's dot product of bytes, and sums of their absolute differences.
//
//   vpdpbusd   four products u8 x s8 added into each s32 lane, no saturation
//   vpsadbw    |u8 - u8|, eight of them added into s64
//
// One operand is unsigned, so queries are stored with an offset of 128, which the rows'
// penalties subtract again (128 * sum of x). Six queries x four panels (64 rows) stay in registers:
// 24 sums, 4 vectors of rows, 1 of queries.
#ifdef LOOKALIKE_EMULATE_AVX512
// SIMDe emulates the instructions on other CPUs; this is only for tests.
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

// What SIMDe lacks.
inline simde__m512d doubles_of(simde__m256 x) {
    float from[8];
    double to[8];
    simde_mm256_storeu_ps(from, x);
    for (int i = 0; i < 8; ++i) to[i] = static_cast<double>(from[i]);
    return simde_mm512_loadu_pd(to);
}
inline simde__m512 floats_of(simde__m512i x) {
    int from[16];
    float to[16];
    simde_mm512_storeu_si512(from, x);
    for (int i = 0; i < 16; ++i) to[i] = static_cast<float>(from[i]);
    return simde_mm512_loadu_ps(to);
}
#define _mm512_cvtps_pd doubles_of
#define _mm512_cvtepi32_ps floats_of
#else
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns about its own header (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif
#endif

#include <cstring>

#include "kernels_impl.hpp"

namespace lookalike {
namespace {

// sum += the products of four bytes, or of two words, in each lane. With intrinsics GCC (12, 13) spills
// half of a tile's sums, which takes three times as long.
#if defined(__GNUC__) && !defined(__clang__) && !defined(LOOKALIKE_EMULATE_AVX512)
inline void add_products(__m512i& sum, __m512i queries, __m512i rows) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(queries), "v"(rows));
}
inline void add_word_products(__m512i& sum, __m512i a, __m512i b) {
    asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
}
#else
inline void add_products(__m512i& sum, __m512i queries, __m512i rows) { sum = _mm512_dpbusd_epi32(sum, queries, rows); }
inline void add_word_products(__m512i& sum, __m512i a, __m512i b) { sum = _mm512_dpwssd_epi32(sum, a, b); }
#endif

struct Floats {
    using Word = float;
    using Sum = float;
    static constexpr int width = 16;
    __m512 value;
    static Floats broadcast(float x) { return {_mm512_set1_ps(x)}; }
    static Floats load(const float* p) { return {_mm512_loadu_ps(p)}; }
    static void store(float* p, Floats v) { _mm512_storeu_ps(p, v.value); }
    static Floats add(Floats a, Floats b) { return {_mm512_add_ps(a.value, b.value)}; }
    static Floats min(Floats a, Floats b) { return {_mm512_min_ps(a.value, b.value)}; }
    static float least(Floats v) {
        __m128 part = _mm_min_ps(_mm_min_ps(_mm512_extractf32x4_ps(v.value, 0), _mm512_extractf32x4_ps(v.value, 1)),
                                 _mm_min_ps(_mm512_extractf32x4_ps(v.value, 2), _mm512_extractf32x4_ps(v.value, 3)));
        part = _mm_min_ps(part, _mm_movehl_ps(part, part));
        return _mm_cvtss_f32(_mm_min_ss(part, _mm_shuffle_ps(part, part, 1)));
    }
    static Floats multiply(Floats a, Floats b) { return {_mm512_mul_ps(a.value, b.value)}; }
    static Floats multiply_add(Floats a, Floats b, Floats c) {
        return {_mm512_fmadd_ps(a.value, b.value, c.value)};
    }
};

struct Doubles {
    static constexpr int width = 8;
    __m512d value;
    static Doubles broadcast(double x) { return {_mm512_set1_pd(x)}; }
    static Doubles load(const double* p) { return {_mm512_loadu_pd(p)}; }
    static void store(double* p, Doubles v) { _mm512_storeu_pd(p, v.value); }
    static Doubles add(Doubles a, Doubles b) { return {_mm512_add_pd(a.value, b.value)}; }
    static Doubles subtract(Doubles a, Doubles b) { return {_mm512_sub_pd(a.value, b.value)}; }
    static Doubles multiply(Doubles a, Doubles b) { return {_mm512_mul_pd(a.value, b.value)}; }
    static Doubles max(Doubles a, Doubles b) { return {_mm512_max_pd(a.value, b.value)}; }
    static Doubles absolute(Doubles a) { return {_mm512_abs_pd(a.value)}; }
    static unsigned not_above(Doubles a, double limit) {
        return _mm512_cmp_pd_mask(a.value, _mm512_set1_pd(limit), _CMP_LE_OQ);
    }
};

struct Pairs {
    using Word = std::int32_t;  // two 16-bit values
    using Sum = std::int32_t;
    static constexpr int width = 16;
    __m512i value;
    static Pairs broadcast(Word x) { return {_mm512_set1_epi32(x)}; }
    static Pairs load(const Word* p) { return {_mm512_loadu_si512(p)}; }
    static void store(Sum* p, Pairs v) { _mm512_storeu_si512(p, v.value); }
    static Pairs add(Pairs a, Pairs b) { return {_mm512_add_epi32(a.value, b.value)}; }
    static Pairs multiply_add(Pairs a, Pairs b, Pairs c) {
        add_word_products(c.value, a.value, b.value);
        return c;
    }
};

// Sum of all lanes.
inline std::int32_t total(__m512i lanes) {
    const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64(lanes, 1));
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    sum = _mm_hadd_epi32(sum, sum);
    return _mm_cvtsi128_si32(_mm_hadd_epi32(sum, sum));
}

// Squares of differences of bytes: |x - y| is the non-zero one of two saturating differences.
struct Squares {
    __m512i low = _mm512_setzero_si512(), high = _mm512_setzero_si512();

    void add(__m512i x, __m512i y) {
        const __m512i difference = _mm512_or_si512(_mm512_subs_epu8(x, y), _mm512_subs_epu8(y, x));
        const __m512i even = _mm512_unpacklo_epi8(difference, _mm512_setzero_si512());
        const __m512i odd = _mm512_unpackhi_epi8(difference, _mm512_setzero_si512());
        add_word_products(low, even, even);
        add_word_products(high, odd, odd);
    }
};

inline __m512i load(const std::uint8_t* p) { return _mm512_loadu_si512(p); }

// A mask of the last n of 64 bytes begins at its byte n.
struct LastBytes {
    std::uint8_t bytes[128] = {};
    constexpr LastBytes() {
        for (int i = 64; i < 128; ++i) bytes[i] = 255;
    }
};
constexpr LastBytes kLastBytes;

std::int64_t squared_unsigned(const std::uint8_t* a, const std::uint8_t* b, std::int64_t d) {
    if (d < 64) return squared_bytes(a, b, d);
    std::int64_t squares = 0, i = 0;
    for (std::int64_t start = 0; start < d; start += kByteChunk) {
        const std::int64_t stop = smaller(d, start + kByteChunk);
        Squares sum;
        for (; i + 64 <= stop; i += 64) sum.add(load(a + i), load(b + i));
        if (i < stop) {  // the last 64 again, without those already added
            const __m512i unseen = load(kLastBytes.bytes + (stop - i));
            sum.add(_mm512_and_si512(load(a + stop - 64), unseen), _mm512_and_si512(load(b + stop - 64), unseen));
        }
        i = stop;
        squares += total(_mm512_add_epi32(sum.low, sum.high));
    }
    return squares;
}

// The limit is not looked at: the sum takes hardly longer than the calls.
std::int64_t manhattan_unsigned(const std::uint8_t* a, const std::uint8_t* b, std::int64_t d, std::int64_t) {
    __m512i sum = _mm512_setzero_si512();
    std::int64_t i = 0;
    for (; i + 64 <= d; i += 64) sum = _mm512_add_epi64(sum, _mm512_sad_epu8(load(a + i), load(b + i)));
    if (i < d) {
        std::uint8_t x[64] = {}, y[64] = {};
        std::memcpy(x, a + i, static_cast<std::size_t>(d - i));
        std::memcpy(y, b + i, static_cast<std::size_t>(d - i));
        sum = _mm512_add_epi64(sum, _mm512_sad_epu8(load(x), load(y)));
    }
    std::int64_t lanes[8], whole = 0;
    _mm512_storeu_si512(lanes, sum);
    for (const std::int64_t lane : lanes) whole += lane;
    return whole;
}

std::int32_t coarse(const std::int8_t* a, const std::int8_t* b, int steps) {
    __m512i sum = _mm512_setzero_si512();
    int i = 0;
    for (; i + 2 <= steps; i += 2, a += 2 * kCoarseStep, b += 2 * kCoarseStep) {
        const __m512i x = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a)));
        const __m512i y = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(b)));
        const __m512i difference = _mm512_sub_epi16(x, y);
        add_word_products(sum, difference, difference);
    }
    if (i < steps) {
        const __m256i x = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a)));
        const __m256i y = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
        const __m512i difference = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_sub_epi16(x, y), 0);
        add_word_products(sum, difference, difference);
    }
    return total(sum);
}

// A pair's row and query, and sixteen lanes of its coarse distance.
struct CoarsePair {
    const std::int8_t* query;
    const std::int8_t* row;
    __m512 sum = _mm512_setzero_ps();

    CoarsePair(const CoarseFilter& f, Survivor pair)
        : query(f.queries + static_cast<std::int64_t>(pair.query) * f.width),
          row(f.rows + smaller<std::int64_t>(pair.row, f.n_rows - 1) * f.width) {}  // for padding, any row

    // Adds the line at i; each lane has four coordinates of the head or of the tail.
    void add(int i, __m512 scales) {
        // Prefixed with these bits, a small integer is a float.
        const __m512i above = _mm512_set1_epi32(0x4b000000);  // 2^23
        const __m512i zero = _mm512_setzero_si512();
        const __m512i x = _mm512_loadu_si512(query + i), y = _mm512_loadu_si512(row + i);
        const __m512i difference = _mm512_sub_epi8(_mm512_max_epi8(x, y), _mm512_min_epi8(x, y));  // may wrap: unsigned
        const __m512i even = _mm512_unpacklo_epi8(difference, zero), odd = _mm512_unpackhi_epi8(difference, zero);
        __m512i squares = above;
        add_word_products(squares, even, even);
        add_word_products(squares, odd, odd);
        sum = _mm512_fmadd_ps(_mm512_sub_ps(_mm512_castsi512_ps(squares), _mm512_castsi512_ps(above)), scales, sum);
    }
};

// The sum of the lanes of each of four vectors.
inline __m128 totals(__m512 a, __m512 b, __m512 c, __m512 d) {
    const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    const __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    const __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    const __m512 all = _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(all), 1)));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

// Processes four pairs at once, whose sums are added up together.
std::size_t coarse_filter(const CoarseFilter& filter, Survivor* pairs, std::size_t count, float* squares) {
    const CoarseFilter f = filter;  // a copy, which the stores below cannot change
    const __m512 head = _mm512_set1_ps(f.head_square), tail = _mm512_set1_ps(f.tail_square);
    constexpr std::size_t kBatch = 4;
    std::size_t kept = 0;
    for (std::size_t start = 0; start < count; start += kBatch) {
        prefetch_rows(f, pairs, start + 2 * kBatch, smaller(count, start + 3 * kBatch));
        Survivor own[kBatch];  // past the end: the last again
        for (std::size_t i = 0; i < kBatch; ++i) own[i] = pairs[smaller(start + i, count - 1)];
        CoarsePair a(f, own[0]), b(f, own[1]), c(f, own[2]), d(f, own[3]);
        int head_lanes = 4 * f.head_steps;
        for (int i = 0; i < f.width; i += kCoarseLine, head_lanes -= 16) {
            const unsigned of_head = head_lanes >= 16 ? 0xffffu : head_lanes > 0 ? (1u << head_lanes) - 1 : 0u;
            const __m512 scales = _mm512_mask_blend_ps(static_cast<__mmask16>(of_head), tail, head);
            a.add(i, scales);
            b.add(i, scales);
            c.add(i, scales);
            d.add(i, scales);
        }
        float found[kBatch];
        _mm_storeu_ps(found, totals(a.sum, b.sum, c.sum, d.sum));
        for (std::size_t i = 0; i < smaller(kBatch, count - start); ++i) kept = keep(f, own[i], found[i], pairs, squares, kept);
    }
    return kept;
}

// The exact sums of floats, in the lanes of `sum_floats`: GCC keeps its arrays of lanes in memory.
inline __m512d load_doubles(const float* p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }
inline __m512d load_doubles(const double* p) { return _mm512_loadu_pd(p); }

struct LongSum {
    __m512d a = _mm512_setzero_pd(), b = a, c = a, d = a;

    template <class Term, class Float> void add(const LongSum& x, const Float* y) {
        a = Term::add(a, x.a, load_doubles(y));
        b = Term::add(b, x.b, load_doubles(y + 8));
        c = Term::add(c, x.c, load_doubles(y + 16));
        d = Term::add(d, x.d, load_doubles(y + 24));
    }

    double total() const {
        const __m512d eight = _mm512_add_pd(_mm512_add_pd(a, c), _mm512_add_pd(b, d));
        const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1));
        const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
        return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
    }
};

// kManyLanes values, or the last ones and zeros, which add nothing.
template <class Float> struct Stretch {
    Float values[kManyLanes] = {};
    Stretch(const Float* x, std::int64_t n) { std::memcpy(values, x, static_cast<std::size_t>(n) * sizeof(Float)); }
};
template <class Float> LongSum as_doubles(const Float* x) {
    return {load_doubles(x), load_doubles(x + 8), load_doubles(x + 16), load_doubles(x + 24)};
}

template <class Term, class Float> double sum_floats_of(const Float* x, const Float* y, std::int64_t n) {
    if (n < kLongRow) return sum_floats<kFewLanes>(x, y, n, [](double u, double v) { return Term::of(u, v); });
    LongSum sum;
    std::int64_t i = 0;
    for (; i + kManyLanes <= n; i += kManyLanes) sum.add<Term>(as_doubles(x + i), y + i);
    if (i < n) sum.add<Term>(as_doubles(Stretch<Float>(x + i, n - i).values), Stretch<Float>(y + i, n - i).values);
    return sum.total();
}

template <class Float> struct Product {
    static double of(double x, double y) { return x * y; }
    // The product of two floats is exact in double: a fused sum rounds as one of two steps does.
    static __m512d add(__m512d sum, __m512d x, __m512d y) {
        return sizeof(Float) == sizeof(float) ? _mm512_fmadd_pd(x, y, sum) : _mm512_add_pd(sum, _mm512_mul_pd(x, y));
    }
};
struct SquaredDifference {
    static double of(double x, double y) { return (x - y) * (x - y); }
    static __m512d add(__m512d sum, __m512d x, __m512d y) {
        const __m512d difference = _mm512_sub_pd(x, y);
        return _mm512_add_pd(sum, _mm512_mul_pd(difference, difference));
    }
};

template <class Float> void take_sums(Distances<Float, double>& distances) {
    distances.squared = sum_floats_of<SquaredDifference, Float>;
    distances.dot = sum_floats_of<Product<Float>, Float>;
}

int select(const Selection& s, std::int32_t* out) {
    const __m512 step = _mm512_set1_ps(s.step), reach = _mm512_set1_ps(s.reach), least = _mm512_set1_ps(s.least);
    __m512i rows = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    int count = 0;
    for (int start = 0; start < s.n; start += kSelectionStep, rows = _mm512_add_epi32(rows, _mm512_set1_epi32(kSelectionStep))) {
        const __m512 product = _mm512_mul_ps(_mm512_mul_ps(_mm512_loadu_ps(s.twice_steps + start), step),
                                             _mm512_cvtepi32_ps(_mm512_loadu_si512(s.products + start)));
        const __m512 margin = _mm512_sub_ps(_mm512_sub_ps(_mm512_add_ps(product, _mm512_mul_ps(_mm512_loadu_ps(s.errors + start), reach)),
                                                          _mm512_loadu_ps(s.squares + start)), least);
        const __mmask16 near = _mm512_cmp_ps_mask(margin, _mm512_setzero_ps(), _CMP_GE_OQ);
        _mm512_storeu_si512(out + count, _mm512_maskz_compress_epi32(near, rows));  // `out` has room for as many
        count += count_bits(near);
    }
    return count;
}

// The four panels of a group. Members have names, here and in the tile, because GCC keeps an array of
// vectors in memory.
struct Group {
    __m512i a, b, c, d;

    static Group load(const void* data, std::int64_t panel_bytes) {
        const char* p = static_cast<const char*>(data);
        return {_mm512_loadu_si512(p), _mm512_loadu_si512(p + panel_bytes), _mm512_loadu_si512(p + 2 * panel_bytes),
                _mm512_loadu_si512(p + 3 * panel_bytes)};
    }
};

// Scores of one query and a group's rows, less the query's threshold: a row survives if it is not
// negative.
struct Margins {
    Group sums;

    Margins(std::int32_t threshold, const Group& penalties) {
        const __m512i start = _mm512_set1_epi32(-threshold);
        sums = {_mm512_sub_epi32(start, penalties.a), _mm512_sub_epi32(start, penalties.b),
                _mm512_sub_epi32(start, penalties.c), _mm512_sub_epi32(start, penalties.d)};
    }

    void add(const std::uint8_t* query, const Group& rows) {
        std::int32_t word;
        std::memcpy(&word, query, sizeof word);
        const __m512i four = _mm512_set1_epi32(word);
        add_products(sums.a, four, rows.a);
        add_products(sums.b, four, rows.b);
        add_products(sums.c, four, rows.c);
        add_products(sums.d, four, rows.d);
    }

    // The sign bit of a lane stays set if it is set in all margins.
    __m512i and_signs(__m512i signs) const {
        constexpr int all_three = 0x80;  // a & b & c
        return _mm512_ternarylogic_epi32(_mm512_ternarylogic_epi32(signs, sums.a, sums.b, all_three), sums.c, sums.d,
                                         all_three);
    }

    void store(std::int32_t* p) const {
        _mm512_storeu_si512(p, sums.a);
        _mm512_storeu_si512(p + kPanelRows, sums.b);
        _mm512_storeu_si512(p + 2 * kPanelRows, sums.c);
        _mm512_storeu_si512(p + 3 * kPanelRows, sums.d);
    }

    // Bit r is set if row r of the group survives; without `pairs`, one bit is set if any row does.
    std::uint64_t survivors(bool pairs) const {
        if (!pairs) return _mm512_movepi32_mask(and_signs(_mm512_set1_epi32(-1))) != 0xffff;
        return ~(static_cast<std::uint64_t>(_mm512_movepi32_mask(sums.a)) |
                 static_cast<std::uint64_t>(_mm512_movepi32_mask(sums.b)) << 16 |
                 static_cast<std::uint64_t>(_mm512_movepi32_mask(sums.c)) << 32 |
                 static_cast<std::uint64_t>(_mm512_movepi32_mask(sums.d)) << 48);
    }
};

std::size_t scores(const Filter& f, int query, std::int64_t begin, std::int64_t end, std::int32_t least, Scored* out) {
    const std::uint8_t* const bytes = f.queries + static_cast<std::int64_t>(query) * f.width;
    const std::int64_t panel_bytes = static_cast<std::int64_t>(f.width) * kPanelRows;
    Scored* const first = out;
    for (std::int64_t panel = begin; panel < end; panel += kPanelGroup) {
        Margins margins(least, Group::load(f.penalties + (panel - begin) * kPanelRows, kPanelRows * sizeof(std::int32_t)));
        const std::int8_t* group = f.panels + panel * panel_bytes;
        for (int j = 0; j < f.width; j += kPanelStep, group += kPanelRows * kPanelStep)
            margins.add(bytes + j, Group::load(group, panel_bytes));
        std::uint64_t mask = margins.survivors(true);
        if (!mask) continue;
        std::int32_t above[kPanelGroup * kPanelRows];
        margins.store(above);
        for (; mask; mask &= mask - 1) {
            const int row = lowest_bit(mask);
            *out++ = {least + above[row], static_cast<std::int32_t>(panel * kPanelRows + row)};
        }
    }
    return static_cast<std::size_t>(out - first);
}

constexpr int kTile = 6;

constexpr int kGroupRows = kPanelGroup * kPanelRows;

// Bit r of masks[i] is set if row r of the group survives query i; returns false if no row does. Margins of the
// queries with survivors go to `margins`, kGroupRows a query, if it is not null.
inline bool group_masks(const std::uint8_t* const* queries, int width, const std::int8_t* group,
                        std::int64_t panel_bytes, const std::int32_t* penalties, const std::int32_t* thresholds,
                        bool pairs, std::uint64_t* masks, std::int32_t* margins) {
    const Group penalty = Group::load(penalties, kPanelRows * sizeof(std::int32_t));
    Margins m0(thresholds[0], penalty), m1(thresholds[1], penalty), m2(thresholds[2], penalty);
    Margins m3(thresholds[3], penalty), m4(thresholds[4], penalty), m5(thresholds[5], penalty);
    for (int j = 0; j < width; j += kPanelStep, group += kPanelRows * kPanelStep) {
        const Group rows = Group::load(group, panel_bytes);
        m0.add(queries[0] + j, rows);
        m1.add(queries[1] + j, rows);
        m2.add(queries[2] + j, rows);
        m3.add(queries[3] + j, rows);
        m4.add(queries[4] + j, rows);
        m5.add(queries[5] + j, rows);
    }
    const __m512i all = _mm512_set1_epi32(-1);
    const __m512i signs = _mm512_and_si512(m2.and_signs(m1.and_signs(m0.and_signs(all))),
                                           m5.and_signs(m4.and_signs(m3.and_signs(all))));
    if (_mm512_movepi32_mask(signs) == 0xffff) return false;
    masks[0] = m0.survivors(pairs);
    masks[1] = m1.survivors(pairs);
    masks[2] = m2.survivors(pairs);
    masks[3] = m3.survivors(pairs);
    masks[4] = m4.survivors(pairs);
    masks[5] = m5.survivors(pairs);
    if (margins) {
        if (masks[0]) m0.store(margins);
        if (masks[1]) m1.store(margins + kGroupRows);
        if (masks[2]) m2.store(margins + 2 * kGroupRows);
        if (masks[3]) m3.store(margins + 3 * kGroupRows);
        if (masks[4]) m4.store(margins + 4 * kGroupRows);
        if (masks[5]) m5.store(margins + 5 * kGroupRows);
    }
    return true;
}

std::size_t filter(const Filter& f, std::int64_t begin, std::int64_t end, Survivor* out) {
    Survivor* const first = out;
    const std::int64_t panel_bytes = static_cast<std::int64_t>(f.width) * kPanelRows;
    for (int q = 0; q < f.n_queries; q += kTile) {
        const std::uint8_t* queries[kTile];
        std::int32_t thresholds[kTile];
        for (int i = 0; i < kTile; ++i) {
            const int query = f.query(smaller(q + i, f.n_queries - 1));
            queries[i] = f.queries + static_cast<std::int64_t>(query) * f.width;
            thresholds[i] = f.thresholds[query];
        }
        const int n = smaller(kTile, f.n_queries - q);  // past the end: the last query again, ignored
        for (std::int64_t panel = begin; panel < end; panel += kPanelGroup) {
            std::uint64_t masks[kTile];
            std::int32_t margins[kTile * kGroupRows];
            if (!group_masks(queries, f.width, f.panels + panel * panel_bytes, panel_bytes,
                             f.penalties + (panel - begin) * kPanelRows, thresholds, f.pairs, masks, f.scores ? margins : nullptr))
                continue;
            for (int i = 0; i < n; ++i)
                for (std::uint64_t mask = masks[i]; mask; mask &= mask - 1) {
                    const int row = lowest_bit(mask);
                    if (f.scores) f.scores[out - first] = thresholds[i] + margins[i * kGroupRows + row];
                    *out++ = {f.query(q + i), static_cast<std::int32_t>(panel * kPanelRows + row)};
                }
        }
    }
    return static_cast<std::size_t>(out - first);
}

// Sums of a query and the sixteen rows of a panel.
struct AbsoluteSums {
    __m512i low = _mm512_setzero_si512(), high = _mm512_setzero_si512();

    void add(const std::uint8_t* query, __m512i rows, __m512i more) {
        long long eight;
        std::memcpy(&eight, query, sizeof eight);
        const __m512i bytes = _mm512_set1_epi64(eight);
        low = _mm512_add_epi64(low, _mm512_sad_epu8(bytes, rows));
        high = _mm512_add_epi64(high, _mm512_sad_epu8(bytes, more));
    }

    void store(std::int32_t* p) const {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi64_epi32(low));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p) + 1, _mm512_cvtepi64_epi32(high));
    }
};

struct Absolute {
    static constexpr int tile = 8;  // 8 x 2 sums, 2 vectors of rows, 1 of a query

    template <int n> static void sums(const std::uint8_t* const* queries, int steps, const std::int8_t* panel, std::int32_t* sums) {
        AbsoluteSums a, b, c, d, e, f, g, h;
        for (int step = 0; step < steps; ++step, panel += kPanelRows * kAbsoluteStep) {
            const __m512i rows = _mm512_loadu_si512(panel), more = _mm512_loadu_si512(panel + 64);
            const int at = step * kAbsoluteStep;
            a.add(queries[0] + at, rows, more);
            if constexpr (n == tile) {
                b.add(queries[1] + at, rows, more);
                c.add(queries[2] + at, rows, more);
                d.add(queries[3] + at, rows, more);
                e.add(queries[4] + at, rows, more);
                f.add(queries[5] + at, rows, more);
                g.add(queries[6] + at, rows, more);
                h.add(queries[7] + at, rows, more);
            }
        }
        const AbsoluteSums* const all[] = {&a, &b, &c, &d, &e, &f, &g, &h};
        for (int i = 0; i < n; ++i) all[i]->store(sums + i * kPanelRows);
    }
};

}  // namespace

const Kernels& avx512vnni_kernels() {
    static const Kernels kernels = [] {
        Kernels k = common_kernels<Floats, Doubles, Pairs, 12>();
        k.name = "avx512vnni";
        k.query_levels = 127;
        k.query_offset = 128;
        k.filter = filter;
        k.absolute_filter = absolute_filter<Absolute>;
        k.scores = scores;
        k.coarse_filter = coarse_filter;
        k.coarse = coarse;
        k.u8.squared = squared_unsigned;
        take_sums(k.f32);
        take_sums(k.f64);
        k.select = select;
        k.u8.manhattan = manhattan_unsigned;
        k.u8.squared_of_rows = OfRows<squared_unsigned>::run;
        return k;
    }();
    return kernels;
}

}  // namespace lookalike
