// The implementation of the blending (blending.hpp), compiled for each instruction set. kernels_impl.hpp
// explains why all functions are local.
//
// All values up to the last sums are integers. Tables are read one value at a time, in loops that the compiler
// does not vectorise: vector gathers are slow on processors with mitigations for side channels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels.hpp"

namespace lookalike {
namespace {

// sums[x] += weight * values[x] for a block. The copy shows the compiler that values and sums do not overlap.
inline void add_block(std::uint16_t* sums, std::uint16_t weight, const std::uint16_t* values) {
    std::uint16_t own[kBlendStep];
    for (int x = 0; x < kBlendStep; ++x) own[x] = values[x];
    for (int x = 0; x < kBlendStep; ++x) sums[x] = static_cast<std::uint16_t>(sums[x] + weight * own[x]);
}

// out[x] = the weighted sum of costs[x … x + 2 Window]. Rows are padded, so that whole blocks can be added.
template <int Window> void sum_along(const Blending& b, const std::uint16_t* costs, int width, std::uint16_t* out) {
    for (int block = 0; block < width; block += kBlendStep) {
        std::uint16_t sums[kBlendStep] = {};
        for (int q = 0; q <= 2 * Window; ++q) add_block(sums, b.profile[q], costs + block + q);
        for (int x = 0; x < kBlendStep; ++x) out[block + x] = sums[x];
    }
}

// The weighted sum over the rows of a window, without the pixel itself, and the minimum of it so far.
template <int Window> void sum_down(const Blending& b, const std::uint16_t* const* rows, const std::uint16_t* own, int width,
                     std::uint16_t* LOOKALIKE_RESTRICT totals, std::uint16_t* LOOKALIKE_RESTRICT least) {
    const auto less_own = static_cast<std::uint16_t>(-b.profile[Window] * b.profile[Window]);
    for (int block = 0; block < width; block += kBlendStep) {
        std::uint16_t sums[kBlendStep] = {};
        add_block(sums, less_own, own + block);
        for (int q = 0; q <= 2 * Window; ++q) add_block(sums, b.profile[q], rows[q] + block);
        for (int x = 0; x < kBlendStep; ++x) {
            totals[block + x] = sums[x];
            least[block + x] = sums[x] < least[block + x] ? sums[x] : least[block + x];
        }
    }
}

// Costs above the minimum, clipped to the largest cost with a weight.
inline void rise(const std::uint16_t* LOOKALIKE_RESTRICT totals, const std::uint16_t* LOOKALIKE_RESTRICT least, int width,
                 std::uint16_t* LOOKALIKE_RESTRICT above) {
    for (int block = 0; block < width; block += kBlendStep)
        for (int i = 0; i < kBlendStep; ++i) {
            const std::uint16_t difference = static_cast<std::uint16_t>(totals[block + i] - least[block + i]);
            above[block + i] = difference < kMostCost ? difference : kMostCost;
        }
}

// Adds the votes of one candidate, in two readings at once, for its values at columns [begin, end). It has no
// branch, because a vote's presence is hard to predict.
inline void vote(const std::uint16_t* LOOKALIKE_RESTRICT above, const std::uint8_t* LOOKALIKE_RESTRICT matched,
                 const std::uint64_t* LOOKALIKE_RESTRICT weights, int begin, int end, std::uint64_t* LOOKALIKE_RESTRICT votes) {
    votes += begin * kClean;
    for (int x = begin; x < end; ++x, votes += kClean) votes[matched[x]] += weights[above[x]];
}

// Looks up the cost of each value against a matched one; `rows` holds the beginnings of their costs.
inline void look_up(const std::uint32_t* LOOKALIKE_RESTRICT rows, const std::uint8_t* LOOKALIKE_RESTRICT matched,
                    const std::uint16_t* LOOKALIKE_RESTRICT costs, int begin, int end, std::uint16_t* LOOKALIKE_RESTRICT out) {
    for (int x = begin; x < end; ++x) out[x] = costs[rows[x] + matched[x]];
}

// The sums over the 256 clean values of a pixel, each in kSumLanes lanes.
constexpr int kSumLanes = 16;
constexpr float kLeastEvidence = 1e-30f;
inline float lane_total(float* lanes) {
    for (int half = kSumLanes / 2; half > 0; half /= 2)
        for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    return lanes[0];
}

// The votes of one reading. Each sum fits 31 bits, so none carries into another.
inline std::int32_t of_reading(std::uint64_t votes, int reading) { return static_cast<std::int32_t>(votes >> 32 * (reading % 2)); }

inline void read_votes(const std::uint64_t* votes, int reading, const float* moments, const float* evidences, float* estimate,
                       float* variance) {
    float weight[kSumLanes] = {}, first[kSumLanes] = {}, second[kSumLanes] = {}, moment[kSumLanes] = {}, evidence[kSumLanes] = {};
    for (int x = 0; x < kClean; x += kSumLanes)
        for (int lane = 0; lane < kSumLanes; ++lane) {
            const float w = static_cast<float>(of_reading(votes[x + lane], reading)), value = static_cast<float>(x + lane);
            weight[lane] += w;
            first[lane] += w * value;
            second[lane] += w * value * value;
            moment[lane] += w * moments[x + lane];
            evidence[lane] += w * evidences[x + lane];
        }
    const float total = lane_total(weight), mean = lane_total(first) / total, known = lane_total(evidence);
    const float spread = lane_total(second) / total - mean * mean;
    *estimate = known > kLeastEvidence * total ? lane_total(moment) / known : mean;
    *variance = spread > 0 ? spread : 0.0f;
}

// One image. `frames` holds its k neighbours, each with a border of `shift` zeros. Rows are processed from the
// top, with the sums along the window's rows of each candidate in a ring. Outside [begins, ends) all candidates
// are empty and have the same cost, so they are skipped.
template <int Window>
void blend_with(const Blending& b, const std::uint16_t* noisy, const std::uint8_t* frames, const BlendingScratch& s,
                 float* estimate, float* variances, const std::uint8_t* truth, std::int64_t* joint) {
    const int width = b.width, padded = s.padded_width, cost_width = padded + 2 * Window, ring = 2 * Window + 1;
    const int side = 2 * b.shift + 1, moves = side * side, n_candidates = b.k * moves, n_pairs = (b.n_readings + 1) / 2;
    const int frame_width = width + 2 * b.shift, frame = frame_width * (b.height + 2 * b.shift);
    const auto begin = [&](int row) { return s.begins[row]; };
    const auto end = [&](int row) { return s.ends[row]; };
    const auto holds = [&](int row) { return row >= 0 && row < b.height && begin(row) < end(row); };
    for (int row = -Window; row < b.height; ++row) {
        const int entering = row + Window;
        for (int x = 0; x < padded; ++x) s.least[x] = 0xffff;
        for (int x = 0; x < width && entering < b.height; ++x) s.rows[x] = noisy[entering * width + x] * std::uint32_t{kClean};
        for (int c = 0; c < n_candidates; ++c) {
            std::uint16_t* const sums = s.sums + static_cast<std::int64_t>(c) * ring * padded;
            std::uint16_t* const costs = s.costs + static_cast<std::int64_t>(c) * ring * cost_width;
            if (holds(entering)) {
                std::uint16_t* const into = costs + entering % ring * cost_width;
                for (int x = 0; x < cost_width; ++x) into[x] = 0;
                look_up(s.rows,
                        frames + c / moves * frame + (entering + c % moves / side) * frame_width + c % moves % side, b.costs,
                        begin(entering), end(entering), into + Window);
                sum_along<Window>(b, into, padded, sums + entering % ring * padded);
            }
            if (!holds(row)) continue;
            const std::uint16_t* rows[2 * Window + 1];
            for (int q = 0; q < ring; ++q) {
                const int at = row + q - Window;
                rows[q] = holds(at) ? sums + at % ring * padded : s.zeros;
            }
            sum_down<Window>(b, rows, costs + row % ring * cost_width + Window, padded,
                     s.totals + static_cast<std::int64_t>(c) * padded, s.least);
        }
        if (row < 0) continue;
        const int votes = width * kClean, first = holds(row) ? begin(row) : 0, last = holds(row) ? end(row) : 0;
        for (int pair = 0; pair < n_pairs; ++pair)
            for (int at = first * kClean; at < last * kClean; ++at) s.votes[pair * votes + at] = 0;
        for (int c = 0; holds(row) && c < n_candidates; ++c) {
            const std::uint8_t* const matched =
                frames + c / moves * frame + (row + c % moves / side) * frame_width + c % moves % side;
            rise(s.totals + static_cast<std::int64_t>(c) * padded, s.least, padded, s.above);
            for (int pair = 0; pair < n_pairs; ++pair)
                vote(s.above, matched, s.weights + pair * (kMostCost + 1), first, last, s.votes + pair * votes);
        }
        for (int r = 0; r < b.n_readings; ++r)
            for (int x = 0; x < width; ++x) {
                const std::int64_t at = r * b.reading_stride + row * width + x;
                const float* const moments = b.moments + noisy[row * width + x] * kClean;
                const float* const evidences = b.evidences + noisy[row * width + x] * kClean;
                if (first <= x && x < last)
                    read_votes(s.votes + r / 2 * votes + x * kClean, r, moments, evidences, estimate + at, variances + at);
                else {  // all candidates are empty
                    estimate[at] = evidences[0] > kLeastEvidence ? moments[0] / evidences[0] : 0.0f;
                    variances[at] = 0;
                }
            }
        if (!truth) continue;
        const int softest = b.n_readings - 1;
        const std::uint64_t* const softest_votes = s.votes + softest / 2 * votes;
        for (int x = 0; x < width; ++x) {
            const std::uint8_t true_value = truth[row * width + x];
            if (x < first || x >= last) {
                joint[true_value] += kVote;
                continue;
            }
            std::int64_t total = 0;
            for (int value = 0; value < kClean; ++value) total += of_reading(softest_votes[x * kClean + value], softest);
            for (int value = 0; value < kClean; ++value)
                joint[value * kClean + true_value] +=
                    std::int64_t{of_reading(softest_votes[x * kClean + value], softest)} * kVote / total;
        }
    }
}

void blend_image(const Blending& b, const std::uint16_t* noisy, const std::uint8_t* frames, const BlendingScratch& s,
                 float* estimate, float* variances, const std::uint8_t* truth, std::int64_t* joint) {
    // Loops over a window of constant size are unrolled, and their sums stay in registers.
    constexpr decltype(&blend_image) of_window[kMostWindow + 1] = {blend_with<0>, blend_with<1>, blend_with<2>, blend_with<3>};
    of_window[b.window](b, noisy, frames, s, estimate, variances, truth, joint);
}

}  // namespace
}  // namespace lookalike
