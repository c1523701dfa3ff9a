// Implementations for all instruction sets: plain loops that the compiler vectorises with the
// flags of the file that includes them. Only the filter and the float vector `V` differ.
//
// Everything is in an unnamed namespace and calls nothing of the standard library: the linker might
// otherwise keep a shared function that was compiled here for a newer CPU, and use it everywhere.
#pragma once

#include <cstdint>

#include "bits.hpp"
#include "blending_impl.hpp"
#include "deformation_impl.hpp"
#include "gradients_impl.hpp"
#include "kernels.hpp"
#include "likeness_impl.hpp"
#include "regression_impl.hpp"
#include "rotation_impl.hpp"
#include "tree_impl.hpp"
#include "within_impl.hpp"

namespace lookalike {
namespace {

template <class Int> constexpr Int smaller(Int a, Int b) { return a < b ? a : b; }

// 255^2 * 16384 < 2^31: 32-bit lanes hold this many squares of bytes.
constexpr std::int64_t kByteChunk = 16384;

template <class Byte, class Term>
inline std::int64_t sum_bytes(const Byte* a, const Byte* b, std::int64_t d, Term term) {
    std::int64_t total = 0;
    for (std::int64_t start = 0; start < d; start += kByteChunk) {
        const std::int64_t stop = smaller(d, start + kByteChunk);
        std::int32_t sum = 0;
        for (std::int64_t i = start; i < stop; ++i) sum += term(a[i], b[i]);
        total += sum;
    }
    return total;
}

template <class Byte> std::int64_t squared_bytes(const Byte* a, const Byte* b, std::int64_t d) {
    return sum_bytes(a, b, d, [](Byte x, Byte y) {
        const std::int16_t difference = static_cast<std::int16_t>(x - y);
        return static_cast<std::int32_t>(difference) * difference;
    });
}

template <class Byte> std::int64_t dot_bytes(const Byte* a, const Byte* b, std::int64_t d) {
    return sum_bytes(a, b, d, [](Byte x, Byte y) {
        return static_cast<std::int32_t>(static_cast<std::int16_t>(x)) * static_cast<std::int16_t>(y);
    });
}

// Number of values between two checks of the limit.
constexpr std::int64_t kLimitStride = 128;

template <class Int>
std::int64_t manhattan_integers(const Int* a, const Int* b, std::int64_t d, std::int64_t limit) {
    std::int64_t total = 0;
    for (std::int64_t start = 0; start < d && total <= limit; start += kLimitStride) {
        const std::int64_t stop = smaller(d, start + kLimitStride);
        std::int32_t sum = 0;
        for (std::int64_t i = start; i < stop; ++i) sum += a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
        total += sum;
    }
    return total;
}

// Differences of 16-bit values need 17 bits, and their squares 32 bits of an unsigned word.
inline std::int64_t squared_words(const std::int16_t* a, const std::int16_t* b, std::int64_t d) {
    std::uint64_t total = 0;
    for (std::int64_t i = 0; i < d; ++i) {
        const std::uint32_t difference = static_cast<std::uint32_t>(a[i] - b[i]);
        total += difference * difference;
    }
    return static_cast<std::int64_t>(total);
}

inline std::int64_t dot_words(const std::int16_t* a, const std::int16_t* b, std::int64_t d) {
    std::int64_t total = 0;
    for (std::int64_t i = 0; i < d; ++i) total += static_cast<std::int32_t>(a[i]) * b[i];
    return total;
}

template <int n> struct Lanes {
    double sum[n] = {};

    template <class Float, class Term>
    void add(const Float* a, const Float* b, std::int64_t start, std::int64_t stop, Term term) {
        std::int64_t i = start;
        for (; i + n <= stop; i += n)
            for (int lane = 0; lane < n; ++lane)
                sum[lane] += term(static_cast<double>(a[i + lane]), static_cast<double>(b[i + lane]));
        for (int lane = 0; i < stop; ++i, ++lane)
            sum[lane] += term(static_cast<double>(a[i]), static_cast<double>(b[i]));
    }

    double total() const {
        double sums[n];
        for (int lane = 0; lane < n; ++lane) sums[lane] = sum[lane];
        for (int half = n / 2; half > 0; half /= 2)
            for (int lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
        return sums[0];
    }
};

template <int n, class Float, class Term> double sum_floats(const Float* a, const Float* b, std::int64_t d, Term term) {
    Lanes<n> lanes;
    lanes.add(a, b, 0, d, term);
    return lanes.total();
}

template <class Float, class Term> double sum_floats(const Float* a, const Float* b, std::int64_t d, Term term) {
    return d < kLongRow ? sum_floats<kFewLanes>(a, b, d, term) : sum_floats<kManyLanes>(a, b, d, term);
}

struct Square {
    template <class Float> Float operator()(Float x, Float y) const { return (x - y) * (x - y); }
};
struct Size {
#ifdef _MSC_VER
    template <class Float> Float operator()(Float x, Float y) const { return x > y ? x - y : y - x; }
#else  // one instruction
    float operator()(float x, float y) const { return __builtin_fabsf(x - y); }
    double operator()(double x, double y) const { return __builtin_fabs(x - y); }
#endif
};

template <class Float> double squared_floats(const Float* a, const Float* b, std::int64_t d) {
    return sum_floats(a, b, d, Square{});
}

template <class Float> double dot_floats(const Float* a, const Float* b, std::int64_t d) {
    return sum_floats(a, b, d, [](double x, double y) { return x * y; });
}

// Rounded sums of non-negative terms never decrease, so a partial sum above the limit proves
// that the total is above it. Adding up the lanes takes as long as a few dozen values.
constexpr std::int64_t kFloatLimitStride = 512;

template <class Float>
double manhattan_floats(const Float* a, const Float* b, std::int64_t d, double limit) {
    if (d < kLongRow) return sum_floats<kFewLanes>(a, b, d, Size{});
    Lanes<kManyLanes> lanes;
    for (std::int64_t start = 0; start < d; start += kFloatLimitStride) {
        if (start > 0 && lanes.total() > limit) break;
        lanes.add(a, b, start, smaller(d, start + kFloatLimitStride), Size{});
    }
    return lanes.total();
}

// One row and each of many: a loop around the inlined distance, with a short cut for floats.

template <auto kernel> struct OfRows;

template <class T, class Sum, Sum (*kernel)(const T*, const T*, std::int64_t)> struct OfRows<kernel> {
    static void run(const T* a, const T* b, std::int64_t n, std::int64_t d, Sum, Sum* out) {
        for (std::int64_t i = 0; i < n; ++i) out[i] = kernel(a, b + i * d, d);
    }
};

template <class T, class Sum, Sum (*kernel)(const T*, const T*, std::int64_t, Sum)> struct OfRows<kernel> {
    using Value = T;

    static void run(const T* a, const T* b, std::int64_t n, std::int64_t d, Sum limit, Sum* out) {
        for (std::int64_t i = 0; i < n; ++i) out[i] = kernel(a, b + i * d, d, limit);
    }
};

template <auto squared, auto dot, auto manhattan> Distances<typename OfRows<manhattan>::Value, std::int64_t> integers() {
    return {squared, dot, manhattan, OfRows<squared>::run, OfRows<dot>::run, OfRows<manhattan>::run,
            all_within<typename OfRows<manhattan>::Value>};
}

// Rows of fewer values than lanes: the sums of several rows lie side by side, one vector for each lane.
template <class Float, class Term>
void sums_of_short_rows(const Float* a, const Float* b, std::int64_t n, std::int64_t d, double* out, Term term) {
    constexpr int kAtOnce = 16;
    for (std::int64_t start = 0; start < n; start += kAtOnce) {
        const int count = static_cast<int>(smaller<std::int64_t>(n - start, kAtOnce));
        double sums[kFewLanes][kAtOnce] = {};
        for (int lane = 0; lane < d; ++lane)
            for (int i = 0; i < count; ++i)
                sums[lane][i] = term(static_cast<double>(a[lane]), static_cast<double>(b[(start + i) * d + lane]));
        for (int half = kFewLanes / 2; half > 0; half /= 2)
            for (int lane = 0; lane < half; ++lane)
                for (int i = 0; i < kAtOnce; ++i) sums[lane][i] += sums[lane + half][i];
        for (int i = 0; i < count; ++i) out[start + i] = sums[0][i];
    }
}

// A lower bound of a sum of d non-negative terms of floats in half the time, or -1.
//
// Float rounds a difference by a factor of 1 + e with |e| <= u = 2^-24; its square by three such factors, or, below the
// normal numbers, by up to 2^-150; and a sum of d terms, in any order, by up to d - 1 of them. The sum in float is thus
// at most (1 + u)^(d + 2) (s + d 2^-149), where s is the sum of the exact terms. The sum in double is at least
// s / (1 + u). Since (1 + u)^-m >= 1 - m u, it is at least (sum - d 2^-148) (1 - (d + 4) u), which allows for the
// rounding of this expression. An overflow tells nothing.
template <class Term> double lower_bound(const float* a, const float* b, std::int64_t d, Term term) {
    constexpr int kVector = 16;
    float sums[2 * kVector] = {}, rest = 0;
    std::int64_t i = 0;
    for (; i + 2 * kVector <= d; i += 2 * kVector)
        for (int lane = 0; lane < 2 * kVector; ++lane) sums[lane] += term(a[i + lane], b[i + lane]);
    for (; i < d; ++i) rest += term(a[i], b[i]);
    // Loops of constant length, which become vectors.
    float sixteen[kVector], eight[kVector / 2], four[kVector / 4];
    for (int lane = 0; lane < kVector; ++lane) sixteen[lane] = sums[lane] + sums[lane + kVector];
    for (int lane = 0; lane < kVector / 2; ++lane) eight[lane] = sixteen[lane] + sixteen[lane + kVector / 2];
    for (int lane = 0; lane < kVector / 4; ++lane) four[lane] = eight[lane] + eight[lane + kVector / 4];
    const double sum = static_cast<double>(rest + ((four[0] + four[2]) + (four[1] + four[3]))), n = static_cast<double>(d);
    return sum <= 3.4e38 ? (sum - n * 0x1p-148) * (1 - (n + 4) * 0x1p-24) : -1;
}

constexpr std::int64_t kLeastBounded = 32;  // values of a row for which the bound pays

template <class Float, class Term, class Kernel>
void sums_of_rows(const Float* a, const Float* b, std::int64_t n, std::int64_t d, double limit, double* out, Term term, Kernel kernel) {
    if (d < kFewLanes) return sums_of_short_rows(a, b, n, d, out, term);
    for (std::int64_t i = 0; i < n; ++i) {
        if constexpr (sizeof(Float) == sizeof(float))
            if (d >= kLeastBounded && limit < 1e300 && (out[i] = lower_bound(a, b + i * d, d, term)) > limit) continue;
        out[i] = kernel(a, b + i * d, d);
    }
}

template <class Float> Distances<Float, double> floats() {
    return {squared_floats<Float>, dot_floats<Float>, manhattan_floats<Float>,
            [](const Float* a, const Float* b, std::int64_t n, std::int64_t d, double limit, double* out) {
                sums_of_rows(a, b, n, d, limit, out, Square{}, squared_floats<Float>);
            },
            OfRows<dot_floats<Float>>::run,
            [](const Float* a, const Float* b, std::int64_t n, std::int64_t d, double limit, double* out) {
                sums_of_rows(a, b, n, d, limit, out, Size{}, [limit](const Float* x, const Float* y, std::int64_t m) {
                    return manhattan_floats(x, y, m, limit);
                });
            },
            all_within<Float>};
}

inline std::int32_t coarse_squared(const std::int8_t* a, const std::int8_t* b, int steps) {
    std::int32_t sum = 0;
    for (int i = 0; i < steps * kCoarseStep; ++i) {
        const std::int16_t difference = static_cast<std::int16_t>(a[i] - b[i]);
        sum += static_cast<std::int32_t>(difference) * difference;
    }
    return sum;
}

inline float plain_coarse_distance(const CoarseFilter& f, const std::int8_t* query, const std::int8_t* row) {
    const int head = f.head_steps * kCoarseStep;
    return f.head_square * static_cast<float>(coarse_squared(query, row, f.head_steps)) +
           f.tail_square * static_cast<float>(coarse_squared(query + head, row + head, f.tail_steps));
}

using CoarseDistance = float(const CoarseFilter&, const std::int8_t*, const std::int8_t*);

inline void prefetch_rows(const CoarseFilter& f, const Survivor* pairs, std::size_t begin, std::size_t end) {
#ifdef __GNUC__
    for (std::size_t i = begin; i < end; ++i)
        for (int byte = 0; byte < f.width; byte += kCoarseLine)
            __builtin_prefetch(f.rows + static_cast<std::int64_t>(pairs[i].row) * f.width + byte);
#else
    (void)f, (void)pairs, (void)begin, (void)end;
#endif
}

// Appends a pair to those kept so far; returns their number. It has no branch, because survival is
// hard to predict. NaN survives.
inline std::size_t keep(const CoarseFilter& f, Survivor pair, float square, Survivor* pairs, float* squares, std::size_t kept) {
    const float limit = f.query_radii[pair.query] + f.row_errors[smaller<std::int64_t>(pair.row, f.n_rows - 1)];
    pairs[kept] = pair;
    squares[kept] = square;
    return kept + (!(square > limit * limit * kCoarseSlack) & (pair.row < f.n_rows));
}

template <CoarseDistance distance>
std::size_t coarse_filter(const CoarseFilter& f, Survivor* pairs, std::size_t count, float* squares) {
    const std::int64_t width = f.width;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; ++i) {
        prefetch_rows(f, pairs, i + 8, smaller(count, i + 9));
        const Survivor pair = pairs[i];
        if (pair.row >= f.n_rows) continue;
        kept = keep(f, pair, distance(f, f.queries + pair.query * width, f.rows + pair.row * width), pairs, squares, kept);
    }
    return kept;
}

template <PanelDots dots>
std::size_t scores_of_panels(const Filter& f, int query, std::int64_t begin, std::int64_t end, std::int32_t least, Scored* out) {
    const std::uint8_t* const bytes = f.queries + static_cast<std::int64_t>(query) * f.width;
    const std::int32_t* penalties = f.penalties;
    std::size_t count = 0;
    for (std::int64_t panel = begin; panel < end; ++panel, penalties += kPanelRows) {
        std::int32_t found[kPanelRows];
        dots(bytes, f.width / kPanelStep, f.panels + panel * f.width * kPanelRows, found);
        std::int32_t most = found[0] -= penalties[0];
        for (int row = 1; row < kPanelRows; ++row) {
            found[row] -= penalties[row];
            most = found[row] > most ? found[row] : most;
        }
        if (most < least) continue;  // most panels of a query's later leaves
        for (int row = 0; row < kPanelRows; ++row) {
            out[count] = {found[row], static_cast<std::int32_t>(panel * kPanelRows + row)};
            count += found[row] >= least;
        }
    }
    return count;
}

// Appends the survivors among panels [begin, end) of some queries.
template <class Absolute, int n>
Survivor* absolute_survivors(const Filter& f, const int* ids, std::int64_t begin, std::int64_t end, Survivor* out, std::int32_t*& scores) {
    const std::uint8_t* queries[n];
    for (int i = 0; i < n; ++i) queries[i] = f.queries + static_cast<std::int64_t>(ids[i]) * f.width;
    const std::int32_t* penalties = f.penalties;
    for (std::int64_t panel = begin; panel < end; ++panel, penalties += kPanelRows) {
        std::int32_t sums[n * kPanelRows];
        Absolute::template sums<n>(queries, f.width / kAbsoluteStep, f.panels + panel * f.width * kPanelRows, sums);
        for (int i = 0; i < n; ++i) {
            const std::int32_t threshold = f.thresholds[ids[i]];
            std::int32_t found[kPanelRows], kept = 0;
            for (int row = 0; row < kPanelRows; ++row) {
                found[row] = -sums[i * kPanelRows + row] - penalties[row];
                kept |= found[row] >= threshold;
            }
            if (!kept) continue;
            for (int row = 0; row < kPanelRows; ++row) {
                if (found[row] < threshold) continue;
                *scores++ = found[row];
                *out++ = {ids[i], static_cast<std::int32_t>(panel * kPanelRows + row)};
            }
        }
    }
    return out;
}

// Absolute::sums<n> computes the sums of absolute differences of n queries and one panel, for n = 1 and n = Absolute::tile.
template <class Absolute> std::size_t absolute_filter(const Filter& f, std::int64_t begin, std::int64_t end, Survivor* out) {
    Survivor* const first = out;
    std::int32_t* scores = f.scores;
    for (int q = 0; q < f.n_queries;) {
        int ids[Absolute::tile];
        const bool whole = q + Absolute::tile <= f.n_queries;
        const int n = whole ? Absolute::tile : 1;
        for (int i = 0; i < n; ++i) ids[i] = f.query(q + i);
        out = whole ? absolute_survivors<Absolute, Absolute::tile>(f, ids, begin, end, out, scores)
                    : absolute_survivors<Absolute, 1>(f, ids, begin, end, out, scores);
        q += n;
    }
    return static_cast<std::size_t>(out - first);
}

constexpr int kLevelsWidth = 16;

// A separate function, into which the compiler propagates a constant count.
inline void round_some(const double* sums, const double* lows, const double* highs, int count, double inverse, std::int32_t* levels, double* errors) {
    constexpr double rounder = 6755399441055744.0;  // 1.5 * 2^52, as kRounder
    for (int i = 0; i < count; ++i) {
        double sum = sums[i] > lows[i] ? sums[i] : lows[i];
        sum = sum < highs[i] ? sum : highs[i];
        const double level = (sum - lows[i]) * inverse;
        const double whole = (level + rounder) - rounder;
        errors[i] += whole > level ? whole - level : level - whole;
        levels[i] = static_cast<std::int32_t>(whole);
    }
}

double round_levels(const double* sums, const double* lows, const double* highs, int n, double inverse, std::int32_t* levels) {
    double errors[kLevelsWidth] = {};
    int i = 0;
    for (; i + kLevelsWidth <= n; i += kLevelsWidth) round_some(sums + i, lows + i, highs + i, kLevelsWidth, inverse, levels + i, errors);
    round_some(sums + i, lows + i, highs + i, n - i, inverse, levels + i, errors);
    double total = 0;
    for (const double error : errors) total += error;
    return total;
}

// V holds V::width words, or sums. A tile of Rows x 2 vectors stays in registers for one block of k.
template <class V, int Rows>
void project_tile(const typename V::Word* rows, std::int64_t d, std::int64_t first, std::int64_t last,
                  const typename V::Word* basis, typename V::Sum* out, int out_stride) {
    V sum[Rows][2];
    for (int r = 0; r < Rows; ++r) sum[r][0] = sum[r][1] = V::broadcast(0);
    for (std::int64_t k = first; k < last; ++k) {
        const V low = V::load(basis + k * kColumnStep), high = V::load(basis + k * kColumnStep + V::width);
        for (int r = 0; r < Rows; ++r) {
            const V value = V::broadcast(rows[r * d + k]);
            sum[r][0] = V::multiply_add(value, low, sum[r][0]);
            sum[r][1] = V::multiply_add(value, high, sum[r][1]);
        }
    }
    for (int r = 0; r < Rows; ++r) {
        auto* o = out + static_cast<std::int64_t>(r) * out_stride;
        if (first > 0) {
            sum[r][0] = V::add(sum[r][0], V::load(o));
            sum[r][1] = V::add(sum[r][1], V::load(o + V::width));
        }
        V::store(o, sum[r][0]);
        V::store(o + V::width, sum[r][1]);
    }
}

// Blocks of k keep the rounding error small, and keep a block's columns of one tile in the cache
// while all rows pass over them.
template <class V, int Rows>
void project(const typename V::Word* rows, int n_rows, std::int64_t d, const typename V::Word* basis, int n_columns,
             typename V::Sum* out) {
    for (std::int64_t first = 0; first < d; first += kProjectionBlock) {
        const std::int64_t last = smaller(d, first + kProjectionBlock);
        for (int column = 0; column < n_columns; column += 2 * V::width) {
            const auto* const own = basis + basis_place(0, column, d);
            auto* o = out + column;
            int i = 0;
            for (; i + Rows <= n_rows; i += Rows)
                project_tile<V, Rows>(rows + i * d, d, first, last, own, o + static_cast<std::int64_t>(i) * n_columns, n_columns);
            for (; i < n_rows; ++i)
                project_tile<V, 1>(rows + i * d, d, first, last, own, o + static_cast<std::int64_t>(i) * n_columns, n_columns);
        }
    }
}

// Products and sums rounded one by one: the same bits on all instruction sets, whether or not they fuse both.
template <class Floats> struct Unfused : Floats {
    Unfused() = default;
    Unfused(Floats v) : Floats(v) {}
    static Unfused broadcast(float x) { return Floats::broadcast(x); }
    static Unfused load(const float* p) { return Floats::load(p); }
    static Unfused multiply_add(const Floats& a, const Floats& b, const Floats& c) { return Floats::add(Floats::multiply(a, b), c); }
};

constexpr int kQuantiseWidth = 16;

// A separate function, into which the compiler propagates a constant count.
template <class Level> inline void quantise_some(const float* values, int count, float step, float levels, Level* out, float* errors) {
    const float inverse = 1 / step;
    for (int i = 0; i < count; ++i) {
        float q = values[i] * inverse;
        q = q < levels ? q : levels;  // NaN becomes `levels`, and its error NaN
        q = q > -levels ? q : -levels;
        const float whole = (q + kRounder) - kRounder;
        const float error = values[i] - whole * step;
        errors[i] += error * error;
        out[i] = static_cast<Level>(static_cast<std::int32_t>(whole));
    }
}

template <class Level> double quantise(const float* values, int n, float step, float levels, Level* out) {
    float errors[kQuantiseWidth] = {};
    int i = 0;
    for (; i + kQuantiseWidth <= n; i += kQuantiseWidth) quantise_some(values + i, kQuantiseWidth, step, levels, out + i, errors);
    quantise_some(values + i, n - i, step, levels, out + i, errors);
    double total = 0;
    for (const float error : errors) total += static_cast<double>(error);
    return total;
}

// Most steps have no row to select.
int plain_select(const Selection& s, std::int32_t* out) {
    int count = 0;
    for (int start = 0; start < s.n; start += kSelectionStep) {
        std::int32_t is_near[kSelectionStep], any = 0;
        for (int j = 0; j < kSelectionStep; ++j) {
            const float product = s.twice_steps[start + j] * s.step * static_cast<float>(s.products[start + j]);
            is_near[j] = product + s.errors[start + j] * s.reach - s.squares[start + j] - s.least >= 0;
            any |= is_near[j];
        }
        if (!any) continue;
        for (int j = 0; j < kSelectionStep; ++j) {
            out[count] = start + j;
            count += is_near[j];
        }
    }
    return count;
}

// The common part of all tables; the including file fills in the rest.
template <class Floats, class Doubles, class Pairs, int Rows, CoarseDistance distance = plain_coarse_distance> Kernels common_kernels() {
    Kernels kernels{};
    kernels.coarse_filter = coarse_filter<distance>;
    kernels.coarse = coarse_squared;
    kernels.project = project<Floats, Rows>;
    kernels.multiply = project<Unfused<Floats>, Rows>;
    kernels.project_pairs = project<Pairs, Rows>;
    kernels.quantise = quantise<std::int8_t>;
    kernels.quantise_words = quantise<std::int16_t>;
    kernels.select = plain_select;
    kernels.round_levels = round_levels;
    kernels.rotate = rotate;
    kernels.blend = blend_image;
    kernels.regress = regress_image<Floats>;
    kernels.average_likes = average_likes_of_image;
    kernels.orient = orient_image;
    kernels.deform = deform_images;
    set_tree_kernels<Doubles>(kernels.trees);
    kernels.u8 = integers<squared_bytes<std::uint8_t>, dot_bytes<std::uint8_t>, manhattan_integers<std::uint8_t>>();
    kernels.i8 = integers<squared_bytes<std::int8_t>, dot_bytes<std::int8_t>, manhattan_integers<std::int8_t>>();
    kernels.i16 = integers<squared_words, dot_words, manhattan_integers<std::int16_t>>();
    kernels.f32 = floats<float>();
    kernels.f64 = floats<double>();
    return kernels;
}

}  // namespace
}  // namespace lookalike
