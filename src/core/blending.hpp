// Explains a noisy image by whole clean images: each pixel is a weighted mean of its neighbours' pixels,
// where each neighbour is moved a little.
//
// Let A[v][x] be the cost of a noisy value v if a matched clean pixel is x. A neighbour y moved by s counts at
// pixel p with the weight
//     w = exp(-sum of g(q) A[v(p + q)][y(p + q - s)] over the offsets q of a window, without q = 0)
// (g(q) weights the window), so that the noise of a pixel does not influence its weights. The estimate is
//     sum of w M[v(p)][y(p - s)] / sum of w Z[v(p)][y(p - s)]
// where M and Z are the mean and the evidence of v given y. Costs and weights w are integers: sums are exact,
// and all instruction sets give the same result. Several readings use the same costs with different sharpness.
#pragma once

#include <cstdint>

#include "kernels.hpp"
#include "parallel.hpp"

namespace lookalike {

// noisy: (n, height, width), each pixel in 0 … n_values - 1
// rows: clean images, (height x width) bytes each; neighbours: (n, k), rows of each noisy image
// estimate, spread: (n_readings, n, height, width); the spread is that of the neighbours' pixels
// truth: null, or (n, height, width) clean images; then joint: (256, 256), to which the weights of each
//        pair (matched pixel, true pixel) in the last reading are added, in units of 1 / kVote
void blend_neighbours(const Kernels& kernels, const Blending& blending, const std::uint16_t* noisy,
                      const std::uint8_t* rows, const std::int64_t* neighbours, std::int64_t n, int n_threads,
                      float* estimate, float* spread, const std::uint8_t* truth, std::int64_t* joint,
                      const Watch& watch);

}  // namespace lookalike
