// The index: quantised rows in the order of the filter, in addition to the user's array.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "aligned.hpp"
#include "bounds.hpp"
#include "kernels.hpp"
#include "leaves.hpp"
#include "manhattan.hpp"
#include "panels.hpp"
#include "parallel.hpp"
#include "shifts.hpp"

namespace lookalike {

// Quantised rows in the order of the leaves, followed by rows that were appended later.
struct FilterRows {
    Panels fine;
    Panels wide;                        // empty: no wide bound
    int coarse_steps[2] = {};           // lengths of u[0:a] and of the rest, in units of kCoarseStep
    int coarse_width = 0;               // length of both in bytes, padded; 0: no coarse bound
    Aligned<std::int8_t> coarse;        // n x coarse_width, padded with zeros
    std::vector<float> coarse_errors;   // e_x of the coarse bound
    std::vector<std::int32_t> order;    // position -> row
    Leaves leaves;
};

// Quantises the coarse coordinates of row i of `projected`; returns the error of a distance.
double quantise_coarse(const Kernels& kernels, const Projection& projection, const FilterRows& filter,
                       const Projected& projected, int i, std::int8_t* out);

class Index {
public:
    // Without a projection, or a coding for manhattan, every search is exhaustive. With shifts (squared_euclidean only) the rows
    // are searched as if all their shifted images followed them, shift by shift.
    Index(const Kernels& kernels, Metric metric, Rows rows, std::unique_ptr<Projection> projection,
          int n_threads, const Watch& watch, std::unique_ptr<Shifts> shifts = nullptr,
          std::unique_ptr<ManhattanCodes> codes = nullptr);

    // `rows` holds the old rows, possibly moved in memory, followed by new ones.
    void append(Rows rows, int n_threads, const Watch& watch);

    const Kernels& kernels() const { return kernels_; }
    Metric metric() const { return metric_; }
    const Rows& rows() const { return rows_; }
    const Projection* projection() const { return projection_.get(); }
    const FilterRows& filter() const { return filter_; }
    const Shifts* shifts() const { return shifts_.get(); }
    const ManhattanCodes* codes() const { return codes_.get(); }
    const EdgeInk& edge_ink() const { return edge_ink_; }
    double square_of_row(std::int64_t row) const { return squares_[static_cast<std::size_t>(row)]; }
    // Memory in addition to the rows.
    std::size_t bytes() const;

private:
    void add_rows(std::int64_t first, int n_threads, const Watch& watch);

    const Kernels& kernels_;
    Metric metric_;
    Rows rows_;
    std::unique_ptr<Projection> projection_;
    std::unique_ptr<Shifts> shifts_;
    std::unique_ptr<ManhattanCodes> codes_;
    FilterRows filter_;
    EdgeInk edge_ink_;             // only with shifts and a projection
    std::vector<double> squares_;  // |x|^2 of each row, only for cosine
};

}  // namespace lookalike
