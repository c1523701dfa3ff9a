// The image deformation model (Keysers, Deselaers, Gollan, Ney 2007): the distance of two images if each pixel
// may move a little, at a cost.
//
// Both images are described by their gradients: with g the Sobel gradient at a pixel, |g| its length, t its
// angle and A = 63 sqrt(|g| / 1000) if |g| > 15, else 0, a pixel has
//     0.95 A (cos t, sin t)   and   0.6 A (cos 2t, sin 2t),
// rounded, within -63 ... 63. The difference of two pixels is the sum over both planes of the squared distance
// in a plane, shifted right by 3, at most kMostDifference. For every move (di, dj) of at most `shift` pixels
// along each axis, the cost is the sum of the differences in a window of radius `window` around the pixel, plus
// the penalty of the move. The distance is the sum, over the pixels of the fixed image, of the least cost.
// Forward the query is fixed and the other image's pixels move; backward it is the other way round. All values
// are integers, so all instruction sets give the same result. Planes are computed anew for each pair, because
// storing them would take four bytes per pixel of every training image.
#pragma once

#include <cstdint>

#include "kernels.hpp"
#include "parallel.hpp"

namespace lookalike {

// queries: (n_queries, height, width); images: (any, height, width); candidates: (n_queries, k), their rows
// distances: (n_queries, k)
// fields: null, or (n_queries, k, 2, height, width): the move of each pixel, down and right
void deformation_distances(const Kernels& kernels, const Deformation& deformation, const std::uint8_t* queries,
                           const std::uint8_t* images, const std::int64_t* candidates, std::int64_t n_queries,
                           std::int64_t k, bool backward, int n_threads, std::int64_t* distances, std::int8_t* fields,
                           const Watch& watch);

}  // namespace lookalike
