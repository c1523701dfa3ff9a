// Non-local means (Buades, Coll, Morel 2005): pixels of an image averaged with those of the same image whose
// surroundings are like theirs. By two readings of the same likenesses: for the mean square difference d of
// surroundings, weights exp(-sharpness d) and exp(-4 sharpness d).
//
// Surroundings are compared in whole numbers, whose sums are exact: an image gets the same wherever it lies in
// a larger one.
#pragma once

#include <cstdint>

#include "kernels.hpp"
#include "parallel.hpp"

namespace lookalike {

// All of them (n, n_channels, height, width), channel behind channel:
// guide:  what is compared, 0 … kMostGuide
// values: what is averaged, times counts
// counts: what each value counts
// sums, weights: (n, 2, n_channels, height, width), of the values and of the counts, the sharp reading first.
// Surroundings that reach beyond the image are compared as far as they lie within.
void average_likes(const Kernels& kernels, const Likeness& likeness, const std::int32_t* guide, const float* values,
                   const float* counts, std::int64_t n, int n_threads, float* sums, float* weights, const Watch& watch);

}  // namespace lookalike
