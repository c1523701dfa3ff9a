#include "likeness.hpp"

#include "aligned.hpp"

namespace lookalike {

void average_likes(const Kernels& kernels, const Likeness& l, const std::int32_t* guide, const float* values,
                   const float* counts, std::int64_t n, int n_threads, float* sums, float* weights, const Watch& watch) {
    const std::int64_t image = static_cast<std::int64_t>(l.n_channels) * l.height * l.width;
    Job job;
    run_blocks(job, n_threads, n, [&](const NextBlock& next) {
        const auto width = static_cast<std::size_t>(l.width), side = static_cast<std::size_t>(2 * l.patch_radius + 1);
        Aligned<std::int32_t> apart(width + side), ring(side * width), totals(width);
        Aligned<float> sharp(width), soft(width);
        for (std::int64_t i; (i = next()) >= 0; ++job.done)
            kernels.average_likes(l, guide + i * image, values + i * image, counts + i * image,
                                  {apart.data(), ring.data(), totals.data(), sharp.data(), soft.data()}, sums + 2 * i * image,
                                  weights + 2 * i * image);
    }, watch);
}

}  // namespace lookalike
