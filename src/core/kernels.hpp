// The inner loops of the search, with one table of functions per instruction set.
//
// Every table computes the same exact distances, to the last bit. Tables may differ in how finely
// they quantise a query for the filter (`query_levels`), which changes the number of survivors but
// never the nearest rows.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(_MSC_VER)
#define LOOKALIKE_RESTRICT __restrict
#else
#define LOOKALIKE_RESTRICT __restrict__
#endif

namespace lookalike {

// Rows of the filter are packed in panels: 16 rows, with 4 coordinates of each at a time (64 bytes).
constexpr int kPanelRows = 16;
constexpr int kPanelStep = 4;
// The filter of Manhattan distances has panels of its own: 16 rows, with 8 bytes of each at a time.
constexpr int kAbsoluteStep = 8;
// Kernels process this many panels at once, so the number of panels is padded to a multiple of it.
constexpr int kPanelGroup = 4;

// The two parts of a row of the coarse bound are padded to whole steps, and the row to whole cache
// lines, so that loops need no tail.
constexpr int kCoarseStep = 16;
constexpr int kCoarseLine = 64;

// Adding and subtracting 1.5 * 2^23 rounds a small float to the nearest integer.
constexpr float kRounder = 12582912.0f;

// A (query, row) pair that the filter could not reject.
struct Survivor {
    std::int32_t query;
    std::int32_t row;
};

// A row and its score with one query: the nearer of two rows in the filter's view has the higher score.
struct Scored {
    std::int32_t score;
    std::int32_t row;
};

struct Filter {
    const std::uint8_t* queries;      // n_queries x width bytes, offset by `query_offset`
    const std::int32_t* thresholds;   // one per query: reject if score < threshold
    int n_queries;
    int width;                        // coordinates, a multiple of kPanelStep
    const std::int8_t* panels;        // n_panels x (width / 4) x 16 x 4
    const std::int32_t* penalties;    // one per row, from the first visited row on: score = dot - penalty
    const std::int32_t* chosen = nullptr;  // the n_queries queries to use; null: the first ones
    bool pairs = true;                // false: one survivor per query and group of panels is enough
    std::int32_t* scores = nullptr;   // where the scores of survivors go; null, or without `pairs`: nowhere

