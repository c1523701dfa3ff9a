// Python bindings of the cleaning. Arrays are checked here and nowhere below.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <numeric>

#include "bindings.hpp"
#include "blending.hpp"
#include "dispatch.hpp"
#include "likeness.hpp"
#include "regression.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace lookalike {
namespace {


void blend_into(const Stack<std::uint16_t, 3>& noisy, const Stack<std::uint8_t, 2>& rows, const Stack<std::int64_t, 2>& neighbours,
                const Stack<std::uint16_t, 2>& costs, const Stack<float, 2>& moments, const Stack<float, 2>& evidences,
                const Stack<std::uint32_t, 2>& weights, int shift, const Stack<std::uint16_t, 1>& profile, const MutableStack<float, 4>& estimate,
                const MutableStack<float, 4>& spread, const std::optional<Stack<std::uint8_t, 3>>& truth,
                const std::optional<MutableStack<std::int64_t, 2>>& joint, const std::string& cpu, int n_threads) {
    require(profile.shape(0) % 2 == 1 && profile.shape(0) <= 2 * kMostWindow + 1, "a window has 1, 3, 5 or 7 weights a side");
    const int window = static_cast<int>(profile.shape(0)) / 2;
    const Blending b{static_cast<int>(noisy.shape(1)), static_cast<int>(noisy.shape(2)), static_cast<int>(neighbours.shape(1)),
                     shift, window, profile.data(), costs.data(), moments.data(), evidences.data(), static_cast<int>(weights.shape(0)), weights.data(),
                     static_cast<std::int64_t>(noisy.size())};
    const std::size_t n = noisy.shape(0), n_values = costs.shape(0);
    const auto same = [&](const auto& stack) {
        return stack.shape(0) == n && stack.shape(1) == noisy.shape(1) && stack.shape(2) == noisy.shape(2);
    };
    const auto table = [&](const auto& t) { return t.shape(0) == n_values && t.shape(1) == kClean; };
    const auto read = [&](const auto& stack) {
        return stack.shape(0) == weights.shape(0) && stack.shape(1) == n && stack.shape(2) == noisy.shape(1) &&
               stack.shape(3) == noisy.shape(2);
    };
    require(read(estimate) && read(spread) && (!truth || same(*truth)), "stacks must be of one shape, a reading each");
    require(table(costs) && table(moments) && table(evidences), "tables must be n_values x 256");
    require(weights.shape(0) >= 1 && weights.shape(1) == kMostCost + 1, "weights must be readings x 1281");
    for (int r = 0; r < b.n_readings; ++r) {
        const std::uint32_t* const own = weights.data() + r * (kMostCost + 1);
        require(own[0] == kVote && own[kMostCost] == 0, "the first weight must be 2**20, the last one 0");
        require(std::all_of(own, own + kMostCost, [](std::uint32_t w) { return w <= kVote; }), "no weight above the first");
    }
    require(b.k <= 2047 / ((2 * shift + 1) * (2 * shift + 1)), "votes leave 31 bits");
    require(truth.has_value() == joint.has_value(), "truth and joint go together");
    require(!joint || (joint->shape(0) == kClean && joint->shape(1) == kClean), "joint must be 256 x 256");
    require(shift >= 0 && n_threads >= 1 && b.k >= 1, "radii at least 0, k and n_threads at least 1");
    require(rows.shape(1) == noisy.shape(1) * noisy.shape(2) && neighbours.shape(0) == n, "rows must be images, neighbours one row an image");
    const auto n_rows = static_cast<std::int64_t>(rows.shape(0));
    require(std::all_of(neighbours.data(), neighbours.data() + neighbours.size(),
                        [=](std::int64_t row) { return 0 <= row && row < n_rows; }), "neighbours must be rows");
    require(std::all_of(noisy.data(), noisy.data() + noisy.size(), [=](std::uint16_t v) { return v < n_values; }),
            "noisy values must be in range(n_values)");
    const std::int64_t most = *std::max_element(costs.data(), costs.data() + costs.size());
    const std::int64_t weight = std::accumulate(profile.data(), profile.data() + profile.size(), std::int64_t{0});
    require(most * weight * weight <= 0xffff, "sums of costs leave 16 bits");
    const nb::gil_scoped_release release;
    blend_neighbours(kernels_named(cpu), b, noisy.data(), rows.data(), neighbours.data(), static_cast<std::int64_t>(n), n_threads,
                     estimate.data(), spread.data(), truth ? truth->data() : nullptr, joint ? joint->data() : nullptr, check_signals);
}

void regress_into(const Stack<float, 4>& channels, const Stack<float, 3>& anchors, const Stack<float, 1>& norms,
                  const Stack<float, 4>& weights, const Stack<float, 2>& biases, int radius, int key_radius, int blend,
                  const MutableStack<float, 4>& out, const std::string& cpu, int n_threads) {
    Regression r{};
    r.height = static_cast<int>(out.shape(1)), r.width = static_cast<int>(out.shape(2));
    r.n_channels = static_cast<int>(channels.shape(3)), r.radius = radius;
    r.n_outputs = static_cast<int>(out.shape(3)), r.key_radius = key_radius;
    r.n_anchors = static_cast<int>(weights.shape(0)), r.padded_anchors = static_cast<int>(norms.shape(0));
    r.blend = blend, r.row_width = static_cast<int>(weights.shape(3));
    r.anchors = anchors.data(), r.anchor_norms = norms.data(), r.weights = weights.data(), r.biases = biases.data();
    const int side = 2 * radius + 1, key_side = 2 * key_radius + 1;
    require(0 <= key_radius && key_radius <= radius && n_threads >= 1, "0 <= key_radius <= radius, n_threads at least 1");
    // The last row of the last window reads up to kRegressionStep values past it, into the extra image row.
    require(channels.shape(0) == out.shape(0) && static_cast<int>(channels.shape(1)) == r.height + 2 * radius + 1 &&
                static_cast<int>(channels.shape(2)) == r.width + 2 * radius && r.n_outputs <= r.n_channels,
            "channels must be (n, height + 2 radius + 1, width + 2 radius, n_channels)");
    require(static_cast<int>(anchors.shape(0)) * kAnchorBlock == r.padded_anchors && r.padded_anchors - r.n_anchors < kAnchorBlock &&
                r.n_anchors <= r.padded_anchors && static_cast<int>(anchors.shape(1)) == key_side * key_side * r.n_outputs &&
                static_cast<int>(anchors.shape(2)) == kAnchorBlock,
            "anchors must be blocks x key coordinates x 32");
    require(std::is_sorted(norms.data(), norms.data() + norms.size()) && norms.data()[0] >= 0, "anchors must stand by norm");
    require(static_cast<int>(weights.shape(1)) == r.n_outputs && static_cast<int>(weights.shape(2)) == side &&
                r.row_width % kRegressionStep == 0 && r.row_width >= side * r.n_channels &&
                r.row_width <= (r.width + 2 * radius) * r.n_channels + side * r.n_channels,
            "weights must be anchors x outputs x window rows x padded row");
    require(biases.shape(0) == weights.shape(0) && static_cast<int>(biases.shape(1)) == r.n_outputs, "one bias an anchor and output");
    require(1 <= blend && blend <= r.n_anchors && blend <= kMostBlended, "blend must be in 1 .. anchors, at most 8");
    const nb::gil_scoped_release release;
    regress_images(kernels_named(cpu), r, channels.data(), static_cast<std::int64_t>(out.shape(0)), n_threads, out.data(), check_signals);
}

void average_likes_into(const Stack<std::int32_t, 4>& guide, const Stack<float, 4>& values, const Stack<float, 4>& counts,
                        int search_radius, int patch_radius, float sharpness, const MutableStack<float, 5>& sums,
                        const MutableStack<float, 5>& weights, const std::string& cpu, int n_threads) {
    const Likeness l{static_cast<int>(guide.shape(2)), static_cast<int>(guide.shape(3)), static_cast<int>(guide.shape(1)),
                     search_radius, patch_radius, sharpness};
    const auto same = [&](const auto& stack, std::size_t skip) {
        for (std::size_t axis = 1; axis < 4; ++axis)
            if (stack.shape(axis + skip) != guide.shape(axis)) return false;
        return stack.shape(0) == guide.shape(0) && (skip == 0 || stack.shape(1) == 2);
    };
    require(same(values, 0) && same(counts, 0) && same(sums, 1) && same(weights, 1), "stacks must be of one shape");
    require(guide.size() > 0 && l.n_channels <= 4, "images of at least a pixel and of 1 to 4 channels");
    require(std::all_of(guide.data(), guide.data() + guide.size(), [](std::int32_t value) { return 0 <= value && value <= kMostGuide; }),
            "the guide must be in 0 .. 1020");
    require(search_radius >= 0 && 0 <= patch_radius && patch_radius <= kMostPatchRadius && sharpness >= 0 && n_threads >= 1,
            "radii and sharpness at least 0, patches of radius 10 at most, n_threads at least 1");
    const nb::gil_scoped_release release;
    average_likes(kernels_named(cpu), l, guide.data(), values.data(), counts.data(), static_cast<std::int64_t>(guide.shape(0)),
                  n_threads, sums.data(), weights.data(), check_signals);
}

}  // namespace

