#include "leaves.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace lookalike {

namespace {

// Distant rows are looked for among this many.
constexpr std::int64_t kCandidates = 256;

struct Tree {
    const Kernels& kernels;
    const std::int8_t* rows;
    int steps;
    const Job& job;
    Aligned<std::int32_t> order;
    std::vector<std::pair<std::int32_t, std::int32_t>> keyed;  // (key, row) of the parts being halved

    const std::int8_t* row(std::int32_t i) const {
        return rows + static_cast<std::int64_t>(i) * steps * kCoarseStep;
    }

    std::int32_t distance(std::int32_t a, std::int32_t b) const { return kernels.coarse(row(a), row(b), steps); }

    std::int32_t farthest(std::int32_t from, const std::int32_t* part, std::int64_t n) const {
        const std::int64_t stride = std::max<std::int64_t>(1, n / kCandidates);
        std::int32_t best = part[0], best_distance = -1;
        for (std::int64_t i = 0; i < n; i += stride) {
            const std::int32_t d = distance(from, part[i]);
            if (d > best_distance) {
                best_distance = d;
                best = part[i];
            }
        }
        return best;
    }

    // Puts the nearer rows on one side; returns where the other side begins, or 0 if there is only one.
    std::int64_t split(std::int64_t begin, std::int64_t n) {
        if (n <= kLeafRows || job.is_stopped()) return 0;
        std::int32_t* const part = order.data() + begin;
        auto* const keys = keyed.data() + begin;
        const std::int32_t left = farthest(part[n / 2], part, n), right = farthest(left, part, n);
        for (std::int64_t i = 0; i < n; ++i)
            keys[i] = {distance(part[i], left) - distance(part[i], right), part[i]};
        const std::int64_t leaves = (n + kLeafRows - 1) / kLeafRows, middle = leaves / 2 * kLeafRows;
        std::nth_element(keys, keys + middle, keys + n);
        for (std::int64_t i = 0; i < n; ++i) part[i] = keys[i].second;
        return middle;
    }

    void halve(std::int64_t begin, std::int64_t n) {
        if (const std::int64_t middle = split(begin, n)) {
            halve(begin, middle);
            halve(begin + middle, n - middle);
        }
    }
};

}  // namespace

Aligned<std::int32_t> similar_together(const Kernels& kernels, const std::int8_t* rows, std::int64_t n,
                                       int steps, int n_threads, const Watch& watch) {
    Job job;
    Tree tree{kernels, rows, steps, job, {}, {}};
    tree.order.resize(static_cast<std::size_t>(n));
    std::iota(tree.order.begin(), tree.order.end(), 0);
    tree.keyed.resize(tree.order.size());
    // The parts of the first few levels are halved one by one, then one part per thread.
    std::vector<std::pair<std::int64_t, std::int64_t>> parts{{0, n}};
    for (bool more = true; more && parts.size() < static_cast<std::size_t>(n_threads);) {
        std::vector<std::pair<std::int64_t, std::int64_t>> halves;
        for (const auto& [begin, size] : parts) {
            const std::int64_t middle = tree.split(begin, size);
            if (middle) halves.emplace_back(begin, middle);
            halves.emplace_back(begin + middle, size - middle);
        }
        more = halves.size() > parts.size();
        parts = std::move(halves);
    }
    run_blocks(job, n_threads, static_cast<std::int64_t>(parts.size()), [&](const NextBlock& next) {
        for (std::int64_t i; (i = next()) >= 0;)
            tree.halve(parts[static_cast<std::size_t>(i)].first, parts[static_cast<std::size_t>(i)].second);
    }, watch);
    return std::move(tree.order);
}

Leaves make_leaves(const std::int8_t* rows, const Aligned<std::int32_t>& order, int steps, int width) {
    Leaves leaves;
    leaves.n = static_cast<std::int64_t>(order.size());
    const int count = static_cast<int>(leaves.count());
    leaves.stride = (count + kColumnStep - 1) / kColumnStep * kColumnStep;
    Aligned<float>&centroids = leaves.centroids.own(), &half_squares = leaves.half_squares.own();
    centroids.assign(static_cast<std::size_t>(width) * leaves.stride, 0.0f);
    half_squares.assign(static_cast<std::size_t>(leaves.stride), std::numeric_limits<float>::infinity());
    std::vector<std::int32_t> sum(static_cast<std::size_t>(width));
    for (int leaf = 0; leaf < count; ++leaf) {
        const std::int64_t begin = leaf * kLeafRows, end = std::min(leaves.n, begin + kLeafRows);
        std::fill(sum.begin(), sum.end(), 0);
        for (std::int64_t i = begin; i < end; ++i) {
            const std::int8_t* row = rows + static_cast<std::int64_t>(order[i]) * steps * kCoarseStep;
            for (int j = 0; j < width; ++j) sum[j] += row[j];
        }
        float square = 0;
        for (int j = 0; j < width; ++j) {
            const float mean = static_cast<float>(sum[j]) / static_cast<float>(end - begin);
            centroids[basis_place(j, leaf, width)] = mean;
            square += mean * mean;
        }
        half_squares[leaf] = square / 2;
    }
    return leaves;
}

}  // namespace lookalike
