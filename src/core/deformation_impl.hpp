// The implementation of the deformation model (deformation.hpp), compiled for each instruction set.
// kernels_impl.hpp explains why all functions are local. The compiler vectorises loops over kDeformationStep
// lanes. Sums over a window's rows are updated from row to row; sums along a row follow when all moves have
// theirs, because a load at another offset from recently stored data is slow.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "gradients_impl.hpp"
#include "kernels.hpp"

namespace lookalike {
namespace {

constexpr int kMovesAtOnce = 5;

inline std::int16_t to_level(float value) {
    const float whole = (value + kRounder) - kRounder;
    const float low = whole > -63.0f ? whole : -63.0f;
    return static_cast<std::int16_t>(static_cast<std::int32_t>(low < 63.0f ? low : 63.0f));
}

// Computes a row of the four planes from its gradients.
inline void planes_row(const float* LOOKALIKE_RESTRICT right, const float* LOOKALIKE_RESTRICT below, int n, int plane, std::int16_t* LOOKALIKE_RESTRICT out) {
    for (int x = 0; x < n; ++x) {
        const float magnitude = std::sqrt(right[x] * right[x] + below[x] * below[x]);
        const float inverse = 1.0f / (magnitude > 1.0f ? magnitude : 1.0f);
        const float cosine = right[x] * inverse, sine = below[x] * inverse;
        const float root = 63.0f * std::sqrt(magnitude * 0.001f);
        const float amplitude = magnitude > 15.0f ? root : 0.0f;
        const float first = 0.95f * amplitude, second = 0.6f * amplitude;
        out[x] = to_level(first * cosine);
        out[plane + x] = to_level(first * sine);
        out[2 * plane + x] = to_level(second * (cosine * cosine - sine * sine));
        out[3 * plane + x] = to_level(second * (2.0f * cosine * sine));
    }
}

// Writes the four planes of an image into the middle of frames of zeros.
inline void make_planes(const Deformation& d, const std::uint8_t* image, const DeformationScratch& s, std::int16_t* planes) {
    const int pitch = d.width + 2, edge = d.shift + d.window;
    for (int y = 0; y < d.height; ++y) to_floats(image + y * d.width, 1, d.width, s.frame + (y + 1) * pitch + 1);
    for (int y = 0; y < d.height; ++y) {
        const float* const above = s.frame + y * pitch;
        sobel_row(above, above + pitch, above + 2 * pitch, d.width, s.right, s.below);
        planes_row(s.right, s.below, d.width, d.rows() * d.stride(), planes + (y + edge) * d.stride() + edge);
    }
}

// Replaces the differences of kDeformationStep pixels in the ring and in the sums.
inline void roll_differences(const std::int16_t* fixed, const std::int16_t* moved, int plane, std::uint16_t* LOOKALIKE_RESTRICT ring,
                             std::uint16_t* LOOKALIKE_RESTRICT sums) {
    for (int x = 0; x < kDeformationStep; ++x) {
        const auto squared = [](std::int16_t p, std::int16_t q) {
            const auto apart = static_cast<std::int16_t>(p - q);
            return static_cast<std::uint16_t>(apart * apart);
        };
        const auto first = static_cast<std::uint16_t>(squared(fixed[x], moved[x]) + squared(fixed[plane + x], moved[plane + x]));
        const auto second = static_cast<std::uint16_t>(squared(fixed[2 * plane + x], moved[2 * plane + x]) +
                                                       squared(fixed[3 * plane + x], moved[3 * plane + x]));
        const auto both = static_cast<std::uint16_t>((first >> 3) + (second >> 3));
        const std::uint16_t difference = both < kMostDifference ? both : static_cast<std::uint16_t>(kMostDifference);
        sums[x] = static_cast<std::uint16_t>(sums[x] + difference - ring[x]);
        ring[x] = difference;
    }
}

// Sums of `count` moves along a row, beginning with `move`. Several are computed at once, because storing and
// loading `least` takes as long as a sum.
template <int window, bool fields, int count>
inline void keep_least(const std::uint16_t* LOOKALIKE_RESTRICT sums, int pitch, const std::uint16_t* LOOKALIKE_RESTRICT penalties, int move,
                       std::uint16_t* LOOKALIKE_RESTRICT least, std::uint16_t* LOOKALIKE_RESTRICT which) {
    for (int x = 0; x < kDeformationStep; ++x) {
        std::uint16_t lowest = least[x], at = fields ? which[x] : std::uint16_t{0};
        for (int m = 0; m < count; ++m) {
            std::uint16_t sum = penalties[m];
            for (int i = 0; i <= 2 * window; ++i) sum = static_cast<std::uint16_t>(sum + sums[m * pitch + x + i]);
            if (fields) at = sum < lowest ? static_cast<std::uint16_t>(move + m) : at;
            lowest = sum < lowest ? sum : lowest;
        }
        least[x] = lowest;
        if (fields) which[x] = at;
    }
}

template <int window, bool fields>
std::int64_t deformation_of_pair(const Deformation& d, const DeformationScratch& s, const std::int16_t* still, const std::int16_t* moving, std::int8_t* field) {
    const int side = 2 * d.shift + 1, moves = d.moves(), lanes = d.lanes, plane = d.rows() * d.stride();
    const int ring_rows = 2 * window + 1, sum_pitch = lanes + kDeformationStep;
    std::fill(s.ring, s.ring + moves * ring_rows * lanes, std::uint16_t{0});
    std::fill(s.sums, s.sums + moves * sum_pitch, std::uint16_t{0});
    std::int64_t total = 0;
    for (int entering = 0; entering < d.height + 2 * window; ++entering) {
        const std::int16_t* const fixed = still + (entering + d.shift) * d.stride() + d.shift;
        std::uint16_t* const slot = s.ring + entering % ring_rows * moves * lanes;
        for (int down = 0; down < side; ++down)
            for (int right = 0; right < side; ++right) {
                const int move = down * side + right;
                const std::int16_t* const moved = moving + (entering + down) * d.stride() + right;
                for (int x = 0; x < lanes; x += kDeformationStep)
                    roll_differences(fixed + x, moved + x, plane, slot + move * lanes + x, s.sums + move * sum_pitch + x);
            }
        if (entering < 2 * window) continue;
        const int row = entering - 2 * window;
        std::fill(s.least, s.least + lanes, std::uint16_t{0xffff});
        int move = 0;
        for (; move + kMovesAtOnce <= moves; move += kMovesAtOnce)
            for (int x = 0; x < lanes; x += kDeformationStep)
                keep_least<window, fields, kMovesAtOnce>(s.sums + move * sum_pitch + x, sum_pitch, d.penalties + move, move, s.least + x, s.which + x);
        for (; move < moves; ++move)
            for (int x = 0; x < lanes; x += kDeformationStep)
                keep_least<window, fields, 1>(s.sums + move * sum_pitch + x, sum_pitch, d.penalties + move, move, s.least + x, s.which + x);
        std::uint32_t of_row = 0;
        for (int x = 0; x < d.width; ++x) of_row += s.least[x];
        total += of_row;
        if (fields)
            for (int x = 0; x < d.width; ++x) {
                field[row * d.width + x] = static_cast<std::int8_t>(s.which[x] / side - d.shift);
                field[(d.height + row) * d.width + x] = static_cast<std::int8_t>(s.which[x] % side - d.shift);
            }
    }
    return total;
}

template <int window>
std::int64_t deformation_of(const Deformation& d, const DeformationScratch& s, const std::int16_t* still, const std::int16_t* moving, std::int8_t* field) {
    return field ? deformation_of_pair<window, true>(d, s, still, moving, field) : deformation_of_pair<window, false>(d, s, still, moving, field);
}

void deform_images(const Deformation& d, const std::uint8_t* query, const std::uint8_t* images, const std::int64_t* candidates,
                   std::int64_t n, bool backward, const DeformationScratch& s, std::int64_t* distances, std::int8_t* fields) {
    const std::int64_t pixels = static_cast<std::int64_t>(d.height) * d.width;
    make_planes(d, query, s, s.fixed);
    for (std::int64_t i = 0; i < n; ++i) {
        make_planes(d, images + candidates[i] * pixels, s, s.moved);
        const std::int16_t *const still = backward ? s.moved : s.fixed, *const moving = backward ? s.fixed : s.moved;
        std::int8_t* const field = fields ? fields + 2 * i * pixels : nullptr;
        distances[i] = d.window == 0   ? deformation_of<0>(d, s, still, moving, field)
                       : d.window == 1 ? deformation_of<1>(d, s, still, moving, field)
                                       : deformation_of<2>(d, s, still, moving, field);
    }
}

}  // namespace
}  // namespace lookalike
