// The index: quantised rows in the order of the filter, in addition to the user's array.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
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
    Stored<std::int8_t> coarse;         // n x coarse_width, padded with zeros
    Stored<float> coarse_errors;        // e_x of the coarse bound
    Stored<std::int32_t> order;         // position -> row
    Leaves leaves;
};

// Quantises the coarse coordinates of row i of `projected`; returns the error of a distance.
double quantise_coarse(const Kernels& kernels, const Projection& projection, const FilterRows& filter,
                       const Projected& projected, int i, std::int8_t* out);

// The numbers of an index apart from its rows and its projection, in memory that the caller keeps.
struct SavedIndex {
    std::map<std::string, std::pair<const void*, std::size_t>> arrays;  // with their sizes in bytes, possibly padded
    std::vector<double> numbers;
};

class Index {
public:
    // Without a projection, or a coding for manhattan, every search is exhaustive. With shifts (squared_euclidean only) the rows
    // are searched as if all their shifted images followed them, shift by shift.
    Index(const Kernels& kernels, Metric metric, Rows rows, std::unique_ptr<Projection> projection,
          int n_threads, const Watch& watch, std::unique_ptr<Shifts> shifts = nullptr,
          std::unique_ptr<ManhattanCodes> codes = nullptr);

    // The index of the same rows, metric, projection, shifts and coding that `saved` is of; throws std::invalid_argument if it
    // cannot be. Kernels may be others.
    Index(const Kernels& kernels, Metric metric, Rows rows, std::unique_ptr<Projection> projection,
          const SavedIndex& saved, std::unique_ptr<Shifts> shifts, std::unique_ptr<ManhattanCodes> codes);
    // Points into the index.
    SavedIndex saved() const;

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
    // False if the values of some row may not be finite. It is known of an index with bounds that was built.
    bool is_finite() const { return is_finite_; }
    // Memory in addition to the rows.
    std::size_t bytes() const;

private:
    void shape();
    void add_rows(std::int64_t first, int n_threads, const Watch& watch);

    const Kernels& kernels_;
    Metric metric_;
    Rows rows_;
    std::unique_ptr<Projection> projection_;
    std::unique_ptr<Shifts> shifts_;
    std::unique_ptr<ManhattanCodes> codes_;
    FilterRows filter_;
    EdgeInk edge_ink_;             // only with shifts and a projection
    Stored<double> squares_;       // |x|^2 of each row, only for cosine
    bool is_finite_ = false;

    // Shows all numbers by their names, see(name, numbers).
    template <class Self, class See> static void each(Self& self, const See& see) {
        see("fine", self.filter_.fine.rows);
        see("fine_penalties", self.filter_.fine.penalties);
        see("wide", self.filter_.wide.rows);
        see("wide_penalties", self.filter_.wide.penalties);
        see("coarse", self.filter_.coarse);
        see("coarse_errors", self.filter_.coarse_errors);
        see("order", self.filter_.order);
        see("centroids", self.filter_.leaves.centroids);
        see("half_squares", self.filter_.leaves.half_squares);
        see("squares", self.squares_);
        if (self.codes_) ManhattanCodes::each(*self.codes_, see);
        EdgeInk::each(self.edge_ink_, [&](std::size_t band, auto& sums) { see("edge_ink" + std::to_string(band), sums); });
    }
};

}  // namespace lookalike