    int query(int i) const { return chosen ? chosen[i] : i; }
};

// A pair survives unless its squared coarse distance exceeds (query_radii + row_errors)^2 times this,
// which covers the rounding of the few operations in float between them.
constexpr float kCoarseSlack = 1.00002f;

struct CoarseFilter {
    const std::int8_t* queries;    // n_queries x width
    const float* query_radii;      // one per query: its radius plus its own error
    const std::int8_t* rows;       // n_rows x width
    const float* row_errors;       // one per row
    std::int64_t n_rows;
    int width;                     // bytes per row: head, tail, zeros up to a multiple of kCoarseLine
    int head_steps, tail_steps;    // in units of kCoarseStep
    float head_square, tail_square;  // squared size of one step of each part
};

// Products of a query with n rows, and what tells whether they may be near (products.hpp).
struct Selection {
    const std::int32_t* products;
    const float *twice_steps, *errors, *squares;  // of each row
    int n;                                        // a multiple of kSelectionStep
    float step, reach, least;                     // of the query
};
constexpr int kSelectionStep = 16;

// Blending of whole neighbours (blending.hpp).
constexpr int kClean = 256;          // number of values of a clean pixel
constexpr int kMostCost = 1280;      // candidates this far above the cheapest have no vote
constexpr std::int64_t kVote = 1 << 20;  // vote of the cheapest candidate
constexpr int kMostWindow = 3;
constexpr int kBlendStep = 32;       // rows of costs are padded to a multiple of it

struct Blending {
    int height, width, k;
    int shift, window;               // radii in pixels; the window's is at most kMostWindow
    const std::uint16_t* profile;    // 2 window + 1: the weight of offset (y, x) is profile[y] profile[x]
    const std::uint16_t* costs;      // n_values x kClean
    const float* moments;            // n_values x kClean
    const float* evidences;          // n_values x kClean
    int n_readings;                  // readings of the same costs, each with its own weights
    const std::uint32_t* weights;    // n_readings x (kMostCost + 1): the vote at each cost above the
                                     // cheapest; the last one is 0
    std::int64_t reading_stride;     // distance of the estimates of one reading from those of the next
};

struct BlendingScratch {
    int padded_width;
    const int *begins, *ends;        // for each row, the columns where a candidate may be non-empty
    std::uint16_t* costs;            // 2 window + 1 rows per candidate, with `window` zeros on both sides
    std::uint16_t* sums;             // the same summed along the window, without the sides
    std::uint16_t* totals;           // a row per candidate: sums of the window without the pixel itself
    std::uint16_t* least;            // a row: total of the cheapest candidate
    std::uint16_t* above;            // a row: totals above the least
    const std::uint16_t* zeros;      // a row
    std::uint32_t* rows;             // a row: beginnings of the costs of each value
    std::uint64_t* votes;            // pairs of readings x width x kClean: two votes per word
    const std::uint64_t* weights;    // pairs of readings x (kMostCost + 1): two weights per word
};

// One stage of the anchored regression (regression.hpp).
struct Regression {
    int height, width;
    int n_channels, radius;          // of the window that is the regression's input
    int n_outputs, key_radius;       // the key is a window of the first n_outputs channels
    int n_anchors, padded_anchors;   // padded to a multiple of kAnchorBlock
    int blend;                       // number of nearest anchors to average
    const float* anchors;            // blocks x key coordinates x kAnchorBlock, by increasing norm
    const float* anchor_norms;       // padded_anchors: half the squared norm; infinite for padding
    const float* weights;            // n_anchors x n_outputs x window rows x row_width
    const float* biases;             // n_anchors x n_outputs
    int row_width;                   // (2 radius + 1) n_channels, padded with zeros to kRegressionStep
};

struct RegressionScratch {
    float* key;
    float* scores;                   // kAnchorBlock
    float* lowest;                   // blend
    const float *least_norms, *most_norms;  // norms of each block of anchors
    int* anchors;                    // `blend` anchors for each pixel of a row
};
constexpr int kRegressionStep = 16;  // the widest vector
constexpr int kAnchorBlock = 32;
constexpr int kMostBlended = 8;

// Non-local means (likeness.hpp).
struct Likeness {
    int height, width, n_channels;
    int search_radius, patch_radius;
    float sharpness;                 // of the soft reading, per unit of summed squares
};

struct LikenessScratch {
    std::int32_t* apart;             // a row and 2 patch_radius + 1 more
    std::int32_t* ring;              // 2 patch_radius + 1 rows, summed along patches
    std::int32_t* totals;            // a row: sums over patches
    float *sharp, *soft;             // a row each: the weights of both readings
};

// Oriented gradients of an image, summed in cells (gradients.hpp).
struct Gradients {
    int height, width, n_channels;
    int n_orientations, cells_down, cells_across;
    bool root;                       // take the square root of each pixel's magnitude
    const float* down;               // height x cells_down: the weight of each row in each cell
    const float* across;             // width x padded_cells, padded with zeros
    int padded_cells;                // cells_across, rounded up to a multiple of kCellStep
    int padded_width;                // width, rounded up to a multiple of kGradientStep
};
constexpr int kCellStep = 8;
constexpr int kGradientStep = 16;

struct GradientScratch {
    float* planes;                   // (height + 2) x (padded_width + 2): a channel, in a frame of zeros
    float *right, *below, *magnitude, *angle, *part;  // a row each
    float* sums;                     // n_orientations x cells_down x padded_width
    float* cells;                    // cells_down x padded_cells
};

// The image deformation model (deformation.hpp).
struct Deformation {
    int height, width;
    int shift, window;               // largest move of a pixel; radius of its window
    const std::uint16_t* penalties;  // (2 shift + 1)^2
    int lanes;                       // width + 2 window, rounded up to a multiple of kDeformationStep
    int stride() const { return lanes + 2 * shift; }
    int rows() const { return height + 2 * (shift + window); }
    int moves() const { return (2 * shift + 1) * (2 * shift + 1); }
};
constexpr int kDeformationStep = 32;
constexpr int kMostShift = 3, kMostSurroundings = 2;
// A pixel's difference is at most this, so that sums over 5 x 5 pixels fit 16 bits.
constexpr int kMostDifference = 2500;
constexpr int kMostPenalty = 2000;

struct DeformationScratch {
    std::int16_t *fixed, *moved;     // 4 planes of rows() x stride(), in a frame of zeros
    float* frame;                    // (height + 2) x (width + 2): an image, in a frame of zeros
    float *right, *below;            // a row of gradients
    std::uint16_t* ring;             // moves() x (2 window + 1) rows of differences
    std::uint16_t* sums;             // moves() rows, each with kDeformationStep extra values
    std::uint16_t* least;            // a row
    std::uint16_t* which;            // a row
};

constexpr int kMostGuide = 1020;     // squares summed over patches fit 31 bits
constexpr int kMostPatchRadius = 10;

// Exact distances between two rows of d values. Integers are summed exactly, floats in double over
// eight fixed lanes, so that the sum does not depend on the instruction set.
template <class T, class Sum> using PairKernel = Sum (*)(const T* a, const T* b, std::int64_t d);
// The same, but the result may be any value greater than `limit` as soon as the sum exceeds it.
template <class T, class Sum>
using LimitedKernel = Sum (*)(const T* a, const T* b, std::int64_t d, Sum limit);

// Partial sums of floats, added pairwise at the end: their number and order are part of the definition, so that all
// instruction sets round in the same way (these files are compiled without contraction to FMA). Each sum waits for
// the one before it in its lane: long rows have lanes for several vectors.
constexpr int kFewLanes = 8, kManyLanes = 32;
constexpr std::int64_t kLongRow = 128;

// A k-d tree (tree.hpp) compares a query with so many boxes or rows at once. A leaf has several such blocks of rows.
constexpr int kTreeLanes = 8, kTreeLeaf = 16, kMostTreeWidth = 16;

// Both return a bit for each distance that is not above `limit`; [0] is of Manhattan distances, [1] of squared
// Euclidean ones. They round each distance as the kernels below do.
struct TreeKernels {
    // Least distances to boxes, by value: kTreeLanes lower ends, kTreeLanes upper ends.
    unsigned (*boxes[2])(const double* query, const double* boxes, double limit, double* bounds);
    // Distances to the rows of a leaf, in blocks; in each by value: kTreeLanes rows.
    unsigned (*rows[2])(const double* query, const double* rows, double limit, double* distances);
};

// The same of one row `a` and each of n rows `b` that follow each other; for squares and Manhattan sums, any value
// greater than `limit` will do if the sum exceeds it.
template <class T, class Sum>
using RowsKernel = void (*)(const T* a, const T* b, std::int64_t n, std::int64_t d, Sum limit, Sum* out);

template <class T, class Sum> struct Distances {
    PairKernel<T, Sum> squared;
    PairKernel<T, Sum> dot;
    LimitedKernel<T, Sum> manhattan;
    RowsKernel<T, Sum> squared_of_rows, dots_of_rows, manhattan_of_rows;
    // Whether each of n values lies in low … high, and is zero or has at least the magnitude `least`. NaN does not.
    // Limits of integers are whole.
    bool (*within)(const T* values, std::int64_t n, double low, double high, double least);
};

struct Kernels {
    const char* name;
    int query_levels;  // queries are quantised to [-query_levels, query_levels]
    int query_offset;  // added to each quantised query coordinate before it is stored as a byte

