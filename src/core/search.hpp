// Search for the k nearest rows of each query in an index.
#pragma once

#include <cstdint>

#include "index.hpp"
#include "parallel.hpp"

namespace lookalike {

struct Request {
    Rows queries;  // of the index's dtype and width
    std::int64_t k;
    // A row of the query's own group is never its neighbour; null: no groups.
    const std::int64_t* query_groups = nullptr;
    const std::int64_t* row_groups = nullptr;
    int n_threads = 1;
    std::int64_t working_memory = 256 << 20;  // bytes, all threads together
};

inline bool excluded(const Request& request, std::int64_t query, std::int64_t row) {
    return request.row_groups && request.query_groups[query] == request.row_groups[row];
}

struct Answer {
    // n_queries x k, nearest first, ties by row. In an index with shifts, row r under shift s has the
    // number s * n_rows + r. Distances are squared for squared_euclidean. Slots beyond the number of
    // eligible rows hold an infinite distance and the row INT64_MAX.
    double* distances;
    std::int64_t* rows;
    std::int64_t distances_computed = 0;  // exact distances, all queries together
};

// `job.done` counts queries; a stopped job leaves the answer incomplete.
void search(const Index& index, const Request& request, Answer& answer, Job& job, const Watch& watch);

}  // namespace lookalike
