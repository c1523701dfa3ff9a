// Anchored neighbourhood regression (A+; Timofte, De Smet, Van Gool 2014): each pixel of an image is
// predicted from a window around it by the linear regression of the anchor that its key is nearest to.
//
// The key is a window of the first channels, those of an earlier estimate. Anchors stand by increasing norm,
// in blocks, whose anchors lie beside each other in memory, coordinate by coordinate, so that one vector
// holds as many of them as it has lanes.
#pragma once

#include <cstdint>

#include "kernels.hpp"
#include "parallel.hpp"

namespace lookalike {

// channels: (n, height + 2 radius + 1, width + 2 radius, n_channels): with a last row that no window has,
//           for padded rows of weights reach beyond the window's
// out:      (n, height, width, n_outputs)
void regress_images(const Kernels& kernels, const Regression& regression, const float* channels, std::int64_t n,
                    int n_threads, float* out, const Watch& watch);

}  // namespace lookalike
