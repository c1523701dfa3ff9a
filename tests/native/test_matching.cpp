// Strokes, gradients, deformation and readings of tables: every CPU path beside the portable one, at sizes around
// the lanes, with as little memory behind the arrays as is promised.
#include <cstdint>
#include <random>
#include <vector>

#include "check.hpp"
#include "deformation.hpp"
#include "dispatch.hpp"
#include "gradients.hpp"
#include "matching_table.hpp"
#include "strokes.hpp"

namespace {

using namespace lookalike;

std::mt19937 random_bits(11);
int below(int n) { return static_cast<int>(random_bits() % static_cast<unsigned>(n)); }

std::vector<std::uint8_t> random_images(int n, int size) {
    std::vector<std::uint8_t> images(static_cast<std::size_t>(n * size));
    for (auto& value : images) value = static_cast<std::uint8_t>(below(2) ? 0 : below(256));
    return images;
}

void check_strokes(int height, int width, int channels) {
    const int n = 70;  // more than a block
    const auto images = random_images(n, height * width * channels);
    std::vector<std::uint8_t> alone(images.size()), shared(images.size());
    const Strokes strokes{height, width, channels, 2.0, 3.0};
    normalize_strokes(strokes, images.data(), n, 1, alone.data(), {});
    normalize_strokes(strokes, images.data(), n, 3, shared.data(), {});
    for (std::size_t i = 0; i < alone.size(); ++i) CHECK_EQUAL(alone[i], shared[i]);
    std::vector<double> extents(2 * n);
    stroke_extents(strokes, images.data(), n, 2, extents.data(), {});
    for (const double extent : extents) CHECK(extent >= 0);
}

void check_gradients(int height, int width, int channels, int orientations, int cells) {
    const int n = 3, pitch = (cells + kCellStep - 1) / kCellStep * kCellStep;
    const auto images = random_images(n, height * width * channels);
    std::vector<float> down(static_cast<std::size_t>(height * cells), 0.25f), across(static_cast<std::size_t>(width * pitch));
    for (int x = 0; x < width; ++x)
        for (int c = 0; c < cells; ++c) across[static_cast<std::size_t>(x * pitch + c)] = 0.5f;
    const Gradients g{height, width, channels, orientations, cells, cells, channels > 1, down.data(), across.data(), pitch,
                      (width + kGradientStep - 1) / kGradientStep * kGradientStep};
    std::vector<float> expected;
    for (const Kernels* kernels : available_kernels()) {
        std::vector<float> out(static_cast<std::size_t>(n * orientations * cells * cells), -1.0f);
        orient_gradients(*kernels, g, images.data(), n, 2, out.data(), {});
        if (expected.empty()) expected = out;
        for (std::size_t i = 0; i < out.size(); ++i) CHECK_EQUAL(out[i], expected[i]);
    }
}

void check_deformation(int height, int width, int shift, int window) {
    const int n = 4, k = 3, side = 2 * shift + 1;
    const auto images = random_images(n, height * width);
    std::vector<std::uint16_t> penalties(static_cast<std::size_t>(side * side));
    for (auto& penalty : penalties) penalty = static_cast<std::uint16_t>(below(kMostPenalty + 1));
    std::vector<std::int64_t> candidates(static_cast<std::size_t>(2 * k));
    for (auto& row : candidates) row = below(n);
    const int lanes = (width + 2 * window + kDeformationStep - 1) / kDeformationStep * kDeformationStep;
    const Deformation d{height, width, shift, window, penalties.data(), lanes};
    for (const bool backward : {false, true}) {
        std::vector<std::int64_t> expected;
        for (const Kernels* kernels : available_kernels()) {
            std::vector<std::int64_t> distances(static_cast<std::size_t>(2 * k)), again(distances.size());
            std::vector<std::int8_t> fields(static_cast<std::size_t>(2 * k * 2 * height * width));
            deformation_distances(*kernels, d, images.data(), images.data(), candidates.data(), 2, k, backward, 2, distances.data(),
                                  fields.data(), {});
            deformation_distances(*kernels, d, images.data(), images.data(), candidates.data(), 2, k, backward, 1, again.data(), nullptr, {});
            if (expected.empty()) expected = distances;
            for (std::size_t i = 0; i < distances.size(); ++i) {
                CHECK_EQUAL(distances[i], expected[i]);
                CHECK_EQUAL(again[i], expected[i]);
            }
            for (const std::int8_t move : fields) CHECK(-shift <= move && move <= shift);
        }
    }
}

void check_tables(int n, int k, int n_classes) {
    const int n_rows = k + 2, d = 17;
    std::vector<std::int64_t> indices(static_cast<std::size_t>(n * k));
    std::vector<double> distances(indices.size()), factors(static_cast<std::size_t>(n_rows), 0.5);
    std::vector<std::int32_t> codes(static_cast<std::size_t>(n_rows));
    for (auto& code : codes) code = below(n_classes);
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < k; ++j) indices[static_cast<std::size_t>(i * k + j)] = j, distances[static_cast<std::size_t>(i * k + j)] = j;
    const CandidateTable table{indices.data(), distances.data(), n, k};
    std::vector<std::int64_t> out_indices(indices.size());
    std::vector<double> out_distances(indices.size());
    rescale_table(table, factors.data(), 2, out_indices.data(), out_distances.data(), {});
    for (std::size_t i = 0; i < indices.size(); ++i) {
        CHECK_EQUAL(out_indices[i], indices[i]);
        CHECK_EQUAL(out_distances[i], distances[i] / 2);
    }
    const std::vector<std::int64_t> ks{1, k + 5};
    std::vector<double> sums(static_cast<std::size_t>(2 * n * n_classes), -1);
    sum_classes(table, codes.data(), n_classes, ks.data(), 2, 2, sums.data(), {});
    for (const double sum : sums) CHECK(sum >= 0);
    std::vector<std::int8_t> rows(static_cast<std::size_t>(n_rows * d)), queries(static_cast<std::size_t>(n * d), 3);
    for (auto& value : rows) value = static_cast<std::int8_t>(below(256) - 128);
    for (const int nearest : {1, 10, kMostNearest}) {
        const Hyperplanes hyperplanes{queries.data(), rows.data(), d, nearest, 0.3};
        std::vector<double> alone(static_cast<std::size_t>(n * n_classes)), shared(alone.size());
        hyperplane_distances(hyperplanes, table, codes.data(), n_classes, 1, alone.data(), {});
        hyperplane_distances(hyperplanes, table, codes.data(), n_classes, 3, shared.data(), {});
        for (std::size_t i = 0; i < alone.size(); ++i) CHECK_EQUAL(alone[i], shared[i]);
    }
}

}  // namespace

int main() {
    for (const int width : {1, 8, 15, 16, 17, 31, 33}) {
        for (const int height : {1, 9}) {
            check_strokes(height, width, 1 + width % 3);
            check_gradients(height, width, 1 + width % 4, 12, 1 + width % 9);
            for (const int shift : {0, 2, 3})
                for (const int window : {0, 1, 2}) check_deformation(height, width, shift, window);
        }
    }
    for (const int k : {1, 5, 40}) check_tables(33, k, 7);
    return report();
}
