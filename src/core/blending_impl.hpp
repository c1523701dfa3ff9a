// The body of the blending (blending.hpp), compiled for each instruction set. See kernels_impl.hpp for
// why nothing here has a shared name.
//
// Everything up to the last sums is integers. The tables are read one value at a time, in loops that the
// compiler leaves alone: vector gathers are slow on processors that guard against their side channel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels.hpp"

namespace lookalike {
namespace {

#if defined(_MSC_VER)
#define LOOKALIKE_RESTRICT __restrict
#else
#define LOOKALIKE_RESTRICT __restrict__
#endif

// out[x] = the weighted sum of costs[x … x + 2 window]: rows are padded, so that whole blocks are added.
inline void sum_along(const Blending& b, const std::uint16_t* LOOKALIKE_RESTRICT costs, int width,
                      std::uint16_t* LOOKALIKE_RESTRICT out) {
    for (int block = 0; block < width; block += kBlendStep) {
        std::uint16_t sums[kBlendStep] = {};
        for (int q = 0; q <= 2 * b.window; ++q)
            for (int x = 0; x < kBlendStep; ++x)
                sums[x] = static_cast<std::uint16_t>(sums[x] + b.profile[q] * costs[block + x + q]);
        for (int x = 0; x < kBlendStep; ++x) out[block + x] = sums[x];
    }
}

// The weighted sum over the rows of a window, without the pixel itself, and the least of it so far.
inline void sum_down(const Blending& b, const std::uint16_t* const* rows, const std::uint16_t* LOOKALIKE_RESTRICT own,
                     int width, std::uint16_t* LOOKALIKE_RESTRICT totals, std::uint16_t* LOOKALIKE_RESTRICT least) {
    const int centre = b.profile[b.window] * b.profile[b.window];
    for (int block = 0; block < width; block += kBlendStep) {
        std::uint16_t sums[kBlendStep];
        for (int x = 0; x < kBlendStep; ++x) sums[x] = static_cast<std::uint16_t>(-centre * own[block + x]);
        for (int q = 0; q <= 2 * b.window; ++q)
            for (int x = 0; x < kBlendStep; ++x)
                sums[x] = static_cast<std::uint16_t>(sums[x] + b.profile[q] * rows[q][block + x]);
        for (int x = 0; x < kBlendStep; ++x) {
            totals[block + x] = sums[x];
            least[block + x] = sums[x] < least[block + x] ? sums[x] : least[block + x];
        }
    }
}

// Adds the votes of one candidate for what it holds at columns [begin, end). Without a branch: who has a
// vote is hard to predict.
inline void vote(const std::uint16_t* LOOKALIKE_RESTRICT totals, const std::uint16_t* LOOKALIKE_RESTRICT least,
                 const std::uint8_t* LOOKALIKE_RESTRICT matched, const std::uint32_t* LOOKALIKE_RESTRICT weights, int begin,
                 int end, std::uint32_t* LOOKALIKE_RESTRICT votes) {
    for (int x = begin; x < end; ++x) {
        const int above = totals[x] - least[x];
        votes[x * kClean + matched[x]] += weights[above < kMostCost ? above : kMostCost];
    }
}

// Looks up what each value costs against a matched one.
inline void look_up(const std::uint16_t* LOOKALIKE_RESTRICT seen, const std::uint8_t* LOOKALIKE_RESTRICT matched,
                    const std::uint16_t* LOOKALIKE_RESTRICT costs, int begin, int end, std::uint16_t* LOOKALIKE_RESTRICT out) {
    for (int x = begin; x < end; ++x) out[x] = costs[static_cast<std::size_t>(seen[x]) * kClean + matched[x]];
}

// The sums over the 256 clean values of a pixel, each over kSumLanes lanes.
constexpr int kSumLanes = 16;
inline float lane_total(float* lanes) {
    for (int half = kSumLanes / 2; half > 0; half /= 2)
        for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    return lanes[0];
}

inline void read_votes(const std::uint32_t* votes, const float* moments, const float* evidences, float* estimate,
                       float* variance) {
    float weight[kSumLanes] = {}, first[kSumLanes] = {}, second[kSumLanes] = {}, moment[kSumLanes] = {}, evidence[kSumLanes] = {};
    for (int x = 0; x < kClean; x += kSumLanes)
        for (int lane = 0; lane < kSumLanes; ++lane) {
            const float w = static_cast<float>(static_cast<std::int32_t>(votes[x + lane])), value = static_cast<float>(x + lane);
            weight[lane] += w;
            first[lane] += w * value;
            second[lane] += w * value * value;
            moment[lane] += w * moments[x + lane];
            evidence[lane] += w * evidences[x + lane];
        }
    const float total = lane_total(weight), mean = lane_total(first) / total, known = lane_total(evidence);
    const float spread = lane_total(second) / total - mean * mean;
    *estimate = known > 1e-30f * total ? lane_total(moment) / known : mean;
    *variance = spread > 0 ? spread : 0.0f;
}

// One image. `frames` holds its k neighbours, each with a border of `shift` zeros. Rows are walked from
// the top; of each candidate the sums along the window's rows are kept. Where all candidates hold nothing,
// outside [begins, ends), they cost alike, and are left out.
void blend_image(const Blending& b, const std::uint16_t* noisy, const std::uint8_t* frames, const BlendingScratch& s,
                 float* estimate, float* variances, const std::uint8_t* truth, std::int64_t* joint) {
    const int width = b.width, padded = s.padded_width, cost_width = padded + 2 * b.window, ring = 2 * b.window + 1;
    const int side = 2 * b.shift + 1, moves = side * side, n_candidates = b.k * moves;
    const int frame_width = width + 2 * b.shift, frame = frame_width * (b.height + 2 * b.shift);
    const auto begin = [&](int row) { return s.begins[row]; };
    const auto end = [&](int row) { return s.ends[row]; };
    const auto holds = [&](int row) { return row >= 0 && row < b.height && begin(row) < end(row); };
    for (int row = -b.window; row < b.height; ++row) {
        const int entering = row + b.window;
        for (int x = 0; x < padded; ++x) s.least[x] = 0xffff;
        for (int c = 0; c < n_candidates; ++c) {
            std::uint16_t* const sums = s.sums + static_cast<std::int64_t>(c) * ring * padded;
            std::uint16_t* const costs = s.costs + static_cast<std::int64_t>(c) * ring * cost_width;
            if (holds(entering)) {
                std::uint16_t* const into = costs + entering % ring * cost_width;
                for (int x = 0; x < cost_width; ++x) into[x] = 0;
                look_up(noisy + entering * width,
                        frames + c / moves * frame + (entering + c % moves / side) * frame_width + c % moves % side, b.costs,
                        begin(entering), end(entering), into + b.window);
                sum_along(b, into, padded, sums + entering % ring * padded);
            }
            if (!holds(row)) continue;
            const std::uint16_t* rows[2 * kMostWindow + 1];
            for (int q = 0; q < ring; ++q) {
                const int at = row + q - b.window;
                rows[q] = holds(at) ? sums + at % ring * padded : s.zeros;
            }
            sum_down(b, rows, costs + row % ring * cost_width + b.window, padded,
                     s.totals + static_cast<std::int64_t>(c) * padded, s.least);
        }
        if (row < 0) continue;
        for (int x = 0; x < width * kClean; ++x) s.votes[x] = 0;
        for (int x = 0; x < width; ++x)
            if (x < begin(row) || x >= end(row)) s.votes[x * kClean] = 1;
        for (int c = 0; holds(row) && c < n_candidates; ++c)
            vote(s.totals + static_cast<std::int64_t>(c) * padded, s.least,
                 frames + c / moves * frame + (row + c % moves / side) * frame_width + c % moves % side, b.weights, begin(row),
                 end(row), s.votes);
        for (int x = 0; x < width; ++x) {
            const std::uint16_t seen = noisy[row * width + x];
            read_votes(s.votes + x * kClean, b.moments + seen * kClean, b.evidences + seen * kClean,
                       estimate + row * width + x, variances + row * width + x);
        }
        if (!truth) continue;
        for (int x = 0; x < width; ++x) {
            std::int64_t total = 0;
            for (int value = 0; value < kClean; ++value) total += s.votes[x * kClean + value];
            for (int value = 0; value < kClean; ++value)
                joint[value * kClean + truth[row * width + x]] += std::int64_t{s.votes[x * kClean + value]} * kVote / total;
        }
    }
}

}  // namespace
}  // namespace lookalike
