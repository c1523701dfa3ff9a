// The body of the anchored regression (regression.hpp), compiled for each instruction set. See
// kernels_impl.hpp for why nothing here has a shared name.
#pragma once

#include <cstdint>

#include "kernels.hpp"

namespace lookalike {
namespace {

constexpr float kNever = 3e38f;

template <class V> float least_of(const float* values, int n) {
    V least = V::load(values);
    for (int i = V::width; i < n; i += V::width) least = V::min(least, V::load(values + i));
    float lanes[V::width];
    V::store(lanes, least);
    for (int lane = 1; lane < V::width; ++lane) lanes[0] = lanes[lane] < lanes[0] ? lanes[lane] : lanes[0];
    return lanes[0];
}

// scores[a] = |anchor a|^2 / 2 - key . anchor a, half the squared distance but for what the key adds to all.
// A tile of keys x two vectors of anchors stays in registers.
template <class V, int Keys>
void score_anchors(const Regression& r, const float* keys, int key_size, float* scores) {
    for (int start = 0; start < r.padded_anchors; start += 2 * V::width) {
        V sums[Keys][2];
        for (int i = 0; i < Keys; ++i) {
            sums[i][0] = V::load(r.anchor_norms + start);
            sums[i][1] = V::load(r.anchor_norms + start + V::width);
        }
        const float* anchors = r.anchors + start;
        for (int k = 0; k < key_size; ++k, anchors += r.padded_anchors) {
            const V low = V::load(anchors), high = V::load(anchors + V::width);
            for (int i = 0; i < Keys; ++i) {
                const V value = V::broadcast(keys[i * key_size + k]);
                sums[i][0] = V::multiply_add(value, low, sums[i][0]);
                sums[i][1] = V::multiply_add(value, high, sums[i][1]);
            }
        }
        for (int i = 0; i < Keys; ++i) {
            V::store(scores + i * r.padded_anchors + start, sums[i][0]);
            V::store(scores + i * r.padded_anchors + start + V::width, sums[i][1]);
        }
    }
}

// The anchors of the lowest scores, lowest first, of equals the first.
template <class V> void take_lowest(const Regression& r, float* scores, float* least, int* found) {
    const int n_blocks = r.padded_anchors / kAnchorBlock;
    for (int i = 0; i < n_blocks; ++i) least[i] = least_of<V>(scores + i * kAnchorBlock, kAnchorBlock);
    for (int b = 0; b < r.blend; ++b) {
        int block = 0;
        for (int i = 1; i < n_blocks; ++i) block = least[i] < least[block] ? i : block;
        float* const own = scores + block * kAnchorBlock;
        int at = 0;
        while (own[at] != least[block] && at + 1 < kAnchorBlock) ++at;
        found[b] = block * kAnchorBlock + at;
        if (b + 1 == r.blend) break;
        own[at] = kNever;
        least[block] = least_of<V>(own, kAnchorBlock);
    }
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

// Copies the window of the first n_outputs channels, with the opposite sign; returns whether it holds
// anything.
inline bool take_key(const Regression& r, const float* window, int row_stride, float* key) {
    const int side = 2 * r.key_radius + 1;
    bool holds = false;
    for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x)
            for (int c = 0; c < r.n_outputs; ++c) {
                *key = -window[y * row_stride + x * r.n_channels + c];
                holds |= *key++ != 0;
            }
    return holds;
}

// The nearest anchors of each pixel of a row, r.blend of them. Much of many images is empty, and empty
// keys have their anchors from the first one.
template <class V>
void find_anchors(const Regression& r, const float* windows, int row_stride, int key_size, const RegressionScratch& s,
                  int* of_empty) {
    int waiting[kKeysAtOnce], n_waiting = 0;
    const auto score = [&] {
        if (n_waiting == kKeysAtOnce) score_anchors<V, kKeysAtOnce>(r, s.keys, key_size, s.scores);
        else
            for (int i = 0; i < n_waiting; ++i)
                score_anchors<V, 1>(r, s.keys + i * key_size, key_size, s.scores + i * r.padded_anchors);
        for (int i = 0; i < n_waiting; ++i)
            take_lowest<V>(r, s.scores + i * r.padded_anchors, s.least, s.anchors + waiting[i] * r.blend);
        n_waiting = 0;
    };
    for (int x = 0; x < r.width; ++x) {
        const bool holds = take_key(r, windows + x * r.n_channels, row_stride, s.keys + n_waiting * key_size);
        if (!holds && of_empty[0] < 0) {
            score_anchors<V, 1>(r, s.keys + n_waiting * key_size, key_size, s.scores + n_waiting * r.padded_anchors);
            take_lowest<V>(r, s.scores + n_waiting * r.padded_anchors, s.least, of_empty);
        }
        if (holds) waiting[n_waiting++] = x;
        else
            for (int b = 0; b < r.blend; ++b) s.anchors[x * r.blend + b] = of_empty[b];
        if (n_waiting == kKeysAtOnce) score();
    }
    score();
}

template <class V> void regress_image(const Regression& r, const float* channels, const RegressionScratch& s, float* out) {
    const int side = 2 * r.radius + 1, row_stride = (r.width + 2 * r.radius) * r.n_channels;
    const int to_key = (r.radius - r.key_radius) * (row_stride + r.n_channels);
    const int key_size = (2 * r.key_radius + 1) * (2 * r.key_radius + 1) * r.n_outputs;
    const std::int64_t model = static_cast<std::int64_t>(side) * r.row_width;
    int of_empty[kMostBlended] = {-1};
    for (int x = 0; x < r.width * r.blend; ++x) s.anchors[x] = 0;
    for (int y = 0; y < r.height; ++y) {
        const float* window = channels + y * row_stride;
        if (r.n_anchors > 1) find_anchors<V>(r, window + to_key, row_stride, key_size, s, of_empty);
        const int* nearest = s.anchors;
        for (int x = 0; x < r.width; ++x, window += r.n_channels, nearest += r.blend)
            for (int c = 0; c < r.n_outputs; ++c) {
                float sum = 0;
                for (int b = 0; b < r.blend; ++b) {
                    const std::int64_t at = static_cast<std::int64_t>(nearest[b]) * r.n_outputs + c;
                    sum += r.biases[at] + window_product<V>(window, row_stride, side, r.weights + at * model, r.row_width);
                }
                *out++ = sum / static_cast<float>(r.blend);
            }
    }
}

}  // namespace
}  // namespace lookalike
