// The filtered search visits blocks of rows with a block of queries:
//
//   0. seed     the k-th distance among the rows of the leaf nearest to the query: a first radius
//   1. filter   dot products of bytes; a pair whose lower bound exceeds the query's radius is
//               dropped while still in registers (kernels_*.cpp)
//   2. coarse   a finer lower bound for each survivor
//   3. exact    the distance itself; the query's k-th distance so far is its new radius
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "search.hpp"
#include "topk.hpp"

namespace lookalike {

constexpr std::int64_t kBlockRows = 512;  // with their panels, about a first-level cache
// A query looks for its first radius among this many rows for each neighbour it wants, and
// computes the exact distances of the k + kSpareSeeds most likely ones.
constexpr std::int64_t kSeedRows = 16, kSpareSeeds = 12;
// Covers the rounding of exact distances in double and the inexact orthogonality of residuals.
constexpr double kSlack = 1 + 1e-5;

inline void prefetch(const void* data, std::int64_t bytes) {
#if defined(__GNUC__)
    const char* p = static_cast<const char*>(data);
    for (std::int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(p + i);
#else
    (void)data;
    (void)bytes;
#endif
}

template <class Pair> class Filtered {
public:
    using Distance = typename Pair::Distance;

    Filtered(const Index& index, const Request& request, const double* query_squares, std::int64_t block, Job& job)
        : index_(index), filter_(index.filter()), request_(request), job_(job), pair_(index, request.queries, query_squares),
          best_(block, TopK<Distance>(request.k)), thresholds_(block), radii_(block),
          coarse_radii_(block), survivors_(block * kBlockRows),
          step_product_(2 * static_cast<double>(index.query_scale()) * static_cast<double>(index.projection()->fine_scale)) {
        const float* scale = index.projection()->coarse_scale;
        coarse_ = {nullptr,
                   coarse_radii_.data(),
                   filter_.coarse.data(),
                   filter_.coarse_errors.data(),
                   index.rows().n,
                   filter_.coarse_steps[0],
                   filter_.coarse_steps[1],
                   scale[0] * scale[0],
                   scale[1] * scale[1]};
    }

    void run(const std::int64_t* ids, int n, Answer& answer) {
        index_.prepare(request_.queries, ids, n, projected_, queries_);
        std::fill(radii_.begin(), radii_.end(), std::numeric_limits<double>::infinity());
        std::fill(coarse_radii_.begin(), coarse_radii_.end(), std::numeric_limits<float>::infinity());
        coarse_.queries = queries_.coarse.data();
        std::fill(thresholds_.begin(), thresholds_.end(), std::numeric_limits<std::int32_t>::min());
        seed(ids, n);
        const std::int64_t n_panels = static_cast<std::int64_t>(filter_.penalties.size()) / kPanelRows;
        const Filter filter{queries_.fine.data(), thresholds_.data(), n, filter_.width, filter_.panels.data(),
                            filter_.penalties.data()};
        constexpr std::int64_t kBlock = kBlockRows / kPanelRows;
        for (std::int64_t begin = 0; begin < n_panels && !job_.is_stopped(); begin += kBlock) {
            const std::int64_t end = std::min(n_panels, begin + kBlock);
            const std::size_t kept = index_.kernels().filter(filter, begin, end, survivors_.data());
            refine(ids, keep_close(ids, kept));
        }
        for (int i = 0; i < n; ++i)
            best_[i].take(answer.distances + ids[i] * request_.k, answer.rows + ids[i] * request_.k);
    }

    std::int64_t computed = 0;

private:
    // Gives each query a radius: the k-th distance among likely rows of its nearest leaves. They
    // are met, and kept, once more in their turn.
    void seed(const std::int64_t* ids, int n) {
        const Leaves& leaves = filter_.leaves;
        const std::int64_t k = request_.k;
        if (k * kSeedRows > leaves.n) return;
        index_.leaf_distances(projected_, n, leaf_distances_);
        const std::int64_t wanted = (k * kSeedRows + kLeafRows - 1) / kLeafRows;
        for (int i = 0; i < n; ++i) {
            if (!std::isfinite(queries_.fine_errors[i])) continue;  // far out of the range of float
            const float* distances = leaf_distances_.data() + static_cast<std::int64_t>(i) * leaves.stride;
            likely_.clear();
            if (wanted == 1) {
                add_likely(ids, i, std::min_element(distances, distances + leaves.count()) - distances);
            } else {
                nearest_leaves_.resize(static_cast<std::size_t>(leaves.count()));
                std::iota(nearest_leaves_.begin(), nearest_leaves_.end(), 0);
                std::nth_element(nearest_leaves_.begin(), nearest_leaves_.begin() + wanted - 1, nearest_leaves_.end(),
                                 [&](std::int64_t a, std::int64_t b) { return distances[a] < distances[b]; });
                for (std::int64_t j = 0; j < wanted; ++j) add_likely(ids, i, nearest_leaves_[j]);
            }
            const std::size_t most = static_cast<std::size_t>(k + kSpareSeeds);
            if (likely_.size() > most) {
                std::nth_element(likely_.begin(), likely_.begin() + most, likely_.end());
                likely_.resize(most);
            }
            TopK<Distance>& best = best_[i];
            for (const auto& [bound, row] : likely_) best.push(pair_(ids[i], row, best.worst()), row);
            computed += static_cast<std::int64_t>(likely_.size());
            if (best.full()) tighten(i, best.worst());
            best.clear();
        }
    }

    // The eligible rows of a leaf, with their coarse distances.
    void add_likely(const std::int64_t* ids, int query, std::int64_t leaf) {
        const std::int64_t begin = leaf * kLeafRows, end = std::min(filter_.leaves.n, begin + kLeafRows);
        float distances[kLeafRows] = {};
        if (filter_.coarse_width) index_.kernels().coarse_distances(coarse_, query, begin, end, distances);
        for (std::int64_t position = begin; position < end; ++position) {
            const std::int32_t row = filter_.order[position];
            if (!excluded(request_, ids[query], row)) likely_.emplace_back(distances[position - begin], row);
        }
    }

    // Drops padding, excluded rows and, with a coarse bound, what it rejects; turns positions
    // into rows.
    std::size_t keep_close(const std::int64_t* ids, std::size_t count) {
        if (filter_.coarse_width) count = index_.kernels().coarse_filter(coarse_, survivors_.data(), count);
        std::size_t kept = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const Survivor s = survivors_[i];
            if (s.row >= index_.rows().n) continue;
            const std::int32_t row = filter_.order[s.row];
            if (!excluded(request_, ids[s.query], row)) survivors_[kept++] = {s.query, row};
        }
        return kept;
    }

    void refine(const std::int64_t* ids, std::size_t count) {
        constexpr std::size_t kAhead = 4;
        const std::int64_t row_bytes = pair_.d * static_cast<std::int64_t>(sizeof(*pair_.rows));
        for (std::size_t i = 0; i < std::min(kAhead, count); ++i) prefetch(pair_.row(survivors_[i].row), row_bytes);
        for (std::size_t i = 0; i < count; ++i) {
            if (i + kAhead < count) prefetch(pair_.row(survivors_[i + kAhead].row), row_bytes);
            if (i % 4096 == 0 && job_.is_stopped()) return;
            const Survivor s = survivors_[i];
            TopK<Distance>& best = best_[s.query];
            if (best.push(pair_(ids[s.query], s.row, best.worst()), s.row) && best.full()) tighten(s.query, best.worst());
        }
        computed += static_cast<std::int64_t>(count);
    }

    // d <= r means |z^q - z^x| <= r + e_q + e_x, that is, a score of at least the threshold.
    void tighten(int query, Distance worst) {
        const double radius = Pair::radius(worst);
        if (!(radius < radii_[query])) return;
        radii_[query] = radius;
        if (filter_.coarse_width) coarse_radii_[query] = static_cast<float>((radius + queries_.coarse_errors[query]) * kSlack);
        const double limit = (radius + queries_.fine_errors[query] + filter_.fine_error) * kSlack;
        const double score = (queries_.fine_squares[query] - limit * limit) / step_product_;
        // Scores of rows that may be rejected stay well within +-2^29.
        thresholds_[query] = score > -(1 << 29) ? static_cast<std::int32_t>(std::floor(std::min(score, 1.0 * (1 << 29)))) - 1
                                                : std::numeric_limits<std::int32_t>::min();
    }

    const Index& index_;
    const FilterRows& filter_;
    const Request& request_;
    Job& job_;
    Pair pair_;
    std::vector<TopK<Distance>> best_;
    FilterQueries queries_;
    Projected projected_;
    std::vector<std::int32_t> thresholds_;
    std::vector<double> radii_;
    std::vector<float> coarse_radii_;
    CoarseFilter coarse_;
    std::vector<Survivor> survivors_;
    std::vector<float> leaf_distances_;
    std::vector<std::int64_t> nearest_leaves_;
    std::vector<std::pair<float, std::int32_t>> likely_;
    double step_product_;
};

}  // namespace lookalike
