#include "regression.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "aligned.hpp"

namespace lookalike {

void regress_images(const Kernels& kernels, const Regression& r, const float* channels, std::int64_t n, int n_threads,
                    float* out, const Watch& watch) {
    const std::int64_t image = static_cast<std::int64_t>(r.height + 2 * r.radius + 1) * (r.width + 2 * r.radius) * r.n_channels;
    const std::int64_t answer = static_cast<std::int64_t>(r.height) * r.width * r.n_outputs;
    const auto n_blocks = static_cast<std::size_t>(r.padded_anchors / kAnchorBlock);
    std::vector<float> least_norms(n_blocks), most_norms(n_blocks);
    for (std::size_t block = 0; block < n_blocks; ++block) {
        const int first = static_cast<int>(block) * kAnchorBlock, last = std::min(first + kAnchorBlock, r.n_anchors) - 1;
        least_norms[block] = std::sqrt(2 * r.anchor_norms[first]), most_norms[block] = std::sqrt(2 * r.anchor_norms[last]);
    }
    Job job;
    run_blocks(job, n_threads, n, [&](const NextBlock& next) {
        const std::size_t side = static_cast<std::size_t>(2 * r.key_radius + 1);
        Aligned<float> key(side * side * static_cast<std::size_t>(r.n_outputs)), scores(kAnchorBlock);
        float lowest[kMostBlended];
        std::vector<int> anchors(static_cast<std::size_t>(r.width * r.blend));
        const RegressionScratch scratch{key.data(), scores.data(), lowest, least_norms.data(), most_norms.data(), anchors.data()};
        for (std::int64_t i; (i = next()) >= 0; ++job.done) kernels.regress(r, channels + i * image, scratch, out + i * answer);
    }, watch);
}

}  // namespace lookalike
