// The index: rows as the filter visits them, beside the user's own array.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "bounds.hpp"
#include "kernels.hpp"
#include "leaves.hpp"
#include "parallel.hpp"

namespace lookalike {

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

// Quantised rows in the order of the leaves; rows that were appended later stand behind them.
struct FilterRows {
    int width = 0;                      // fine coordinates, rounded up to kPanelStep
    int coarse_steps[2] = {};           // of u[0:a] and of the rest, in steps of kCoarseStep
    int coarse_width = 0;               // both together in coordinates; 0: no coarse bound
    Aligned<std::int8_t> panels;        // padded to whole groups of panels
    Aligned<std::int32_t> penalties;    // kernels.filter's, padded
    double fine_error = 0;              // largest e_x of the rows that may be rejected
    std::vector<std::int8_t> coarse;    // n x coarse_width, padded with zeros
    std::vector<float> coarse_errors;   // e_x of the coarse bound
    std::vector<std::int32_t> order;    // position -> row
    Leaves leaves;
};

// One block of queries, quantised likewise.
struct FilterQueries {
    std::vector<std::uint8_t> fine;     // n x width
    std::vector<double> fine_squares;   // |s_q z^q|^2
    std::vector<double> fine_errors;    // e_q; not finite where the filter must not be used
    std::vector<std::int8_t> coarse;
    std::vector<double> coarse_errors;
};

class Index {
public:
    // Without a projection every search is exhaustive.
    Index(const Kernels& kernels, Metric metric, Rows rows, std::unique_ptr<Projection> projection,
          int n_threads, const Watch& watch);

    // `rows` holds the old rows, perhaps elsewhere in memory, followed by new ones.
    void append(Rows rows, int n_threads, const Watch& watch);

    // The queries that ids[0 … n - 1] name, quantised; their coordinates stay in `projected`.
    void prepare(const Rows& queries, const std::int64_t* ids, int n, Projected& projected,
                 FilterQueries& out) const;
    // Half the squared distances of projected queries to all leaves' centroids, up to a constant
    // a query: n x leaves.stride.
    void leaf_distances(const Projected& projected, int n, std::vector<float>& out) const;
    // The leaf nearest to each query.
    void nearest_leaves(const Rows& queries, const std::int64_t* ids, int n, Projected& projected,
                        std::vector<float>& distances, std::int32_t* out) const;

    const Kernels& kernels() const { return kernels_; }
    Metric metric() const { return metric_; }
    const Rows& rows() const { return rows_; }
    const Projection* projection() const { return projection_.get(); }
    const FilterRows& filter() const { return filter_; }
    // One step of a quantised query's fine coordinates.
    float query_scale() const {
        return projection_->fine_scale * 127 / static_cast<float>(kernels_.query_levels);
    }
    double square_of_row(std::int64_t row) const { return squares_[static_cast<std::size_t>(row)]; }
    // Memory beyond the rows themselves.
    std::size_t bytes() const;

private:
    void add_rows(std::int64_t first, int n_threads, const Watch& watch);

    const Kernels& kernels_;
    Metric metric_;
    Rows rows_;
    std::unique_ptr<Projection> projection_;
    FilterRows filter_;
    std::vector<double> squares_;  // |x|^2 of each row, for cosine only
};

}  // namespace lookalike
