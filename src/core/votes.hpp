// Winners of weighted votes.
//
// Votes are added nearest first; the lowest class wins a tie, and class 0 if there are no votes. Weights are
// finite and at least 0.
#pragma once

#include <cstdint>

#include "parallel.hpp"

namespace lookalike {

// The winners among the first ks[0], ks[1], … neighbours of each query, in one pass over the neighbours.
//
// codes, weights: (n, k), the class of each neighbour, in 0 … n_classes - 1, and its weight
// ks:             (n_ks), ascending, each in 1 … k
// winners:        (n, n_ks)
void winners_at(const std::int32_t* codes, const double* weights, std::int64_t n, std::int64_t k,
                std::int32_t n_classes, const std::int64_t* ks, std::int64_t n_ks, std::int32_t* winners);

// The winners in each of many outputs, for example the pixels of an image.
//
// codes:         (rows, m), the class of each row in each output, one or two bytes each
// rows, weights: (n, k), the neighbours of each query and their weights
// winners:       (n, m)
template <class Code>
void winners_of_outputs(const Code* codes, std::int64_t m, const std::int64_t* rows, const double* weights,
                        std::int64_t n, std::int64_t k, int n_threads, Code* winners, const Watch& watch);

}  // namespace lookalike
