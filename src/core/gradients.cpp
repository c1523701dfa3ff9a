#include "gradients.hpp"

#include <algorithm>

#include "aligned.hpp"

namespace lookalike {
namespace {
constexpr std::int64_t kBlock = 64;
}

void orient_gradients(const Kernels& kernels, const Gradients& g, const std::uint8_t* images, std::int64_t n, int n_threads,
                      float* out, const Watch& watch) {
    const std::int64_t size = static_cast<std::int64_t>(g.height) * g.width * g.n_channels;
    const std::int64_t features = static_cast<std::int64_t>(g.n_orientations) * g.cells_down * g.cells_across;
    Job job;
    run_blocks(job, n_threads, (n + kBlock - 1) / kBlock, [&](const NextBlock& next) {
        const auto row = static_cast<std::size_t>(g.padded_width), cells = static_cast<std::size_t>(g.cells_down * g.padded_cells);
        Aligned<float> planes(static_cast<std::size_t>(g.height + 2) * (row + 2)), rows(5 * row), pooled(cells);
        Aligned<float> sums(static_cast<std::size_t>(g.n_orientations * g.cells_down) * row);
        float* const first = rows.data();
        const GradientScratch scratch{planes.data(), first, first + row, first + 2 * row, first + 3 * row, first + 4 * row,
                                      sums.data(), pooled.data()};
        for (std::int64_t block; (block = next()) >= 0; job.done += kBlock)
            for (std::int64_t i = block * kBlock; i < std::min(n, (block + 1) * kBlock); ++i)
                kernels.orient(g, images + i * size, scratch, out + i * features);
    }, watch);
}

}  // namespace lookalike
