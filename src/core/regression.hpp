// Anchored neighbourhood regression (A+; Timofte, De Smet, Van Gool 2014): the linear regression of the anchor
// nearest to a pixel's key predicts the pixel from a window around it.
//
// The key is a window of the first channels, those of an earlier estimate. Anchors are ordered by norm, in
// blocks in which each coordinate of all anchors is contiguous, so that one vector holds as many anchors as it
// has lanes.
#pragma once

#include <cstdint>

#include "kernels.hpp"
#include "parallel.hpp"

namespace lookalike {

// channels: (n, height + 2 radius + 1, width + 2 radius, n_channels): no window includes the last row, but
//           padded rows of weights extend beyond the window
// out:      (n, height, width, n_outputs)
void regress_images(const Kernels& kernels, const Regression& regression, const float* channels, std::int64_t n,
                    int n_threads, float* out, const Watch& watch);

}  // namespace lookalike
