// Handwriting stripped of slant and of half of its size, by the moments of its ink.
//
// With the mass m, the centroid (cx, cy) and the central sums xx, xy, yy of an image's grey values:
//     slant  a = xy / yy            vx = (xx - 2 a xy + a^2 yy) / m        vy = yy / m
//     sx = (sqrt(vx) / target_x)^(1/2)      sy = (sqrt(vy) / target_y)^(1/2)
// and the pixel (i, j) of the new image is what the old one has, between its pixels, at
//     y = cy + (i - (height - 1) / 2) sy
//     x = cx + (j - (width - 1) / 2) sx + a (i - (height - 1) / 2) sy.
// A square root, for half of what sizes differ by is what sets letters apart. Ink without extent along an axis
// (a single row or column) counts as a hundredth of a pixel wide. Moments are whole numbers, and so exact.
#pragma once

#include <cstdint>

#include "parallel.hpp"

namespace lookalike {

struct Strokes {
    int height, width, n_channels;
    double target_x, target_y;  // standard deviations, in pixels
};

// images, out: (n, height, width, n_channels); channels move together, by the moments of their sum. Without
// ink an image stays as it is.
void normalize_strokes(const Strokes& strokes, const std::uint8_t* images, std::int64_t n, int n_threads, std::uint8_t* out,
                       const Watch& watch);

// The standard deviations along x, slant taken away, and along y: (n, 2), zeros without ink.
void stroke_extents(const Strokes& strokes, const std::uint8_t* images, std::int64_t n, int n_threads, double* out,
                    const Watch& watch);

}  // namespace lookalike
