// Blending of neighbours, likes and anchored regression: every CPU path beside the plain one, at sizes around
// the lanes, with as little memory behind the arrays as is promised.
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "blending.hpp"
#include "check.hpp"
#include "dispatch.hpp"
#include "likeness.hpp"
#include "regression.hpp"

namespace {

using namespace lookalike;

std::mt19937 random_bits(7);
int below(int n) { return static_cast<int>(random_bits() % static_cast<unsigned>(n)); }

void check_blending(int height, int width, int window) {
    const int n = 2, k = 3, n_rows = 5, n_values = 6, shift = 1;
    const std::size_t pixels = static_cast<std::size_t>(height * width);
    std::vector<std::uint8_t> rows(n_rows * pixels), truth(n * pixels, 9);
    std::vector<std::uint16_t> noisy(n * pixels), costs(n_values * kClean), profile(static_cast<std::size_t>(2 * window + 1), 2);
    std::vector<float> moments(n_values * kClean, 2.0f), evidences(n_values * kClean, 0.5f);
    std::vector<std::int64_t> neighbours(n * k);
    std::vector<std::uint32_t> weights(2 * (kMostCost + 1));
    for (auto& row : rows) row = static_cast<std::uint8_t>(below(3) * 127);
    for (auto& v : noisy) v = static_cast<std::uint16_t>(below(n_values));
    for (auto& cost : costs) cost = static_cast<std::uint16_t>(below(300));
    for (auto& moment : moments) moment = static_cast<float>(below(99));
    for (auto& one : neighbours) one = below(n_rows);
    for (int i = 0; i < 2 * kMostCost + 2; ++i) weights[i] = static_cast<std::uint32_t>(kVote >> (i % (kMostCost + 1) / 60));
    const Blending blending{height, width, k, shift, window, profile.data(), costs.data(), moments.data(), evidences.data(),
                            2, weights.data(), static_cast<std::int64_t>(n * pixels)};
    std::vector<float> expected, expected_spread;
    for (const Kernels* kernels : available_kernels()) {
        std::vector<float> estimate(2 * n * pixels), spread(2 * n * pixels);
        std::vector<std::int64_t> joint(kClean * kClean);
        blend_neighbours(*kernels, blending, noisy.data(), rows.data(), neighbours.data(), n, 2, estimate.data(), spread.data(),
                         truth.data(), joint.data(), {});
        if (expected.empty()) expected = estimate, expected_spread = spread;
        for (std::size_t i = 0; i < estimate.size(); ++i) {
            CHECK_EQUAL(estimate[i], expected[i]);
            CHECK_EQUAL(spread[i], expected_spread[i]);
        }
    }
}

void check_regression(int width, int n_channels, int n_outputs, int n_anchors, int blend) {
    const int height = 5, radius = 3, key_radius = 2, n = 2;
    const int padded = (n_anchors + kAnchorBlock - 1) / kAnchorBlock * kAnchorBlock;
    const int row_width = (7 * n_channels + kRegressionStep - 1) / kRegressionStep * kRegressionStep;
    const int image = (height + 2 * radius + 1) * (width + 2 * radius) * n_channels, key_size = 25 * n_outputs;
    std::vector<float> channels(static_cast<std::size_t>(n * image)), anchors(static_cast<std::size_t>(key_size * padded));
    std::vector<float> norms(static_cast<std::size_t>(padded), 3e38f), biases(static_cast<std::size_t>(n_anchors * n_outputs), 1.0f);
    std::vector<float> weights(static_cast<std::size_t>(n_anchors * n_outputs * 7 * row_width));
    for (auto& value : channels) value = static_cast<float>(below(5) ? 0 : below(9));
    // Anchors stand by norm: each is the one before it, and a little more in some coordinate.
    std::vector<float> anchor(static_cast<std::size_t>(key_size), 0.0f);
    for (int a = 0; a < n_anchors; ++a) {
        anchor[static_cast<std::size_t>(below(key_size))] += static_cast<float>(below(3));
        norms[a] = 0;
        for (int i = 0; i < key_size; ++i) {
            anchors[(a / kAnchorBlock * key_size + i) * kAnchorBlock + a % kAnchorBlock] = anchor[i];
            norms[a] += anchor[i] * anchor[i] / 2;
        }
    }
    for (std::size_t i = 0; i < weights.size(); ++i)
        if (static_cast<int>(i) % row_width < 7 * n_channels) weights[i] = static_cast<float>(below(7) - 3);
    Regression r{};
    r.height = height, r.width = width, r.n_channels = n_channels, r.radius = radius, r.n_outputs = n_outputs;
    r.key_radius = key_radius, r.n_anchors = n_anchors, r.padded_anchors = padded, r.blend = blend;
    r.anchors = anchors.data(), r.anchor_norms = norms.data(), r.weights = weights.data(), r.biases = biases.data();
    r.row_width = row_width;
    std::vector<float> expected;
    for (const Kernels* kernels : available_kernels()) {
        std::vector<float> out(static_cast<std::size_t>(n * height * width * n_outputs));
        regress_images(*kernels, r, channels.data(), n, 2, out.data(), {});
        if (expected.empty()) expected = out;
        // Whole numbers, halves and thirds of them: no path rounds sums.
        for (std::size_t i = 0; i < out.size(); ++i) CHECK_EQUAL(out[i], expected[i]);
    }
}

void check_likes(int height, int width, int n_channels, int search_radius, int patch_radius) {
    const int n = 2, pixels = n * n_channels * height * width;
    std::vector<std::int32_t> guide(static_cast<std::size_t>(pixels));
    std::vector<float> values(guide.size()), counts(guide.size(), 1.0f);
    for (auto& value : guide) value = below(kMostGuide + 1);
    for (auto& value : values) value = static_cast<float>(below(256));
    const Likeness likeness{height, width, n_channels, search_radius, patch_radius, 1e-6f};
    std::vector<float> expected;
    for (const Kernels* kernels : available_kernels()) {
        std::vector<float> sums(2 * guide.size()), weights(2 * guide.size());
        average_likes(*kernels, likeness, guide.data(), values.data(), counts.data(), n, 2, sums.data(), weights.data(), {});
        sums.insert(sums.end(), weights.begin(), weights.end());
        if (expected.empty()) expected = sums;
        for (std::size_t i = 0; i < sums.size(); ++i) CHECK(std::abs(sums[i] - expected[i]) <= 1e-5f * expected[i]);
    }
}

}  // namespace

int main() {
    for (const int width : {1, 2, 15, 16, 17, 33})
        for (const int search_radius : {0, 1, 8}) check_likes(7, width, width % 3 + 1, search_radius, search_radius % 4);
    check_likes(1, 1, 1, 3, kMostPatchRadius);
    for (const int width : {1, 7, 31, 32, 33})
        for (int window = 0; window <= kMostWindow; ++window) check_blending(4, width, window);
    for (const int width : {3, 4, 5, 9})
        for (const int n_anchors : {1, 2, 31, 32, 33, 130})
            for (const int n_channels : {1, 3, 6}) check_regression(width, n_channels, n_channels > 2 ? 3 : 1, n_anchors, n_anchors > 2 ? 3 : 1);
    return report();
}
