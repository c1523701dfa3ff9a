#include "regression.hpp"

#include "aligned.hpp"

namespace lookalike {

void regress_images(const Kernels& kernels, const Regression& r, const float* channels, std::int64_t n, int n_threads,
                    float* out, const Watch& watch) {
    const std::int64_t image = static_cast<std::int64_t>(r.height + 2 * r.radius + 1) * (r.width + 2 * r.radius) * r.n_channels;
    const std::int64_t answer = static_cast<std::int64_t>(r.height) * r.width * r.n_outputs;
    Job job;
    run_blocks(job, n_threads, n, [&](const NextBlock& next) {
        const std::size_t side = static_cast<std::size_t>(2 * r.key_radius + 1), padded = static_cast<std::size_t>(r.padded_anchors);
        Aligned<float> keys(kKeysAtOnce * side * side * static_cast<std::size_t>(r.n_outputs));
        Aligned<float> scores(kKeysAtOnce * padded), least(padded / kAnchorBlock);
        Aligned<int> anchors(static_cast<std::size_t>(r.width * r.blend));
        for (std::int64_t i; (i = next()) >= 0; ++job.done)
            kernels.regress(r, channels + i * image, {keys.data(), scores.data(), least.data(), anchors.data()}, out + i * answer);
    }, watch);
}

}  // namespace lookalike
