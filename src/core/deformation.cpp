#include "deformation.hpp"

#include "aligned.hpp"

namespace lookalike {

void deformation_distances(const Kernels& kernels, const Deformation& d, const std::uint8_t* queries, const std::uint8_t* images,
                           const std::int64_t* candidates, std::int64_t n_queries, std::int64_t k, bool backward, int n_threads,
                           std::int64_t* distances, std::int8_t* fields, const Watch& watch) {
    const std::int64_t pixels = static_cast<std::int64_t>(d.height) * d.width;
    Job job;
    run_blocks(job, n_threads, n_queries, [&](const NextBlock& next) {
        const auto planes = static_cast<std::size_t>(4 * d.rows() * d.stride()), moves = static_cast<std::size_t>(d.moves());
        const auto lanes = static_cast<std::size_t>(d.lanes), side = static_cast<std::size_t>(2 * d.window + 1);
        Aligned<std::int16_t> fixed(planes), moved(planes);
        Aligned<float> frame(static_cast<std::size_t>((d.height + 2) * (d.width + 2))), right(lanes), below(lanes);
        Aligned<std::uint16_t> ring(moves * side * lanes), sums(moves * (lanes + kDeformationStep)), least(lanes), which(lanes);
        const DeformationScratch scratch{fixed.data(), moved.data(), frame.data(), right.data(), below.data(),
                                         ring.data(), sums.data(), least.data(), which.data()};
        for (std::int64_t i; (i = next()) >= 0; ++job.done)
            kernels.deform(d, queries + i * pixels, images, candidates + i * k, k, backward, scratch, distances + i * k,
                           fields ? fields + 2 * i * k * pixels : nullptr);
    }, watch);
}

}  // namespace lookalike