void bind_cleaning(nb::module_& m) {
    m.def("blend_neighbours", &blend_into, "noisy"_a, "rows"_a, "neighbours"_a, nb::kw_only(), "costs"_a, "moments"_a,
          "evidences"_a, "weights"_a, "shift"_a, "profile"_a, "estimate"_a, "spread"_a, "truth"_a.none() = nb::none(),
          "joint"_a.none() = nb::none(), "cpu"_a, "n_threads"_a = 1,
          "Estimate noisy images from whole clean neighbours; see src/core/blending.hpp.");
    m.def("regress_images", &regress_into, "channels"_a, nb::kw_only(), "anchors"_a, "norms"_a, "weights"_a, "biases"_a,
          "radius"_a, "key_radius"_a, "blend"_a, "out"_a, "cpu"_a, "n_threads"_a = 1,
          "Predict pixels by the regression of the nearest anchor; see src/core/regression.hpp.");
    m.def("average_likes", &average_likes_into, "guide"_a, "values"_a, "counts"_a, nb::kw_only(), "search_radius"_a,
          "patch_radius"_a, "sharpness"_a, "sums"_a, "weights"_a, "cpu"_a, "n_threads"_a = 1,
          "Average pixels with those of like surroundings; see src/core/likeness.hpp.");
}

}  // namespace lookalike
