// The wide bound: rows are centred and quantised, but not projected.
//
// Noise spreads over all coordinates: few coordinates give poor bounds, and all of them cost too much
// for every pair. So the filter uses a few, and if any pair of a query and a group of panels survives,
// all pairs of the two are filtered again with all coordinates. A kernel needs less time for this than
// for a few pairs one by one; and since similar rows are adjacent, most groups lose all their pairs at
// once.
#pragma once

#include <cstdint>
#include <vector>

#include "index.hpp"
#include "queries.hpp"

namespace lookalike {

// Fills the wide panels of a filter with the rows at the positions first ….
void add_wide(const Kernels& kernels, const Projection& projection, Metric metric, const Rows& rows, std::int64_t first,
              int n_threads, const Watch& watch, FilterRows& filter);

// One thread's filter on all coordinates, for a block of queries and a block of rows at a time.
class WideFilter {
public:
    // For a search of the queries first …, in blocks of at most this many queries and rows.
    WideFilter(const Index& index, const FilterQueries& queries, std::int64_t first, std::int64_t block, std::int64_t block_rows);

    // Memory of one query of a block.
    static std::int64_t bytes_of_one(const Index& index, std::int64_t block_rows);

    void take(const std::int64_t* ids, int n);
    // Limits query i of the block to this radius from now on.
    void tighten(int i, double radius);
    // Filters the groups of `count` pairs of a block of rows that starts with panel `begin`. Replaces the pairs by
    // the survivors, for each query panel by panel; returns their number.
    std::size_t narrow(Survivor* pairs, std::size_t count, std::int64_t begin);

private:
    const Kernels& kernels_;
    const Panels& rows_;
    const QueryLevels& queries_;
    std::int64_t first_;
    const std::int64_t* ids_ = nullptr;
    std::vector<std::uint8_t> levels_;  // levels of the block's queries
    std::vector<std::int32_t> thresholds_;
    std::vector<std::vector<std::int32_t>> chosen_;  // queries to filter each group with
    std::vector<std::uint64_t> groups_;  // for each query, the groups that it is chosen for: one bit per group
};

}  // namespace lookalike
