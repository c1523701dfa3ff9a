// A noisy image explained by whole clean images: each pixel is a weighted mean over its neighbours'
// pixels, each neighbour moved a little.
//
// With A[v][x] the cost of seeing v where a matched clean pixel is x, a neighbour y moved by s counts at
// pixel p
//     w = exp(-sum of g(q) A[v(p + q)][y(p + q - s)] over the offsets q of a window, q = 0 left out)
// (g(q) weights the window)
// so that a pixel's own noise has no say in whom it listens to; the estimate is then
//     sum of w M[v(p)][y(p - s)] / sum of w Z[v(p)][y(p - s)]
// with M and Z the mean and the evidence of v given y. Costs and votes w are whole numbers: sums are exact,
// and every instruction set finds the same. The costs can be read several times, sharply and less so.
#pragma once

#include <cstdint>

#include "kernels.hpp"
#include "parallel.hpp"

namespace lookalike {

// noisy: (n, height, width), each pixel in 0 … n_values - 1
// rows: clean images, (height x width) bytes each; neighbours: (n, k), rows of each noisy image
// estimate, spread: (n_readings, n, height, width), the spread that of the neighbours' pixels
// truth: null, or (n, height, width) clean images; then joint: (256, 256), to which the weights of each
//        pair (a matched pixel, the true one) in the last reading are added, in units of 1 / kVote
void blend_neighbours(const Kernels& kernels, const Blending& blending, const std::uint16_t* noisy,
                      const std::uint8_t* rows, const std::int64_t* neighbours, std::int64_t n, int n_threads,
                      float* estimate, float* spread, const std::uint8_t* truth, std::int64_t* joint,
                      const Watch& watch);

}  // namespace lookalike
