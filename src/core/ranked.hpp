// The filtered search where the filter sees all coordinates: a score then bounds a distance from both sides.
//
//   0. seed     scores of the rows of the nearest leaves: a first radius
//   1. filter   dot products of bytes; a pair whose lower bound exceeds the query's radius is rejected in registers.
//               The others become candidates, with their scores. The k-th highest score bounds the k-th distance
//               from above, so that candidates can be thinned out without an exact distance. Pairs with no such
//               bound are compared at once.
//   2. product  of all pairs, if most of them are candidates (products.hpp)
//   3. exact    distances of the k candidates with the highest scores, which leave few others; then of those. The
//               candidates of a block of queries are compared in the order of rows: each row is read once for all
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
#include <numeric>
#include <utility>
#include <vector>

#include "filtered.hpp"
#include "products.hpp"

namespace lookalike {

template <class Distance> class Ranked {
public:
    // For a search of the queries first …, prepared as `queries`, in blocks of at most `block`.
    Ranked(const Index& index, const Request& request, std::unique_ptr<Pairs<Distance>> pair, const FilterQueries& queries,
           std::int64_t first, std::int64_t block, Job& job, const std::vector<std::int64_t>& row_groups)
        : index_(index), fine_(index.filter().fine), order_(index.filter().order), request_(request), queries_(queries), first_(first),
          job_(job), pair_(std::move(pair)),
          k_(static_cast<std::size_t>(request.k)), most_(most_candidates(index, request.k)), panels_(panels_of_block(fine_)),
          row_groups_(row_groups), best_(block, TopK<Distance>(request.k)), bytes_(block * fine_.width), thresholds_(block),
          limits_(block), candidates_(block), products_(index), survivors_(new Survivor[static_cast<std::size_t>(block * panels_ * kPanelRows)]),
          scores_(new std::int32_t[static_cast<std::size_t>(block * panels_ * kPanelRows)]) {}

    // Leaves that a query looks for its first radius in.
    static int n_leaves(const Index& index, std::int64_t k) {
        const std::int64_t count = index.filter().leaves.count();
        return static_cast<int>(std::min(std::min<std::int64_t>(4, 1 + count / 16) + k / 32, count));
    }

    // Memory of one query of a block.
    static std::int64_t bytes_of_one(const Index& index, const Request& request, int) {
        const Panels& fine = index.filter().fine;
        const std::int64_t pairs = panels_of_block(fine) * kPanelRows * static_cast<std::int64_t>(sizeof(Survivor) + sizeof(std::int32_t));
        const auto candidates = static_cast<std::int64_t>(most_candidates(index, request.k) * sizeof(Candidate));
        const auto sorted = static_cast<std::int64_t>(most_candidates(index, request.k) * 2 * sizeof(Pair));
        return 2 * request.k * 16 + pairs + 4 * candidates + sorted + fine.width + 4 + Products::bytes_of_one(index);
    }

    void run(const std::int64_t* ids, int n, Answer& answer) {
        ids_ = ids;
        pair_->take(ids, n);
        for (int i = 0; i < n; ++i) {
            std::copy_n(queries_.fine.bytes.data() + source(i) * fine_.width, fine_.width, bytes_.data() + i * std::int64_t{fine_.width});
            thresholds_[i] = kAcceptAll;
            limits_[i] = first_limit();
        }
        for (int i = 0; i < n; ++i) seed(i);
        for (std::int64_t begin = 0; begin < fine_.count() && !job_.is_stopped(); begin += panels_) visit_block(n, begin);
        for (int i = 0; i < n; ++i) bound(i);
        if (!job_.is_stopped()) multiply(n);
        settle(0, n, k_);
        settle(0, n, most_);
        for (int i = 0; i < n; ++i) best_[i].take(answer.distances + ids[i] * request_.k, answer.rows + ids[i] * request_.k);
    }

    std::int64_t computed = 0;

private:
    // A score and the position of a row in 64 bits, in the order of scores.
    using Candidate = std::uint64_t;

    static Candidate candidate(std::int32_t score, std::int32_t position) {
        return static_cast<Candidate>(static_cast<std::uint32_t>(score) ^ kSign) << 32 | static_cast<std::uint32_t>(position);
    }
    static std::int32_t score_of(Candidate one) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(one >> 32) ^ kSign); }
    static std::int32_t position_of(Candidate one) { return static_cast<std::int32_t>(one & 0xffffffffu); }
    // A query and a row that may be its neighbour.
    struct Pair {
        std::int32_t row;
        int query;
        std::int32_t score;
    };

    static constexpr std::int64_t kCacheBytes = 1 << 18;  // some of a level-2 cache
    static constexpr std::uint32_t kSign = std::uint32_t{1} << 31;

    // Panels visited at once: they fit a level-2 cache beside the queries.
    static std::int64_t panels_of_block(const Panels& fine) {
        const std::int64_t groups = kCacheBytes / (fine.width * std::int64_t{kPanelRows * kPanelGroup});
        return std::clamp<std::int64_t>(groups * kPanelGroup, kPanelGroup, kBlockRows / kPanelRows);
    }

    // Number of candidates that are thinned out for the first time; later there are at least half as many.
    std::size_t first_limit() const { return 4 * k_ + 256; }

    // All rows, if they are not many.
    static std::size_t most_candidates(const Index& index, std::int64_t k) {
        constexpr std::int64_t kMany = 1 << 14;
        return static_cast<std::size_t>(std::max(8 * k + 1024, std::min(index.rows().n + 1, kMany)));
    }

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
                    near.push_back(candidate(scored[j].score, scored[j].row));
            if (near.size() >= first_limit()) bound(i);
        }
        bound(i);
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
                compare(s.query, order_[static_cast<std::size_t>(s.row)]);
                continue;
            }
            std::vector<Candidate>& candidates = candidates_[s.query];
            candidates.push_back(candidate(scores_[j], s.row));
            if (candidates.size() < limits_[s.query]) continue;
            bound(s.query);
            limits_[s.query] = std::min(most_, std::max(first_limit(), 2 * candidates.size()));
            for (const std::size_t some : {k_, most_})
                if (candidates.size() > most_ / 2) settle(s.query, s.query + 1, some);
        }
    }

    // Tightens a query's threshold by the k-th highest score of its candidates, and drops those below.
    void bound(int i) {
        std::vector<Candidate>& candidates = candidates_[i];
        if (candidates.size() < k_) return;
        const auto kth = candidates.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
        std::nth_element(candidates.begin(), kth, candidates.end(), std::greater<>());
        // A penalty is rounded down, so that a score may be one unit too high.
        const double square = queries_.fine.squares[source(i)] - fine_.step_product() * (static_cast<double>(score_of(*kth)) - 1);
        tighten(i, (std::sqrt(std::max(square, 0.0)) + queries_.fine.errors[source(i)] + fine_.error) * kSlack);
        drop_far(i);
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
                marks_[static_cast<std::size_t>(position_of(one) * words + i / 64)] |= std::uint64_t{1} << (i % 64);
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
                        candidates_[i].push_back(candidate(kRejectMost, static_cast<std::int32_t>(position)));
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

    // Compares queries from … to - 1 with their `most` nearest candidates in the filter's view, and drops these and
    // those that are out of reach then.
    void settle(int from, int to, std::size_t most) {
        pairs_.clear();
        for (int i = from; i < to; ++i) take_nearest(i, most);
        sort_by_rows();
        const std::size_t ahead = rows_ahead(index_.rows());
        for (std::size_t j = 0; index_.rows().on_disk && j < std::min(ahead, sorted_.size()); ++j) fetch(sorted_[j].row);
        for (std::size_t j = 0; j < sorted_.size(); ++j) {
            if (j % 4096 == 0 && job_.is_stopped()) return;
            if (j + ahead < sorted_.size()) fetch(sorted_[j + ahead].row);
            if (sorted_[j].score >= thresholds_[sorted_[j].query]) compare(sorted_[j].query, sorted_[j].row);
        }
        for (int i = from; i < to; ++i) drop_far(i);
    }

    // Moves the candidates of a query with the highest scores to the pairs.
    void take_nearest(int i, std::size_t most) {
        std::vector<Candidate>& candidates = candidates_[i];
        const auto last = candidates.begin() + static_cast<std::ptrdiff_t>(std::min(most, candidates.size()));
        if (last != candidates.end()) std::nth_element(candidates.begin(), last, candidates.end(), std::greater<>());
        for (auto one = candidates.begin(); one != last; ++one)
            pairs_.push_back({order_[static_cast<std::size_t>(position_of(*one))], i, score_of(*one)});
        candidates.erase(candidates.begin(), last);
    }

    // Pairs of rows that are near each other in memory follow each other.
    void sort_by_rows() {
        const std::int64_t together = std::max<std::int64_t>(1, kCacheBytes / index_.rows().row_bytes());
        starts_.assign(static_cast<std::size_t>(index_.rows().n / together + 2), 0);
        for (const Pair& pair : pairs_) ++starts_[static_cast<std::size_t>(pair.row / together + 1)];
        std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
        sorted_.resize(pairs_.size());
        for (const Pair& pair : pairs_) sorted_[static_cast<std::size_t>(starts_[static_cast<std::size_t>(pair.row / together)]++)] = pair;
    }

    // Drops the candidates of a query that score below its threshold.
    void drop_far(int i) {
        std::vector<Candidate>& candidates = candidates_[i];
        const Candidate least = candidate(thresholds_[i], 0);
        const auto kept = std::remove_if(candidates.begin(), candidates.end(), [=](Candidate one) { return one < least; });
        candidates.erase(kept, candidates.end());
    }

    void compare(int i, std::int32_t row) {
        TopK<Distance>& best = best_[i];
        ++computed;
        if (best.push((*pair_)(i, 0, row, best.worst()), row) && best.full()) tighten(i, pair_->radius(best.worst()));
    }

    // Limits a query to this radius from now on.
    void tighten(int i, double radius) {
        const double limit = (radius + queries_.fine.errors[source(i)] + fine_.error) * kSlack;
        thresholds_[i] = std::max(thresholds_[i], fine_.threshold(queries_.fine.squares[source(i)], limit));
    }

    void fetch(std::int32_t row) const { fetch_row(index_.rows(), row); }

    const Index& index_;
    const Panels& fine_;
    const Stored<std::int32_t>& order_;
    const Request& request_;
    const FilterQueries& queries_;
    std::int64_t first_;
    Job& job_;
    std::unique_ptr<Pairs<Distance>> pair_;
    std::size_t k_, most_;
    std::int64_t panels_;
    const std::vector<std::int64_t>& row_groups_;  // by position; empty: no groups
    const std::int64_t* ids_ = nullptr;
    std::vector<TopK<Distance>> best_;
    std::vector<std::uint8_t> bytes_;  // levels of the block's queries
    std::vector<std::int32_t> thresholds_;
    std::vector<std::size_t> limits_;  // numbers of candidates at which they are thinned out
    std::vector<std::vector<Candidate>> candidates_;
    Products products_;
    std::vector<std::vector<Products::Bounds>> bounds_;
    std::vector<std::uint64_t> marks_;
    std::vector<Pair> pairs_, sorted_;
    std::vector<std::int64_t> starts_;  // of the pairs of rows that are near each other
    // Room for every pair of a block; most of it is never touched, so it is not initialised.
    std::unique_ptr<Survivor[]> survivors_;
    std::unique_ptr<std::int32_t[]> scores_;
};

}  // namespace lookalike