    // Appends the survivors among panels [begin, end) to `out`, for each query panel by panel;
    // returns their number. Both ends are multiples of kPanelGroup; `out` has room for every pair.
    std::size_t (*filter)(const Filter& filter, std::int64_t begin, std::int64_t end, Survivor* out);
    // Appends the rows of panels [begin, end), as above, whose score with one query is at least `least`;
    // returns their number.
    std::size_t (*scores)(const Filter& filter, int query, std::int64_t begin, std::int64_t end, std::int32_t least,
                          Scored* out);
    // The same as `filter` for unsigned bytes, in panels of kAbsoluteStep, where a score is the negative sum of the
    // absolute differences less the penalty. It needs no groups of panels.
    std::size_t (*absolute_filter)(const Filter& filter, std::int64_t begin, std::int64_t end, Survivor* out);
    // Clips sums to [lows, highs] and rounds (sums - lows) / step to whole levels below 2^31; `inverse` is 1 / step.
    // Returns the sum of the absolute errors in steps.
    double (*round_levels)(const double* sums, const double* lows, const double* highs, int n, double inverse, std::int32_t* levels);
    // Keeps, in order, the pairs that the coarse bound cannot reject and whose row is not padding;
    // returns their number, and their squared coarse distances.
    std::size_t (*coarse_filter)(const CoarseFilter& filter, Survivor* pairs, std::size_t count, float* squares);
    // Sum of squared differences of steps * kCoarseStep coordinates.
    std::int32_t (*coarse)(const std::int8_t* a, const std::int8_t* b, int steps);
    // out[i][j] = sum over k of rows[i][k] * basis[k][j] for n_rows rows of d values and n_columns
    // columns, a multiple of kColumnStep; basis[k][j] is at basis_place(k, j, d). Sums run over
    // blocks of kProjectionBlock values of k.
    void (*project)(const float* rows, int n_rows, std::int64_t d, const float* basis, int n_columns, float* out);
    // The same, to the same bits on every table.
    void (*multiply)(const float* rows, int n_rows, std::int64_t d, const float* basis, int n_columns, float* out);
    // The same for integers, with two values of k per word (`pair_of`); d counts words, and sums are
    // exact if they fit 32 bits.
    void (*project_pairs)(const std::int32_t* rows, int n_rows, std::int64_t d, const std::int32_t* basis, int n_columns,
                          std::int32_t* out);
    // In place, an orthogonal transform (rotation_impl.hpp); `signs` are 1 or -1, `scratch` has d values.
    void (*rotate)(float* x, const float* signs, int d, float* scratch);
    // Rounds to whole steps within +-levels; returns the sum of the squared errors, which is NaN
    // or infinite if a value is.
    double (*quantise)(const float* values, int n, float step, float levels, std::int8_t* out);
    double (*quantise_words)(const float* values, int n, float step, float levels, std::int16_t* out);
    // Writes the rows j with twice_steps[j] * step * products[j] + errors[j] * reach - squares[j] - least >= 0, in
    // order; returns their number.
    int (*select)(const Selection& selection, std::int32_t* out);

