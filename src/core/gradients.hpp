// Histograms of oriented gradients (Dalal, Triggs 2005): of each cell of a grid, how strong edges are in each
// of n directions over the full circle.
//
// A pixel's gradient comes from 3 x 3 Sobel filters, zeros beyond the frame, of the channel where it is
// largest. Its magnitude (or the square root of it) goes to the two nearest directions, in proportion; a
// Gaussian around each cell's middle sums it up, and the sums' square roots are the features. Sums run in a
// fixed order and nothing is fused, so that every instruction set finds the same values.
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
