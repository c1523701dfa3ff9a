// The filtered search where the filter sees all coordinates: a score then bounds a distance from both sides.
//
//   0. seed     scores of the rows of the nearest leaves: a first radius
//   1. filter   dot products of bytes; a pair whose lower bound exceeds the query's radius is rejected in registers.
//               The others become candidates, with their scores. The k-th highest score bounds the k-th distance
//               from above, so that candidates can be thinned out without an exact distance. Pairs with no such
//               bound are compared at once.
//   2. product  of all pairs instead, if so many of the first queries' are candidates that it takes less time
//               (products.hpp)
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
    using Base::best_, Base::candidates_, Base::ids_, Base::index_, Base::job_, Base::k_, Base::pair_, Base::panels_,
        Base::request_, Base::scores_, Base::survivors_, Base::thresholds_;

public:
    // For a search of the queries first …, prepared as `queries`, in blocks of at most `block`.
    Ranked(const Index& index, const Request& request, std::unique_ptr<Pairs<Distance>> pair, const FilterQueries& queries,
           std::int64_t first, std::int64_t block, Job& job, const std::vector<std::int64_t>& row_groups)
        : Base(index, request, std::move(pair), block, job, panel_bytes(index)), fine_(index.filter().fine), order_(index.filter().order),
          queries_(queries), first_(first), row_groups_(row_groups), bytes_(block * fine_.width), radii_(block), products_(index, request.k) {}

    // Leaves that a query looks for its first radius in.
    static int n_leaves(const Index& index, std::int64_t k) {
        const std::int64_t count = index.filter().leaves.count();
        return static_cast<int>(std::min(std::min<std::int64_t>(4, 1 + count / 16) + k / 32, count));
    }

    // Memory of one query of a block.
    static std::int64_t bytes_of_one(const Index& index, const Request& request, int) {
        return Base::bytes_of_candidates(index, request, panel_bytes(index)) + index.filter().fine.width + 8 +
               Products::bytes_of_one(index, request.k);
    }

    void run(const std::int64_t* ids, int n, Answer& answer) {
        Base::take(ids, n);
        for (int i = 0; i < n; ++i) {
            std::copy_n(queries_.fine.bytes.data() + source(i) * fine_.width, fine_.width, bytes_.data() + i * std::int64_t{fine_.width});
            radii_[i] = std::numeric_limits<double>::infinity();
        }
        if (is_filtered(n))
            Base::settle_all(n);
        else if (!job_.is_stopped())
            multiply(n);
        Base::write(n, answer);
    }

private:
    static constexpr int kFirstQueries = 24;  // filtered before the others

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

    // Filters the queries, a few first. Returns false as soon as products seem to take less time.
    bool is_filtered(int n) {
        const std::int64_t before = Base::computed;
        std::size_t left = 0;
        for (int begin = 0, end = n < 4 * kFirstQueries ? n : kFirstQueries; begin < n; begin = end, end = n) {
            for (int i = begin; i < end; ++i) seed(i);
            for (std::int64_t panel = 0; panel < fine_.count() && !job_.is_stopped(); panel += panels_) visit_block(begin, end, panel);
            for (int i = begin; i < end; ++i) {
                thin_out(i);
                left += candidates_[i].size();
            }
            const double pairs = static_cast<double>(static_cast<std::int64_t>(left) + Base::computed - before) / end - static_cast<double>(k_);
            if (Products::pay(index_, n, n - end, n * pairs)) return false;
        }
        return true;
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

    // Filters the queries from … to - 1 by the panels first ….
    void visit_block(int from, int to, std::int64_t first) {
        const std::int64_t last = std::min(fine_.count(), first + panels_);
        const Filter filter{bytes_.data() + from * std::int64_t{fine_.width}, thresholds_.data() + from, to - from, fine_.width, fine_.rows.data(),
                            fine_.penalties.data() + first * kPanelRows, nullptr, true, scores_.get()};
        const std::size_t count = index_.kernels().filter(filter, first, last, survivors_.get());
        for (std::size_t j = 0; j < count; ++j) {
            const Survivor s{survivors_[j].query + from, survivors_[j].row};
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

    // Finds the candidates of all queries anew, by products.
    void multiply(int n) {
        products_.take(request_.queries, ids_, n);
        for (int i = 0; i < n; ++i) {
            candidates_[i].clear();
            best_[i].clear();
            products_.tighten(i, radii_[i]);
        }
        const auto is_excluded = [&](int i, std::int32_t row) { return excluded(request_, ids_[i], row); };
        products_.collect(job_, is_excluded, [&](int i, std::int32_t row) {
            Base::compare(i, row);
            products_.tighten(i, radii_[i]);
        });
        Base::pairs_.clear();
        for (int i = 0; i < n; ++i) products_.each_near(i, [&](std::int32_t row) { Base::pairs_.push_back({row, i, kRejectMost}); });
        Base::compare_pairs();
    }

    // Limits a query to this radius from now on.
    void tighten(int i, double radius) override {
        radii_[i] = std::min(radii_[i], radius);
        const double limit = (radius + queries_.fine.errors[source(i)] + fine_.error) * kSlack;
        thresholds_[i] = std::max(thresholds_[i], fine_.threshold(queries_.fine.squares[source(i)], limit));
    }

    std::int32_t row_at(std::int32_t position) const override { return order_[static_cast<std::size_t>(position)]; }

    const Panels& fine_;
    const Stored<std::int32_t>& order_;
    const FilterQueries& queries_;
    std::int64_t first_;
    const std::vector<std::int64_t>& row_groups_;  // by position; empty: no groups
    std::vector<std::uint8_t> bytes_;              // levels of the block's queries
    std::vector<double> radii_;
    Products products_;
};

}  // namespace lookalike
