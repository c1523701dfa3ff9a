// Winners of weighted votes, at several numbers of neighbours in one walk along the neighbours.
#pragma once

#include <cstdint>

namespace lookalike {

// Who has most votes among the first ks[0], ks[1], … neighbours of each query. Votes are added
// nearest first; of classes with equal votes the lowest wins, of no votes at all class 0.
//
// codes, weights: (n, k), the class of each neighbour, in 0 … n_classes - 1, and what it counts,
//                 at least 0 and finite
// ks:             (n_ks), ascending, each in 1 … k
// winners:        (n, n_ks)
void winners_at(const std::int32_t* codes, const double* weights, std::int64_t n, std::int64_t k,
                std::int32_t n_classes, const std::int64_t* ks, std::int64_t n_ks, std::int32_t* winners);

}  // namespace lookalike
