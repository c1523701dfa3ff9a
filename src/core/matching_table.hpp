// Functions of a neighbour table whose rows are vectors of small integers.
#pragma once

#include <cstdint>

#include "parallel.hpp"

namespace lookalike {

struct CandidateTable {
    const std::int64_t* indices;   // n x k, rows of the training set
    const double* distances;       // n x k
    std::int64_t n, k;
};

// Multiplies each distance by the factor of its row and sorts by (distance, row).
// out_indices, out_distances: (n, k)
void rescale_table(const CandidateTable& table, const double* factors, int n_threads, std::int64_t* out_indices,
                   double* out_distances, const Watch& watch);

// For each of `n_ks` ascending numbers k the sum of the k smallest distances to each class; a missing neighbour
// counts with the largest distance of the table. Distances ascend.
// codes: the class of each training row; sums: (n_ks, n, n_classes)
void sum_classes(const CandidateTable& table, const std::int32_t* codes, std::int64_t n_classes, const std::int64_t* ks,
                 std::int64_t n_ks, int n_threads, double* sums, const Watch& watch);

// The squared distance of each query to the local hyperplane (Vincent, Bengio 2001) through its k nearest rows
// of each class, at most kMostNearest: with centred rows Z, their mean m and the ridge r = ridge trace(Z Z') / k
//     w = (Z Z' + r I)^-1 Z (q - m)        |q - m - Z' w|^2 + r |w|^2
// All dot products are exact; the rest is computed in double, in a fixed order. -1 if a class has no row.
// queries: (n, d), rows: (any, d); out: (n, n_classes)
constexpr int kMostNearest = 32;
struct Hyperplanes {
    const std::int8_t* queries;
    const std::int8_t* rows;
    std::int64_t d;
    int k;
    double ridge;
};
void hyperplane_distances(const Hyperplanes& hyperplanes, const CandidateTable& table, const std::int32_t* codes,
                          std::int64_t n_classes, int n_threads, double* out, const Watch& watch);

}  // namespace lookalike
