// The body of the anchored regression (regression.hpp), compiled for each instruction set. See
// kernels_impl.hpp for why nothing here has a shared name.
#pragma once

#include <cstdint>

#include "kernels.hpp"

namespace lookalike {
namespace {

// scores[a] = |anchor a|^2 / 2 - key . anchor a, half the squared distance but for what the key adds to all.
inline void score_anchors(const Regression& r, const float* window, int row_stride, int channel_stride, float* scores) {
    for (int a = 0; a < r.padded_anchors; ++a) scores[a] = r.anchor_norms[a];
    const float* anchors = r.anchors;
    const int side = 2 * r.key_radius + 1;
    for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x)
            for (int c = 0; c < r.n_outputs; ++c, anchors += r.padded_anchors) {
                const float value = window[y * row_stride + x * channel_stride + c];
                if (value == 0) continue;  // much of many images is empty
                for (int a = 0; a < r.padded_anchors; ++a) scores[a] -= value * anchors[a];
            }
}

// The anchor of the lowest score; of equals the first.
inline int lowest(const float* scores, int n) {
    float least[kRegressionStep];
    for (int lane = 0; lane < kRegressionStep; ++lane) least[lane] = scores[lane];
    for (int a = kRegressionStep; a < n; a += kRegressionStep)
        for (int lane = 0; lane < kRegressionStep; ++lane)
            least[lane] = scores[a + lane] < least[lane] ? scores[a + lane] : least[lane];
    float most = least[0];
    for (int lane = 1; lane < kRegressionStep; ++lane) most = least[lane] < most ? least[lane] : most;
    int found = 0;
    while (scores[found] != most && found + 1 < n) ++found;
    return found;
}

inline float window_product(const float* window, int row_stride, int rows, const float* weights, int row_width) {
    float lanes[kRegressionStep] = {};
    for (int y = 0; y < rows; ++y, window += row_stride, weights += row_width)
        for (int x = 0; x < row_width; x += kRegressionStep)
            for (int lane = 0; lane < kRegressionStep; ++lane) lanes[lane] += window[x + lane] * weights[x + lane];
    for (int half = kRegressionStep / 2; half > 0; half /= 2)
        for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    return lanes[0];
}

void regress_image(const Regression& r, const float* channels, float* scores, float* out) {
    const int side = 2 * r.radius + 1, row_stride = (r.width + 2 * r.radius) * r.n_channels;
    const int to_key = (r.radius - r.key_radius) * (row_stride + r.n_channels);
    const std::int64_t model = static_cast<std::int64_t>(side) * r.row_width;
    for (int y = 0; y < r.height; ++y)
        for (int x = 0; x < r.width; ++x, out += r.n_outputs) {
            const float* const window = channels + y * row_stride + x * r.n_channels;
            for (int c = 0; c < r.n_outputs; ++c) out[c] = 0;
            if (r.n_anchors > 1) score_anchors(r, window + to_key, row_stride, r.n_channels, scores);
            for (int b = 0; b < r.blend; ++b) {
                const std::int64_t anchor = r.n_anchors > 1 ? lowest(scores, r.padded_anchors) : 0;
                scores[anchor] = 3.4e38f;
                for (int c = 0; c < r.n_outputs; ++c)
                    out[c] += r.biases[anchor * r.n_outputs + c] +
                              window_product(window, row_stride, side, r.weights + (anchor * r.n_outputs + c) * model, r.row_width);
            }
            for (int c = 0; c < r.n_outputs; ++c) out[c] /= static_cast<float>(r.blend);
        }
}

}  // namespace
}  // namespace lookalike
