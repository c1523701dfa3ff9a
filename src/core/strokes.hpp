// Normalization of handwriting by the moments of its ink: slant is removed, size moved halfway to a target.
//
// With the mass m, the centroid (cx, cy) and the central sums xx, xy, yy of an image's grey values:
//     slant  a = xy / yy            vx = (xx - 2 a xy + a^2 yy) / m        vy = yy / m
//     sx = (sqrt(vx) / target_x)^(1/2)      sy = (sqrt(vy) / target_y)^(1/2)
// and the pixel (i, j) of the new image is the old image, interpolated, at
//     y = cy + (i - (height - 1) / 2) sy
//     x = cx + (j - (width - 1) / 2) sx + a (i - (height - 1) / 2) sy.
// The square root keeps half of the differences in size, which distinguish letters. Ink without extent along an
// axis (a single row or column) counts as a hundredth of a pixel wide. Moments are integers, hence exact.
#pragma once

#include <cstdint>

#include "parallel.hpp"

namespace lookalike {

struct Strokes {
    int height, width, n_channels;
    double target_x, target_y;  // standard deviations, in pixels
};

// images, out: (n, height, width, n_channels); all channels move by the moments of their sum. An image without
// ink stays unchanged.
void normalize_strokes(const Strokes& strokes, const std::uint8_t* images, std::int64_t n, int n_threads, std::uint8_t* out,
                       const Watch& watch);

// The standard deviations along x, without slant, and along y: (n, 2), zeros without ink.
void stroke_extents(const Strokes& strokes, const std::uint8_t* images, std::int64_t n, int n_threads, double* out,
                    const Watch& watch);

}  // namespace lookalike
