// Non-local means (Buades, Coll, Morel 2005): pixels of an image are averaged with those of the same image that
// have similar surroundings. There are two readings of the same similarities: for the mean square difference d
// of surroundings, the weights are exp(-sharpness d) and exp(-4 sharpness d).
//
// Surroundings are compared in integers, whose sums are exact: an image gets the same result wherever it lies in
// a larger one.
#pragma once

#include <cstdint>

#include "kernels.hpp"
#include "parallel.hpp"

namespace lookalike {

// All arrays have the shape (n, n_channels, height, width) unless another is given:
// guide:  values to compare, 0 … kMostGuide
// values: values to average, times counts
// counts: the weight of each value
// sums, weights: (n, 2, n_channels, height, width), of the values and of the counts, the sharp reading first.
// Surroundings that extend beyond the image are compared in the part inside.
void average_likes(const Kernels& kernels, const Likeness& likeness, const std::int32_t* guide, const float* values,
                   const float* counts, std::int64_t n, int n_threads, float* sums, float* weights, const Watch& watch);

}  // namespace lookalike
