// Quantised queries for a whole part of a search: they are projected once, then sorted by their nearest
// leaves and searched in blocks.
#pragma once

#include <cstdint>
#include <vector>

#include "index.hpp"

namespace lookalike {

// A query has an entry for each shift of the index, moved back by it: query i under shift v is at
// i * n_shifts + v.
struct FilterQueries {
    FilterQueries(const Index& index, std::int64_t n, int n_leaves_);

    int n_shifts;
    int n_leaves;
    QueryLevels fine, wide;
    Aligned<std::int8_t> coarse;
    std::vector<double> coarse_errors;
    std::vector<double> lost;           // with shifts: lost(S', q)
    std::vector<std::int32_t> leaves;   // n x n_leaves: the nearest, nearest first

    static std::int64_t bytes_of_one(const Index& index, int n_leaves);
};

// Memory of one thread for the preparation of queries; reused from call to call.
struct Preparation {
    Projected projected;
    std::vector<float> leaf_distances, least;
    std::vector<std::int32_t> leaves;
    std::vector<std::int64_t> ids;
    std::vector<std::uint64_t> shifted;  // images moved back, of any dtype
    std::vector<float> centred;          // one query

    static std::int64_t bytes_of_one(const Index& index);
};

// Prepares the queries [begin, begin + n) of a part that starts with query `first`.
void prepare(const Index& index, const Rows& queries, std::int64_t first, std::int64_t begin, int n,
             Preparation& preparation, FilterQueries& out);

}  // namespace lookalike
