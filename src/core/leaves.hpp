// An order of rows in which similar ones are adjacent, cut into leaves of equal size.
//
// A query that visits a well-chosen leaf first has a good radius before it meets the other rows. Any
// order gives exact answers; this one comes from repeated halving of the rows between two distant
// ones (a principal direction tree; McCartin-Lim, McGregor & Wang, 2012).
#pragma once

#include <cstdint>
#include <vector>

#include "aligned.hpp"
#include "kernels.hpp"
#include "parallel.hpp"

namespace lookalike {

constexpr std::int64_t kLeafRows = 128;

struct Leaves {
    std::int64_t n = 0;                // rows in leaves; the last leaf may be short
    int stride = 0;                    // leaves rounded up to kColumnStep
    Stored<float> centroids;           // width x stride, laid out like a basis; in steps of the quantised rows
    Stored<float> half_squares;        // stride; infinite beyond the last leaf

    std::int64_t count() const { return (n + kLeafRows - 1) / kLeafRows; }
};

// Orders n rows of `steps` * kCoarseStep quantised coordinates: position -> row.
Aligned<std::int32_t> similar_together(const Kernels& kernels, const std::int8_t* rows, std::int64_t n,
                                       int steps, int n_threads, const Watch& watch);

// Centroids of the leaves of `order`, over the first `width` coordinates.
Leaves make_leaves(const std::int8_t* rows, const Aligned<std::int32_t>& order, int steps, int width);

}  // namespace lookalike
