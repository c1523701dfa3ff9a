// The implementation of the anchored regression (regression.hpp), compiled for each instruction set.
// kernels_impl.hpp explains why all functions are local.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels.hpp"

namespace lookalike {
namespace {

constexpr float kNever = 3e38f;
constexpr float kRounding = 1e-5f;

template <class V> float least_of(const float* values, int n) {
    V least = V::load(values);
    for (int i = V::width; i < n; i += V::width) least = V::min(least, V::load(values + i));
    return V::least(least);
}

// scores[a] = |anchor a|^2 / 2 - key . anchor a for one block: half the squared distance, up to a constant per
// key. `key` has the opposite sign. Sums of few vectors are split, so that one need not wait for the other.
template <class V> void score_block(const float* anchors, const float* norms, const float* key, int key_size, float* scores) {
    constexpr int n_vectors = kAnchorBlock / V::width, n_chains = n_vectors >= 4 ? 1 : 2;
    V sums[n_chains][n_vectors];
    for (int v = 0; v < n_vectors; ++v) {
        sums[0][v] = V::load(norms + v * V::width);
        for (int chain = 1; chain < n_chains; ++chain) sums[chain][v] = V::broadcast(0);
    }
    const auto add = [&](int k, int chain) {
        const V value = V::broadcast(key[k]);
        for (int v = 0; v < n_vectors; ++v)
            sums[chain][v] = V::multiply_add(value, V::load(anchors + k * kAnchorBlock + v * V::width), sums[chain][v]);
    };
    int k = 0;
    for (; k + n_chains <= key_size; k += n_chains)
        for (int chain = 0; chain < n_chains; ++chain) add(k + chain, chain);
    for (; k < key_size; ++k) add(k, 0);
    for (int v = 0; v < n_vectors; ++v) V::store(scores + v * V::width, V::add(sums[0][v], sums[n_chains - 1][v]));
}

// The lowest scores so far, in ascending order; the first anchor wins a tie.
struct Lowest {
    int size;
    float* scores;
    int* anchors;

    // The anchors are valid even if no score is a number, as for a key with NaN.
    void clear() {
        for (int i = 0; i < size; ++i) scores[i] = kNever, anchors[i] = i;
    }
    float highest() const { return scores[size - 1]; }
    bool wants(float score, int anchor) const {
        return score < highest() || (score == highest() && anchor < anchors[size - 1]);
    }
    void take(float score, int anchor) {
        int at = size - 1;
        for (; at > 0 && (score < scores[at - 1] || (score == scores[at - 1] && anchor < anchors[at - 1])); --at)
            scores[at] = scores[at - 1], anchors[at] = anchors[at - 1];
        scores[at] = score, anchors[at] = anchor;
    }
    template <class V> void take_block(float* own, int first) {
        for (;;) {
            const float least = least_of<V>(own, kAnchorBlock);
            if (least > highest() || least == kNever) return;
            int at = 0;
            while (own[at] != least && at + 1 < kAnchorBlock) ++at;
            if (!wants(least, first + at)) return;
            take(least, first + at);
            own[at] = kNever;
        }
    }
};

// The r.blend nearest anchors of a key. Norms alone exclude most anchors, because |a - k| >= ||a| - |k||: blocks,
// which are ordered by norm, are visited outwards from the key's norm.
template <class V> void nearest_anchors(const Regression& r, const float* key, int key_size, const RegressionScratch& s, int* found) {
    const int n_blocks = r.padded_anchors / kAnchorBlock;
    float square = 0;
    for (int i = 0; i < key_size; ++i) square += key[i] * key[i];
    const float norm = std::sqrt(square);
    int up = 0;
    while (up + 1 < n_blocks && s.most_norms[up] < norm) ++up;
    int down = up - 1;
    Lowest lowest{r.blend, s.lowest, found};
    lowest.clear();
    while (up < n_blocks || down >= 0) {
        const float above = up < n_blocks ? std::max(0.0f, s.least_norms[up] - norm) : kNever;
        const float below = down >= 0 ? std::max(0.0f, norm - s.most_norms[down]) : kNever;
        const float gap = std::min(above, below), reach = norm + gap;
        // Scores are rounded by less than a share of the size of their terms.
        if ((gap * gap - square) / 2 - kRounding * reach * reach > lowest.highest()) return;
        const int block = up < n_blocks && (down < 0 || above <= below) ? up++ : down--;
        score_block<V>(r.anchors + static_cast<std::int64_t>(block) * key_size * kAnchorBlock, r.anchor_norms + block * kAnchorBlock, key,
                       key_size, s.scores);
        lowest.take_block<V>(s.scores, block * kAnchorBlock);
    }
}

// The product of a window with the weights of its rows, in two sums, so that one need not wait for the other.
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

// Copies the window of the first n_outputs channels, with the opposite sign; returns whether it is
// non-zero.
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

// The nearest anchors of each pixel of a row. Many images are mostly empty, and all empty keys copy the anchors of
// the first one.
template <class V>
void find_anchors(const Regression& r, const float* windows, int row_stride, int key_size, const RegressionScratch& s,
                  int* of_empty) {
    for (int x = 0; x < r.width; ++x) {
        int* const found = s.anchors + x * r.blend;
        if (take_key(r, windows + x * r.n_channels, row_stride, s.key)) {
            nearest_anchors<V>(r, s.key, key_size, s, found);
            continue;
        }
        if (of_empty[0] < 0) nearest_anchors<V>(r, s.key, key_size, s, of_empty);
        for (int b = 0; b < r.blend; ++b) found[b] = of_empty[b];
    }
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
