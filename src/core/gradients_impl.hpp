// The implementation of the oriented gradients (gradients.hpp), compiled for each instruction set.
// kernels_impl.hpp explains why all functions are local. The compiler vectorises loops over a row.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels.hpp"

namespace lookalike {
namespace {

// The angle of (x, y) in [0, n], where n is the full circle, to 1e-5 radians: a polynomial of the quotient of
// the smaller and the larger one, and the octant.
inline float turn_of(float x, float y, float scale) {
    const float ax = x < 0 ? -x : x, ay = y < 0 ? -y : y;
    const float large = ax > ay ? ax : ay, small = ax > ay ? ay : ax;
    const float a = small / (large > 1e-9f ? large : 1e-9f), s = a * a;
    float r = -0.01172120f * s + 0.05265332f;
    r = r * s + -0.11643287f;
    r = r * s + 0.19354346f;
    r = r * s + -0.33262347f;
    r = r * s + 0.99997726f;
    r = r * a;
    r = ay > ax ? 1.57079633f - r : r;
    r = x < 0 ? 3.14159265f - r : r;
    r = y < 0 ? 6.28318531f - r : r;
    return r * scale;
}

inline void to_floats(const std::uint8_t* LOOKALIKE_RESTRICT from, int step, int n, float* LOOKALIKE_RESTRICT to) {
    if (step == 1)
        for (int x = 0; x < n; ++x) to[x] = static_cast<float>(from[x]);
    else
        for (int x = 0; x < n; ++x) to[x] = static_cast<float>(from[x * step]);
}

inline void sobel_row(const float* a, const float* b, const float* c, int n, float* LOOKALIKE_RESTRICT right, float* LOOKALIKE_RESTRICT below) {
    for (int x = 0; x < n; ++x) {
        right[x] = ((a[x + 2] - a[x]) + (c[x + 2] - c[x])) + 2.0f * (b[x + 2] - b[x]);
        below[x] = ((c[x] - a[x]) + (c[x + 2] - a[x + 2])) + 2.0f * (c[x + 1] - a[x + 1]);
    }
}

// Takes the gradients of a channel where they are larger than those so far.
inline void keep_larger(const float* LOOKALIKE_RESTRICT right, const float* LOOKALIKE_RESTRICT below, int n, float* LOOKALIKE_RESTRICT best_right,
                        float* LOOKALIKE_RESTRICT best_below) {
    for (int x = 0; x < n; ++x) {
        const float own = right[x] * right[x] + below[x] * below[x];
        const float best = best_right[x] * best_right[x] + best_below[x] * best_below[x];
        best_right[x] = own > best ? right[x] : best_right[x];
        best_below[x] = own > best ? below[x] : best_below[x];
    }
}

inline void polar_row(const float* LOOKALIKE_RESTRICT right, const float* LOOKALIKE_RESTRICT below, int n, float scale, bool root,
                      float* LOOKALIKE_RESTRICT magnitude, float* LOOKALIKE_RESTRICT angle) {
    for (int x = 0; x < n; ++x) {
        magnitude[x] = std::sqrt(right[x] * right[x] + below[x] * below[x]);
        angle[x] = turn_of(right[x], below[x], scale);
    }
    if (root)
        for (int x = 0; x < n; ++x) magnitude[x] = std::sqrt(magnitude[x]);
}

inline bool any_positive(const float* values, int n) {
    std::int32_t any = 0;
    for (int x = 0; x < n; ++x) any |= values[x] > 0 ? 1 : 0;
    return any != 0;
}

// The part of each pixel in direction o; false if all are 0.
inline bool part_of(const float* LOOKALIKE_RESTRICT magnitude, const float* LOOKALIKE_RESTRICT angle, int n, float o, float circle, float* LOOKALIKE_RESTRICT part) {
    for (int x = 0; x < n; ++x) {
        float away = angle[x] - o;
        away = away < 0 ? -away : away;
        away = away > circle - away ? circle - away : away;
        const float share = 1.0f - away > 0 ? 1.0f - away : 0.0f;
        part[x] = share * magnitude[x];
    }
    return any_positive(part, n);
}

// For a multiple of kCellStep values.
inline void add_scaled(const float* LOOKALIKE_RESTRICT values, float weight, int n, float* LOOKALIKE_RESTRICT sums) {
    for (int start = 0; start < n; start += kCellStep)
        for (int x = start; x < start + kCellStep; ++x) sums[x] += weight * values[x];
}

inline void take_roots(float* values, int n) {
    for (int x = 0; x < n; ++x) values[x] = std::sqrt(values[x]);
}

void orient_image(const Gradients& g, const std::uint8_t* image, const GradientScratch& s, float* out) {
    const int width = g.width, padded = g.padded_width, pitch = padded + 2;
    const float circle = static_cast<float>(g.n_orientations), scale = circle / 6.28318531f;
    std::fill(s.sums, s.sums + g.n_orientations * g.cells_down * padded, 0.0f);
    std::fill(s.planes, s.planes + (g.height + 2) * pitch, 0.0f);
    const auto load = [&](int y, int channel) {
        const std::uint8_t* const from = image + static_cast<std::int64_t>(y) * width * g.n_channels + channel;
        float* const to = s.planes + (y + 1) * pitch + 1;
        to_floats(from, g.n_channels, width, to);
    };
    for (int y = 0; y < g.height; ++y) {
        for (int channel = 0; channel < g.n_channels; ++channel) {
            for (int row = y > 0 ? y - 1 : 0; row < g.height && row <= y + 1; ++row)
                if (g.n_channels > 1 || row == y + 1 || y == 0) load(row, channel);
            const float* const above = s.planes + y * pitch;
            if (channel == 0) sobel_row(above, above + pitch, above + 2 * pitch, padded, s.right, s.below);
            else {
                sobel_row(above, above + pitch, above + 2 * pitch, padded, s.magnitude, s.angle);
                keep_larger(s.magnitude, s.angle, padded, s.right, s.below);
            }
        }
        polar_row(s.right, s.below, padded, scale, g.root, s.magnitude, s.angle);
        std::fill(s.magnitude + width, s.magnitude + padded, 0.0f);
        if (!any_positive(s.magnitude, padded)) continue;
        const float* const weights = g.down + static_cast<std::int64_t>(y) * g.cells_down;
        for (int o = 0; o < g.n_orientations; ++o) {
            if (!part_of(s.magnitude, s.angle, padded, static_cast<float>(o), circle, s.part)) continue;
            float* const sums = s.sums + o * g.cells_down * padded;
            for (int cell = 0; cell < g.cells_down; ++cell)
                if (weights[cell] > 0) add_scaled(s.part, weights[cell], padded, sums + cell * padded);
        }
    }
    // All rows of cells process a column before any processes the next, because a sum that was just stored
    // would have to be waited for.
    const int pooled = g.cells_down * g.padded_cells;
    for (int o = 0; o < g.n_orientations; ++o) {
        const float* const sums = s.sums + o * g.cells_down * padded;
        std::fill(s.cells, s.cells + pooled, 0.0f);
        for (int x = 0; x < width; ++x)
            for (int row = 0; row < g.cells_down; ++row)
                add_scaled(g.across + x * g.padded_cells, sums[row * padded + x], g.padded_cells, s.cells + row * g.padded_cells);
        take_roots(s.cells, pooled);
        for (int row = 0; row < g.cells_down; ++row)
            out = std::copy(s.cells + row * g.padded_cells, s.cells + row * g.padded_cells + g.cells_across, out);
    }
}

}  // namespace
}  // namespace lookalike
