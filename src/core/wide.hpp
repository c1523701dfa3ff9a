// The wide bound: rows as they are, centred and quantised but not projected.
//
// Noise is spread over all coordinates: a few of them bound distances badly, all of them cost too much
// for every pair. So the filter has a few, and where it leaves any pair of a query and a group of
// panels, all pairs of the two are filtered again, on all coordinates. That takes a kernel less time
// than a few pairs one by one; and similar rows stand together, so most groups lose all their pairs
// at once.
#pragma once

#include <cstdint>
#include <vector>

#include "index.hpp"
#include "queries.hpp"

namespace lookalike {

// Fills the wide panels of a filter with the rows at the positions first ….
void add_wide(const Kernels& kernels, const Projection& projection, Metric metric, const Rows& rows, std::int64_t first,
              int n_threads, const Watch& watch, FilterRows& filter);

// One thread's filter on all coordinates, of a block of queries and a block of rows at a time.
class WideFilter {
public:
    // Of a search of queries first …, in blocks of at most so many queries and rows.
    WideFilter(const Index& index, const FilterQueries& queries, std::int64_t first, std::int64_t block, std::int64_t block_rows);

    // Memory of one query of a block.
    static std::int64_t bytes_of_one(const Index& index, std::int64_t block_rows);

    void take(const std::int64_t* ids, int n);
    // Query i of the block looks no farther than this from now on.
    void tighten(int i, double radius);
    // Filters the groups of `count` pairs of a block of rows that starts with panel `begin`. Puts what
    // is left in their place, those of a query panel by panel; returns how many.
    std::size_t narrow(Survivor* pairs, std::size_t count, std::int64_t begin);

private:
    const Kernels& kernels_;
    const Panels& rows_;
    const QueryLevels& queries_;
    std::int64_t first_;
    const std::int64_t* ids_ = nullptr;
    std::vector<std::uint8_t> levels_;  // of the block's queries
    std::vector<std::int32_t> thresholds_;
    std::vector<std::vector<std::int32_t>> chosen_;  // the queries that each group is filtered with
    std::vector<std::uint64_t> groups_;  // of each query, where it is among the chosen: one bit a group
};

}  // namespace lookalike
