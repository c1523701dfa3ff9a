// The filter's view of an array of rows: cheap lower bounds of Euclidean distances.
//
// A row x is centred and projected: u = W'x with spectral norm |W| <= 1. Then
// r(x)^2 = |x|^2 - |W'x|^2 is the square of a seminorm, and for every pair
//
//     |W'q - W'x|^2 + (r(q) - r(x))^2  <=  |q - x|^2,
//
// because r(q - x) >= |r(q) - r(x)|. Two bounds are read off one projection:
//
//     fine     z = u[0:a] + r_a v        a coordinates, int8, in panels, for every pair
//     coarse   u[0:a] | u[a:c] + r_c w   c coordinates, int8, by row, for pairs that survive
//
// where v and w are unit vectors orthogonal to the range of the columns they are added to: the
// residual norm costs no coordinate of its own. Rows are kept in a shuffled order, so that the
// first of them are a fair sample whatever the order of the data.
//
// Quantised, z = s z^ + error: |z^q - z^x| s <= d + e_q + e_x by the triangle inequality.
// e holds the measured quantisation error and a bound of all rounding before it; rows for which
// it is unusually large (clipped outliers) simply survive always.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "kernels.hpp"
#include "parallel.hpp"

namespace lookalike {

enum class Metric { squared_euclidean, cosine, manhattan };
enum class DType { u8, i8, f32, f64 };

struct Rows {
    const void* data;
    std::int64_t n;
    std::int64_t d;
    DType dtype;
};

// Chosen in Python from a sample of the rows.
struct Projection {
    std::vector<float> mean;      // d
    std::vector<float> basis;     // d x stride, or empty: W is the identity
    std::vector<float> residual;  // columns: v in the first `fine`, w in the others; zeros: no residual
    int fine = 0;                 // a
    int columns = 0;              // c
    int stride = 0;               // columns rounded up to 16
    double fine_scale = 1;        // one step of z
    double coarse_scale[2] = {1, 1};  // one step of u[0:a], of u[a:c] + r_c w
};

template <class T> struct AlignedAllocator {
    using value_type = T;
    AlignedAllocator() = default;
    template <class U> AlignedAllocator(const AlignedAllocator<U>&) {}
    T* allocate(std::size_t n) {
        return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{64}));
    }
    void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t{64}); }
    template <class U> bool operator==(const AlignedAllocator<U>&) const { return true; }
    template <class U> bool operator!=(const AlignedAllocator<U>&) const { return false; }
};
template <class T> using Aligned = std::vector<T, AlignedAllocator<T>>;

// Projected, quantised rows, in the order in which the filter visits them.
struct FilterRows {
    int width = 0;                      // fine coordinates, rounded up to kPanelStep
    int coarse_width = 0;               // coarse coordinates (0: no coarse bound)
    Aligned<std::int8_t> panels;        // padded to whole groups of panels
    Aligned<std::int32_t> penalties;    // kernels.filter's, padded
    double fine_error = 0;              // largest e_x of the rows that may be rejected
    std::vector<std::int8_t> coarse;    // n x coarse_width
    std::vector<float> coarse_errors;   // e_x of the coarse bound
    std::vector<std::int32_t> order;    // position -> row
};

// One block of queries, quantised likewise.
struct FilterQueries {
    std::vector<std::uint8_t> fine;     // n x width
    std::vector<double> fine_squares;   // |s_q z^q|^2
    std::vector<double> fine_errors;    // e_q; not finite where the filter must not be used
    std::vector<std::int8_t> coarse;
    std::vector<double> coarse_errors;
};

// One thread's projections of a few rows, before they are quantised.
struct Projected {
    std::vector<float> centred;         // n x d
    std::vector<float> columns;         // n x stride: W'x
    std::vector<float> fine;            // n x a: z of the fine bound
    std::vector<float> coarse;          // n x c: z of the coarse bound
    std::vector<double> fine_rounding;  // n: bound of all rounding in z, in distance
    std::vector<double> coarse_rounding;
};

class Index {
public:
    // Without a projection every search is exhaustive. `order` is a permutation of the rows.
    Index(const Kernels& kernels, Metric metric, Rows rows, std::unique_ptr<Projection> projection,
          std::vector<std::int32_t> order, int n_threads);

    // `rows` holds the old rows, perhaps elsewhere in memory, followed by new ones.
    void append(Rows rows, int n_threads);

    // Queries [first, first + n), quantised; `projected` is room to work in.
    void prepare(const Rows& queries, std::int64_t first, int n, Projected& projected,
                 FilterQueries& out) const;

    const Kernels& kernels() const { return kernels_; }
    Metric metric() const { return metric_; }
    const Rows& rows() const { return rows_; }
    const Projection* projection() const { return projection_.get(); }
    const FilterRows& filter() const { return filter_; }
    // One step of a quantised query's fine coordinates.
    double query_scale() const { return projection_->fine_scale * 127 / kernels_.query_levels; }
    double square_of_row(std::int64_t row) const { return squares_[static_cast<std::size_t>(row)]; }
    // Memory beyond the rows themselves.
    std::size_t bytes() const;

private:
    void add_rows(std::int64_t first, int n_threads);
    void quantise_group(std::int64_t group, Projected& projected, double& largest_error);

    const Kernels& kernels_;
    Metric metric_;
    Rows rows_;
    std::unique_ptr<Projection> projection_;
    FilterRows filter_;
    std::vector<double> squares_;  // |x|^2 of each row, for cosine only
};

// |x|^2 of row i, exact for integers.
double square_of(const Kernels& kernels, const Rows& rows, std::int64_t i);

}  // namespace lookalike
