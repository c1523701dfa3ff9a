// The filtered search where the filter sees all coordinates: a score then bounds a distance from both sides.
//
//   0. seed     scores of the rows of the nearest leaves: a first radius
//   1. filter   dot products of bytes; a pair whose lower bound exceeds the query's radius is rejected in registers.
//               The others become candidates, with their scores. The k-th highest score bounds the k-th distance
//               from above, so that candidates can be thinned out without an exact distance. Pairs with no such
//               bound are compared at once.
//   2. product  of all pairs, if most of them are candidates (products.hpp)
//   3. exact    distances of the candidates that are left (candidates.hpp)
//
// Let z^q and z^x be quantised, with errors e_q and e_x (bounds.hpp). Then | |q - x| - |z^q - z^x| | <= e_q + e_x,
// because the transform of all coordinates keeps distances but for the rounding that e_q and e_x cover. With
// |z^q - z^x| = h for the k-th highest score, the k-th distance is at most h + e_q + e_x, and a row is rejected if
// its lower bound exceeds that.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "candidates.hpp"
#include "products.hpp"
#include "queries.hpp"

namespace lookalike {

template <class Distance> class Ranked final : public Candidates<Distance> {
    using Base = Candidates<Distance>;
    using typename Base::Candidate;
    using Base::best_, Base::candidates_, Base::ids_, Base::index_, Base::job_, Base::k_, Base::pair_, Base::panels_, Base::request_,
        Base::scores_, Base::survivors_, Base::thresholds_;

public:
    // For a search of the queries first …, prepared as `queries`, in blocks of at most `block`.
    Ranked(const Index& index, const Request& request, std::unique_ptr<Pairs<Distance>> pair, const FilterQueries& queries,
           std::int64_t first, std::int64_t block, Job& job, const std::vector<std::int64_t>& row_groups)
        : Base(index, request, std::move(pair), block, job, panel_bytes(index)), fine_(index.filter().fine), order_(index.filter().order),
          queries_(queries), first_(first), row_groups_(row_groups), bytes_(block * fine_.width), products_(index) {}

    // Leaves that a query looks for its first radius in.
    static int n_leaves(const Index& index, std::int64_t k) {
        const std::int64_t count = index.filter().leaves.count();
        return static_cast<int>(std::min(std::min<std::int64_t>(4, 1 + count / 16) + k / 32, count));
    }

    // Memory of one query of a block.
    static std::int64_t bytes_of_one(const Index& index, const Request& request, int) {
        return Base::bytes_of_candidates(index, request, panel_bytes(index)) + index.filter().fine.width + Products::bytes_of_one(index);
    }

    void run(const std::int64_t* ids, int n, Answer& answer) {
        Base::take(ids, n);
        for (int i = 0; i < n; ++i)
            std::copy_n(queries_.fine.bytes.data() + source(i) * fine_.width, fine_.width, bytes_.data() + i * std::int64_t{fine_.width});
        for (int i = 0; i < n; ++i) seed(i);
        for (std::int64_t begin = 0; begin < fine_.count() && !job_.is_stopped(); begin += panels_) visit_block(n, begin);
        for (int i = 0; i < n; ++i) thin_out(i);
        if (!job_.is_stopped()) multiply(n);
        Base::finish(n, answer);
    }

private:
    static std::int64_t panel_bytes(const Index& index) { return index.filter().fine.width * std::int64_t{kPanelRows}; }

    std::int64_t source(int i) const { return ids_[i] - first_; }

    bool is_excluded(int i, std::int64_t position) const {
        return !row_groups_.empty() && request_.query_groups[ids_[i]] == row_groups_[static_cast<std::size_t>(position)];
    }

    // Whether a score bounds the distance from above. Rows that are never rejected score above all others, but are
    // not near; nor has a query far beyond the range of float good scores.
    bool is_bounded(int i, std::int32_t position, std::int32_t score) const {
        return score <= kRejectMost && std::isfinite(queries_.fine.errors[source(i)]) &&
               !pair_->is_farther(i, order_[static_cast<std::size_t>(position)]);
    }

    // Bounds a query's distance by the rows of its nearest leaves.
    void seed(int i) {
        if (!std::isfinite(queries_.fine.errors[source(i)])) return;  // far beyond the range of float
        constexpr std::int64_t kPanels = kLeafRows / kPanelRows;
        std::vector<Candidate>& near = candidates_[i];
        for (int leaf = 0; leaf < queries_.n_leaves; ++leaf) {
            const std::int64_t begin = queries_.leaves[source(i) * queries_.n_leaves + leaf] * kPanels;
            const std::int64_t end = std::min(begin + kPanels, fine_.count());
            const Filter filter{bytes_.data(), nullptr, 0, fine_.width, fine_.rows.data(), fine_.penalties.data() + begin * kPanelRows};
            Scored scored[kLeafRows];
            const std::size_t count = index_.kernels().scores(filter, i, begin, end, thresholds_[i], scored);
            for (std::size_t j = 0; j < count; ++j)
                if (scored[j].row < index_.filter().leaves.n && is_bounded(i, scored[j].row, scored[j].score) && !is_excluded(i, scored[j].row))
                    near.push_back(Base::candidate(scored[j].score, scored[j].row));
            if (near.size() >= Base::first_limit()) thin_out(i);
        }
        thin_out(i);
        near.clear();
    }

    void visit_block(int n, std::int64_t begin) {
        const std::int64_t end = std::min(fine_.count(), begin + panels_);
        const Filter filter{bytes_.data(), thresholds_.data(), n, fine_.width, fine_.rows.data(), fine_.penalties.data() + begin * kPanelRows,
                            nullptr, true, scores_.get()};
        const std::size_t count = index_.kernels().filter(filter, begin, end, survivors_.get());
        for (std::size_t j = 0; j < count; ++j) {
            const Survivor s = survivors_[j];
            if (scores_[j] < thresholds_[s.query] || s.row >= index_.rows().n || is_excluded(s.query, s.row)) continue;
            if (!is_bounded(s.query, s.row, scores_[j])) {
                Base::compare(s.query, order_[static_cast<std::size_t>(s.row)]);
                continue;
            }
            Base::add(s.query, scores_[j], s.row);
        }
    }

    // Tightens a query's threshold by the k-th highest score of its candidates, and drops those below.
    void thin_out(int i) override {
        std::vector<Candidate>& candidates = candidates_[i];
        if (candidates.size() < k_) return;
        const auto kth = candidates.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
        std::nth_element(candidates.begin(), kth, candidates.end(), std::greater<>());
        // A penalty is rounded down, so that a score may be one unit too high.
        const double square = queries_.fine.squares[source(i)] - fine_.step_product() * (static_cast<double>(Base::score_of(*kth)) - 1);
        tighten(i, (std::sqrt(std::max(square, 0.0)) + queries_.fine.errors[source(i)] + fine_.error) * kSlack);
        Base::drop_far(i);
    }

    // Thins out the candidates of all queries by products in float, if so many are left that these take less time.
    void multiply(int n) {
        std::int64_t left = 0;
        for (int i = 0; i < n; ++i) left += static_cast<std::int64_t>(candidates_[i].size());
        if (!Products::pay(index_, n, left)) return;
        // The queries of each row, a bit for each, so that candidates need not be sorted.
        const std::int64_t words = (n + 63) / 64;
        marks_.assign(static_cast<std::size_t>(index_.rows().n * words), 0);
        for (int i = 0; i < n; ++i) {
            for (const Candidate one : candidates_[i])
                marks_[static_cast<std::size_t>(Base::position_of(one) * words + i / 64)] |= std::uint64_t{1} << (i % 64);
            candidates_[i].clear();
        }
        bounds_.resize(static_cast<std::size_t>(n));
        for (auto& own : bounds_) own.clear();
        products_.take(request_.queries, ids_, n);
        products_.visit([&](std::int64_t position, double length, const float* products) {
            for (std::int64_t word = 0; word < words; ++word) {
                int i = static_cast<int>(64 * word);
                for (std::uint64_t left_bits = marks_[static_cast<std::size_t>(position * words + word)]; left_bits; left_bits >>= 1, ++i)
                    if (left_bits & 1) {
                        bounds_[i].push_back(products_.bounds(i, length, products[i]));
                        candidates_[i].push_back(Base::candidate(kRejectMost, static_cast<std::int32_t>(position)));
                    }
            }
        });
        std::vector<double> most;
        for (int i = 0; i < n; ++i) {
            if (candidates_[i].size() <= k_) continue;
            most.clear();
            for (const auto& own : bounds_[i]) most.push_back(own.most);
            std::nth_element(most.begin(), most.begin() + static_cast<std::ptrdiff_t>(k_ - 1), most.end());
            const double limit = most[k_ - 1] * kSlack;
            std::size_t kept = 0;
            for (std::size_t j = 0; j < candidates_[i].size(); ++j)
                if (!(bounds_[i][j].least > limit)) candidates_[i][kept++] = candidates_[i][j];
            candidates_[i].resize(kept);
        }
    }

    void tighten(int i, double radius) override {
        const double limit = (radius + queries_.fine.errors[source(i)] + fine_.error) * kSlack;
        thresholds_[i] = std::max(thresholds_[i], fine_.threshold(queries_.fine.squares[source(i)], limit));
    }

    std::int32_t row_at(std::int32_t position) const override { return order_[static_cast<std::size_t>(position)]; }

    const Panels& fine_;
    const std::vector<std::int32_t>& order_;
    const FilterQueries& queries_;
    std::int64_t first_;
    const std::vector<std::int64_t>& row_groups_;  // by position; empty: no groups
    std::vector<std::uint8_t> bytes_;              // levels of the block's queries
    Products products_;
    std::vector<std::vector<Products::Bounds>> bounds_;
    std::vector<std::uint64_t> marks_;
};

}  // namespace lookalike
