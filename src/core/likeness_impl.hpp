// The implementation of the non-local means (likeness.hpp), compiled for each instruction set.
// kernels_impl.hpp explains why all functions are local. The compiler vectorises loops over a row.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels.hpp"

namespace lookalike {
namespace {

// exp(-x) for x >= 0, to a few units of the last place: a power of two, and a polynomial for the rest.
inline float exp_minus(float x) {
    const float power = std::max(x * -1.44269504f, -126.0f);
    const auto whole = static_cast<std::int32_t>(power - 0.5f);  // truncation, after the offset, rounds to the nearest
    const float rest = (power - static_cast<float>(whole)) * 0.69314718f;
    float sum = 1.0f / 720;
    sum = sum * rest + 1.0f / 120;
    sum = sum * rest + 1.0f / 24;
    sum = sum * rest + 1.0f / 6;
    sum = sum * rest + 0.5f;
    sum = sum * rest + 1.0f;
    sum = sum * rest + 1.0f;
    const std::int32_t bits = (whole + 127) * (1 << 23);
    float scale;
    std::memcpy(&scale, &bits, sizeof scale);
    return sum * scale;
}

// The squared differences of each pixel of a row from the pixel at an offset, summed over the channels.
inline void square_apart(const std::int32_t* here, const std::int32_t* there, int n, bool first, std::int32_t* LOOKALIKE_RESTRICT out) {
    for (int x = 0; x < n; ++x) {
        const std::int32_t difference = there[x] - here[x];
        out[x] = difference * difference + (first ? 0 : out[x]);
    }
}

// Adds to running totals the row that enters the surroundings, and subtracts the one that leaves them.
inline void roll(const std::int32_t* LOOKALIKE_RESTRICT apart, int side, int n, std::int32_t* LOOKALIKE_RESTRICT ring_row,
                 std::int32_t* LOOKALIKE_RESTRICT totals) {
    for (int x = 0; x < n; ++x) totals[x] -= ring_row[x];
    for (int x = 0; x < n; ++x) ring_row[x] = apart[x];
    for (int q = 1; q < side; ++q)
        for (int x = 0; x < n; ++x) ring_row[x] += apart[x + q];
    for (int x = 0; x < n; ++x) totals[x] += ring_row[x];
}

inline void weigh(const std::int32_t* LOOKALIKE_RESTRICT totals, float sharpness, int n, float* LOOKALIKE_RESTRICT sharp,
                  float* LOOKALIKE_RESTRICT soft) {
    for (int x = 0; x < n; ++x) {
        const float weight = exp_minus(sharpness * static_cast<float>(totals[x])), squared = weight * weight;
        soft[x] = weight, sharp[x] = squared * squared;
    }
}

inline void add_weighted(const float* LOOKALIKE_RESTRICT weights, const float* LOOKALIKE_RESTRICT values, int n, float* LOOKALIKE_RESTRICT sums) {
    for (int x = 0; x < n; ++x) sums[x] += weights[x] * values[x];
}

// One image. Each pair of pixels is compared once: offsets point down, or to the right.
void average_likes_of_image(const Likeness& l, const std::int32_t* guide, const float* values, const float* counts,
                            const LikenessScratch& s, float* sums, float* weights) {
    const int width = l.width, side = 2 * l.patch_radius + 1, pixels = l.height * width, image = l.n_channels * pixels;
    for (int reading = 0; reading < 2; ++reading) {  // a pixel is similar to itself
        std::copy(values, values + image, sums + reading * image);
        std::copy(counts, counts + image, weights + reading * image);
    }
    for (int down = 0; down <= std::min(l.search_radius, l.height - 1); ++down)
        for (int right = down ? -l.search_radius : 1; right <= l.search_radius; ++right) {
            const int begin = std::max(0, -right), n = width - std::max(right, -right), n_rows = l.height - down;
            if (n <= 0) continue;
            std::fill(s.apart, s.apart + width + side, 0);
            std::fill(s.ring, s.ring + side * width, 0);
            std::fill(s.totals, s.totals + width, 0);
            for (int entering = 0; entering < n_rows + l.patch_radius; ++entering) {
                std::int32_t* const apart = s.apart + l.patch_radius;
                if (entering >= n_rows) std::fill(apart, apart + n, 0);
                else
                    for (int c = 0; c < l.n_channels; ++c) {
                        const std::int32_t* const here = guide + c * pixels + entering * width + begin;
                        square_apart(here, here + down * width + right, n, c == 0, apart);
                    }
                roll(s.apart, side, n, s.ring + entering % side * width, s.totals);
                const int row = entering - l.patch_radius;
                if (row < 0) continue;
                weigh(s.totals, l.sharpness, n, s.sharp, s.soft);
                for (int c = 0; c < l.n_channels; ++c) {
                    const int here = c * pixels + row * width + begin, there = here + down * width + right;
                    for (int reading = 0; reading < 2; ++reading) {
                        const float* const own = reading ? s.soft : s.sharp;
                        const int at = reading * image;
                        add_weighted(own, values + there, n, sums + at + here);
                        add_weighted(own, values + here, n, sums + at + there);
                        add_weighted(own, counts + there, n, weights + at + here);
                        add_weighted(own, counts + here, n, weights + at + there);
                    }
                }
            }
        }
}

}  // namespace
}  // namespace lookalike
