// The body of the anchored regression (regression.hpp), compiled for each instruction set. See
// kernels_impl.hpp for why nothing here has a shared name.
#pragma once

#include <cstdint>

#include "kernels.hpp"

namespace lookalike {
namespace {

constexpr float kNever = 3e38f;

// scores[a] = |anchor a|^2 / 2 - key . anchor a, half the squared distance but for what the key adds to all,
// and the least of each block of anchors. The sums of a block stay in registers.
template <class V>
void score_anchors(const Regression& r, const float* key, int key_size, float* scores, float* least) {
    constexpr int n_vectors = kAnchorBlock / V::width;
    for (int start = 0; start < r.padded_anchors; start += kAnchorBlock) {
        V sums[n_vectors];
        for (int i = 0; i < n_vectors; ++i) sums[i] = V::load(r.anchor_norms + start + i * V::width);
        const float* anchors = r.anchors + start;
        for (int k = 0; k < key_size; ++k, anchors += r.padded_anchors) {
            const V value = V::broadcast(-key[k]);
            for (int i = 0; i < n_vectors; ++i) sums[i] = V::multiply_add(value, V::load(anchors + i * V::width), sums[i]);
        }
        V lowest = sums[0];
        for (int i = 0; i < n_vectors; ++i) {
            V::store(scores + start + i * V::width, sums[i]);
            lowest = V::min(lowest, sums[i]);
        }
        float lanes[V::width];
        V::store(lanes, lowest);
        float& block = *least++ = lanes[0];
        for (int lane = 1; lane < V::width; ++lane) block = lanes[lane] < block ? lanes[lane] : block;
    }
}

// The anchor of the lowest score, of equals the first; it is not found again.
inline int take_lowest(int n_blocks, float* scores, float* least) {
    int block = 0;
    for (int i = 1; i < n_blocks; ++i) block = least[i] < least[block] ? i : block;
    float* const own = scores + block * kAnchorBlock;
    int found = 0;
    while (own[found] != least[block] && found + 1 < kAnchorBlock) ++found;
    own[found] = kNever;
    float next = kNever;
    for (int a = 0; a < kAnchorBlock; ++a) next = own[a] < next ? own[a] : next;
    least[block] = next;
    return block * kAnchorBlock + found;
}

// The product of a window with weights of as many rows; two sums, so that one need not wait for the other.
template <class V> float window_product(const float* window, int row_stride, int rows, const float* weights, int row_width) {
    V even = V::broadcast(0), odd = even;
    for (int y = 0; y < rows; ++y, window += row_stride, weights += row_width)
        for (int x = 0; x < row_width; x += kRegressionStep) {
            even = V::multiply_add(V::load(window + x), V::load(weights + x), even);
            for (int i = V::width; i < kRegressionStep; i += V::width)
                odd = V::multiply_add(V::load(window + x + i), V::load(weights + x + i), odd);
        }
    float lanes[V::width];
    V::store(lanes, V::add(even, odd));
    for (int half = V::width / 2; half > 0; half /= 2)
        for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    return lanes[0];
}

// Copies the window of the first n_outputs channels; returns whether it holds anything.
inline bool take_key(const Regression& r, const float* window, int row_stride, float* key) {
    const int side = 2 * r.key_radius + 1;
    bool holds = false;
    for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x)
            for (int c = 0; c < r.n_outputs; ++c) {
                *key = window[y * row_stride + x * r.n_channels + c];
                holds |= *key++ != 0;
            }
    return holds;
}

template <class V>
void regress_image(const Regression& r, const float* channels, const RegressionScratch& s, float* out) {
    const int side = 2 * r.radius + 1, row_stride = (r.width + 2 * r.radius) * r.n_channels;
    const int to_key = (r.radius - r.key_radius) * (row_stride + r.n_channels);
    const int key_size = (2 * r.key_radius + 1) * (2 * r.key_radius + 1) * r.n_outputs;
    const std::int64_t model = static_cast<std::int64_t>(side) * r.row_width;
    bool empty_known = false;  // much of many images is empty: its anchors are looked for once
    int of_empty[kMostBlended] = {}, of_key[kMostBlended] = {};
    for (int y = 0; y < r.height; ++y)
        for (int x = 0; x < r.width; ++x, out += r.n_outputs) {
            const float* const window = channels + y * row_stride + x * r.n_channels;
            const int* nearest = of_key;
            if (r.n_anchors > 1) {
                const bool holds = take_key(r, window + to_key, row_stride, s.key);
                if (holds || !empty_known) {
                    int* const found = holds ? of_key : of_empty;
                    score_anchors<V>(r, s.key, key_size, s.scores, s.least);
                    for (int b = 0; b < r.blend; ++b)
                        found[b] = take_lowest(r.padded_anchors / kAnchorBlock, s.scores, s.least);
                    empty_known |= !holds;
                }
                nearest = holds ? of_key : of_empty;
            }
            for (int c = 0; c < r.n_outputs; ++c) {
                float sum = 0;
                for (int b = 0; b < r.blend; ++b) {
                    const std::int64_t at = static_cast<std::int64_t>(nearest[b]) * r.n_outputs + c;
                    sum += r.biases[at] + window_product<V>(window, row_stride, side, r.weights + at * model, r.row_width);
                }
                out[c] = sum / static_cast<float>(r.blend);
            }
        }
}

}  // namespace
}  // namespace lookalike
