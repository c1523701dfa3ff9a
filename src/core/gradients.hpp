// Histograms of oriented gradients (Dalal, Triggs 2005): the strength of edges in each of n directions of the
// full circle, in each cell of a grid.
//
// A pixel's gradient comes from 3 x 3 Sobel filters with zeros beyond the border, of the channel with the
// largest one. Its magnitude (or the square root of it) is shared between the two nearest directions; a
// Gaussian around each cell's centre sums it up, and the square roots of the sums are the features. Sums have a
// fixed order and no fused operations, so that all instruction sets give the same values.
#pragma once

#include <cstdint>

#include "kernels.hpp"
#include "parallel.hpp"

namespace lookalike {

// images: (n, height, width, n_channels)
// out:    (n, n_orientations, cells_down, cells_across)
void orient_gradients(const Kernels& kernels, const Gradients& gradients, const std::uint8_t* images, std::int64_t n,
                      int n_threads, float* out, const Watch& watch);

}  // namespace lookalike
