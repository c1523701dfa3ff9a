#include "blending.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>

#include "aligned.hpp"

namespace lookalike {

namespace {

// Memory of one thread, and the frames of the neighbours of one image.
struct Workspace {
    explicit Workspace(const Blending& b) {
        const std::size_t side = static_cast<std::size_t>(2 * b.shift + 1), ring = static_cast<std::size_t>(2 * b.window + 1);
        const std::size_t candidates = static_cast<std::size_t>(b.k) * side * side;
        const std::size_t padded = static_cast<std::size_t>((b.width + kBlendStep - 1) / kBlendStep * kBlendStep);
        padded_width = static_cast<int>(padded);
        frame_width = b.width + 2 * b.shift;
        frames.assign(static_cast<std::size_t>(b.k * frame_width * (b.height + 2 * b.shift)), 0);
        inked.resize(frames.size() / static_cast<std::size_t>(b.k));
        begins.resize(static_cast<std::size_t>(b.height));
        ends.resize(static_cast<std::size_t>(b.height));
        costs.assign(candidates * ring * (padded + 2 * static_cast<std::size_t>(b.window)), 0);
        sums.resize(candidates * ring * padded);
        totals.resize(candidates * padded);
        least.resize(padded);
        above.resize(padded);
        starts.resize(padded);
        zeros.assign(padded, 0);
        votes.resize(static_cast<std::size_t>((b.n_readings + 1) / 2 * b.width * kClean));
    }

    BlendingScratch take(const Blending& b, const std::uint64_t* weights, const std::uint8_t* rows, const std::int64_t* neighbours) {
        const std::int64_t pixels = static_cast<std::int64_t>(b.height) * b.width;
        std::uint8_t* frame = frames.data();
        for (int j = 0; j < b.k; ++j, frame += frame_width * (b.height + 2 * b.shift))
            for (int y = 0; y < b.height; ++y)
                std::memcpy(frame + (y + b.shift) * frame_width + b.shift, rows + neighbours[j] * pixels + y * b.width,
                            static_cast<std::size_t>(b.width));
        find_columns(b);
        return {padded_width, begins.data(), ends.data(), costs.data(), sums.data(), totals.data(), least.data(), above.data(), zeros.data(), starts.data(), votes.data(), weights};
    }

    void find_columns(const Blending& b) {
        const int frame_height = b.height + 2 * b.shift, reach = 2 * b.shift;
        std::fill(inked.begin(), inked.end(), std::uint8_t{0});
        for (int j = 0; j < b.k; ++j)
            for (std::size_t p = 0; p < inked.size(); ++p) inked[p] |= frames[static_cast<std::size_t>(j) * inked.size() + p];
        std::fill(begins.begin(), begins.end(), b.width);
        std::fill(ends.begin(), ends.end(), 0);
        for (int y = 0; y < frame_height; ++y)
            for (int x = 0; x < frame_width; ++x) {
                if (!inked[static_cast<std::size_t>(y * frame_width + x)]) continue;
                for (int row = std::max(0, y - reach); row <= std::min(y, b.height - 1); ++row) {
                    begins[row] = std::min(begins[row], std::max(0, x - reach));
                    ends[row] = std::max(ends[row], std::min(x + 1, b.width));
                }
            }
    }

    int frame_width, padded_width;
    std::vector<int> begins, ends;
    Aligned<std::uint8_t> inked;
    Aligned<std::uint8_t> frames;
    Aligned<std::uint16_t> costs, sums, totals, least, above, zeros;
    Aligned<std::uint32_t> starts;
    Aligned<std::uint64_t> votes;
};

// The weights of two readings in one word, so that their votes are counted together.
std::vector<std::uint64_t> paired(const Blending& b) {
    std::vector<std::uint64_t> pairs(static_cast<std::size_t>((b.n_readings + 1) / 2 * (kMostCost + 1)), 0);
    for (int r = 0; r < b.n_readings; ++r)
        for (int cost = 0; cost <= kMostCost; ++cost)
            pairs[static_cast<std::size_t>(r / 2 * (kMostCost + 1) + cost)] |=
                std::uint64_t{b.weights[r * (kMostCost + 1) + cost]} << 32 * (r % 2);
    return pairs;
}

}  // namespace

void blend_neighbours(const Kernels& kernels, const Blending& b, const std::uint16_t* noisy, const std::uint8_t* rows,
                      const std::int64_t* neighbours, std::int64_t n, int n_threads, float* estimate, float* spread,
                      const std::uint8_t* truth, std::int64_t* joint, const Watch& watch) {
    const std::int64_t pixels = static_cast<std::int64_t>(b.height) * b.width;
    const std::vector<std::uint64_t> weights = paired(b);
    Job job;
    std::mutex adding;
    run_blocks(job, n_threads, n, [&](const NextBlock& next) {
        Workspace work(b);
        std::vector<std::int64_t> own(truth ? kClean * kClean : 0, 0);
        for (std::int64_t i; (i = next()) >= 0; ++job.done) {
            const BlendingScratch scratch = work.take(b, weights.data(), rows, neighbours + i * b.k);
            kernels.blend(b, noisy + i * pixels, work.frames.data(), scratch, estimate + i * pixels, spread + i * pixels,
                          truth ? truth + i * pixels : nullptr, own.data());
            for (int r = 0; r < b.n_readings; ++r) {
                float* const variances = spread + r * b.reading_stride + i * pixels;
                for (std::int64_t p = 0; p < pixels; ++p) variances[p] = std::sqrt(variances[p]);
            }
        }
        const std::lock_guard<std::mutex> lock(adding);
        for (std::size_t i = 0; i < own.size(); ++i) joint[i] += own[i];
    }, watch);
}

}  // namespace lookalike