    // For one image each; see blending.hpp, regression.hpp and likeness.hpp.
    void (*blend)(const Blending& blending, const std::uint16_t* noisy, const std::uint8_t* frames,
                  const BlendingScratch& scratch, float* estimate, float* variances, const std::uint8_t* truth,
                  std::int64_t* joint);
    void (*regress)(const Regression& regression, const float* channels, const RegressionScratch& scratch, float* out);
    void (*average_likes)(const Likeness& likeness, const std::int32_t* guide, const float* values, const float* counts,
                          const LikenessScratch& scratch, float* sums, float* weights);

    // For one image each; see gradients.hpp and deformation.hpp. The deformation compares one image with many.
    void (*orient)(const Gradients& gradients, const std::uint8_t* image, const GradientScratch& scratch, float* out);
    void (*deform)(const Deformation& deformation, const std::uint8_t* query, const std::uint8_t* images,
                   const std::int64_t* candidates, std::int64_t n, bool backward, const DeformationScratch& scratch,
                   std::int64_t* distances, std::int8_t* fields);

    TreeKernels trees[kMostTreeWidth];  // by number of values, from 1 on

    Distances<std::uint8_t, std::int64_t> u8;
    Distances<std::int8_t, std::int64_t> i8;
    Distances<std::int16_t, std::int64_t> i16;
    Distances<float, double> f32;
    Distances<double, double> f64;
};

// A query's dot products with the rows of one panel.
using PanelDots = void(const std::uint8_t* query, int steps, const std::int8_t* panel, std::int32_t* dots);

// Largest number of fine coordinates: sums of products of bytes stay below 2^31.
constexpr int kMostFine = 1 << 16;

constexpr std::int64_t kProjectionBlock = 128;
constexpr int kColumnStep = 32;  // two of the widest vectors

// Place of column j of row k in a basis of d rows: blocks of kColumnStep columns follow each other. Whole
// adjacent rows would be a power of two apart, and few of them would fit the cache at once.
constexpr std::int64_t basis_place(std::int64_t k, int j, std::int64_t d) {
    return (j / kColumnStep * d + k) * kColumnStep + j % kColumnStep;
}

// Two 16-bit values, the first in the lower half.
constexpr std::int32_t pair_of(std::int32_t first, std::int32_t second) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(second) << 16 | (static_cast<std::uint32_t>(first) & 0xffff));
}

template <class T> const auto& distances_of(const Kernels& kernels);
template <> inline const auto& distances_of<std::uint8_t>(const Kernels& k) { return k.u8; }
template <> inline const auto& distances_of<std::int8_t>(const Kernels& k) { return k.i8; }
template <> inline const auto& distances_of<std::int16_t>(const Kernels& k) { return k.i16; }
template <> inline const auto& distances_of<float>(const Kernels& k) { return k.f32; }
template <> inline const auto& distances_of<double>(const Kernels& k) { return k.f64; }

}  // namespace lookalike
