// The filtered search where the filter sees all coordinates: a score then bounds a distance from both sides.
//
//   0. seed     scores of the rows of the nearest leaves: a first radius
//   1. filter   dot products of bytes; a pair whose lower bound exceeds the query's radius is rejected in registers.
//               The others become candidates, with their scores. The k-th highest score bounds the k-th distance
//               from above, so that candidates can be thinned out without an exact distance. Pairs with no such
//               bound are compared at once.
//   2. product  of all pairs instead, if so many of the first queries' are candidates that it takes less time
//               (products.hpp)
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
          row_bytes_(index.rows().d * visit(index.rows().dtype, [](auto value) { return static_cast<std::int64_t>(sizeof(value)); })),
          k_(static_cast<std::size_t>(request.k)), most_(most_candidates(index, request.k)), panels_(panels_of_block(fine_)),
          row_groups_(row_groups), best_(block, TopK<Distance>(request.k)), bytes_(block * fine_.width), thresholds_(block),
          radii_(block), limits_(block), candidates_(block), products_(index, request.k), survivors_(new Survivor[static_cast<std::size_t>(block * panels_ * kPanelRows)]),
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
        return 2 * request.k * 16 + pairs + 4 * candidates + sorted + fine.width + 12 + Products::bytes_of_one(index, request.k);
    }

    void run(const std::int64_t* ids, int n, Answer& answer) {
        ids_ = ids;
        pair_->take(ids, n);
        for (int i = 0; i < n; ++i) {
            std::copy_n(queries_.fine.bytes.data() + source(i) * fine_.width, fine_.width, bytes_.data() + i * std::int64_t{fine_.width});
            thresholds_[i] = kAcceptAll;
            radii_[i] = std::numeric_limits<double>::infinity();
            limits_[i] = first_limit();
        }
        if (is_filtered(n)) {
            settle(0, n, k_);
            settle(0, n, most_);
        } else if (!job_.is_stopped()) {
            multiply(n);
        }
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

    static constexpr int kFirstQueries = 24;  // filtered before the others
    static constexpr std::int64_t kCacheBytes = 1 << 18;  // some of a level-2 cache
    static constexpr std::int64_t kPartBytes = 1 << 12;  // of a long row
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
        constexpr std::int64_t kMany = 1 << 12;
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

    // Filters the queries, a few first. Returns false as soon as products seem to take less time.
    bool is_filtered(int n) {
        const std::int64_t before = computed;
        std::size_t left = 0;
        for (int begin = 0, end = n < 4 * kFirstQueries ? n : kFirstQueries; begin < n; begin = end, end = n) {
            for (int i = begin; i < end; ++i) seed(i);
            for (std::int64_t panel = 0; panel < fine_.count() && !job_.is_stopped(); panel += panels_) visit_block(begin, end, panel);
            for (int i = begin; i < end; ++i) {
                bound(i);
                left += candidates_[i].size();
            }
            const double pairs = static_cast<double>(static_cast<std::int64_t>(left) + computed - before) / end - static_cast<double>(k_);
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
                    near.push_back(candidate(scored[j].score, scored[j].row));
            if (near.size() >= first_limit()) bound(i);
        }
        bound(i);
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
            compare(i, row);
            products_.tighten(i, radii_[i]);
        });
        pairs_.clear();
        for (int i = 0; i < n; ++i) products_.each_near(i, [&](std::int32_t row) { pairs_.push_back({row, i, kRejectMost}); });
        compare_pairs();
    }

    // Compares queries from … to - 1 with their `most` nearest candidates in the filter's view, and drops these and
    // those that are out of reach then.
    void settle(int from, int to, std::size_t most) {
        pairs_.clear();
        for (int i = from; i < to; ++i) take_nearest(i, most);
        compare_pairs();
        for (int i = from; i < to; ++i) drop_far(i);
    }

    void compare_pairs() {
        sort_by_rows();
        if (pair_->has_parts() && static_cast<std::int64_t>(sorted_.size()) > index_.rows().n) return compare_parts();
        constexpr std::size_t kAhead = 4;
        for (std::size_t j = 0; j < sorted_.size(); ++j) {
            if (j % 4096 == 0 && job_.is_stopped()) return;
            if (j + kAhead < sorted_.size()) fetch(sorted_[j + kAhead].row);
            if (sorted_[j].score >= thresholds_[sorted_[j].query]) compare(sorted_[j].query, sorted_[j].row);
        }
    }

    // Compares several queries with each row, part by part: the parts of rows that are near each other fit a level-2 cache,
    // and a query's part is read once for all of these.
    void compare_parts() {
        constexpr std::size_t kMostPairs = 1 << 13;
        const std::int64_t d = index_.rows().d, part = std::min(d, kPartBytes * d / row_bytes_);
        for (std::size_t begin = 0, end = 0; begin < sorted_.size() && !job_.is_stopped(); begin = end) {
            while (end < sorted_.size() && end - begin < kMostPairs && sorted_[end].row / together() == sorted_[begin].row / together()) ++end;
            const auto last = std::remove_if(sorted_.begin() + static_cast<std::ptrdiff_t>(begin), sorted_.begin() + static_cast<std::ptrdiff_t>(end),
                                             [&](const Pair& pair) { return pair.score < thresholds_[pair.query]; });
            const auto n = static_cast<std::size_t>(last - sorted_.begin()) - begin;
            lanes_.assign(n * kManyLanes, 0.0);
            for (std::int64_t value = 0; value < d; value += part)
                for (std::size_t j = 0, next = 0; j < n; j = next) {
                    const int query = sorted_[begin + j].query;
                    std::int32_t rows[kMostParts];
                    int count = 0;
                    for (; next < n && count < kMostParts && sorted_[begin + next].query == query; ++next) rows[count++] = sorted_[begin + next].row;
                    if (next < n && sorted_[begin + next].query != query)
                        prefetch(pair_->part_of_query(sorted_[begin + next].query, value), std::min(row_bytes_, kPartBytes));
                    pair_->add_parts(query, rows, count, value, std::min(d, value + part), lanes_.data() + j * kManyLanes);
                }
            for (std::size_t j = 0; j < n; ++j) {
                const Pair& pair = sorted_[begin + j];
                take_distance(pair.query, pair.row, pair_->whole(pair.query, pair.row, lanes_.data() + j * kManyLanes));
            }
        }
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

    // Rows whose parts fit a level-2 cache.
    std::int64_t together() const {
        return std::max<std::int64_t>(1, 2 * kCacheBytes / (pair_->has_parts() ? std::min(row_bytes_, kPartBytes) : row_bytes_));
    }

    // Pairs of rows that are near each other in memory follow each other.
    void sort_by_rows() {
        starts_.assign(static_cast<std::size_t>(index_.rows().n / together() + 2), 0);
        for (const Pair& pair : pairs_) ++starts_[static_cast<std::size_t>(pair.row / together() + 1)];
        std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
        sorted_.resize(pairs_.size());
        for (const Pair& pair : pairs_) sorted_[static_cast<std::size_t>(starts_[static_cast<std::size_t>(pair.row / together())]++)] = pair;
    }

    // Drops the candidates of a query that score below its threshold.
    void drop_far(int i) {
        std::vector<Candidate>& candidates = candidates_[i];
        const Candidate least = candidate(thresholds_[i], 0);
        const auto kept = std::remove_if(candidates.begin(), candidates.end(), [=](Candidate one) { return one < least; });
        candidates.erase(kept, candidates.end());
    }

    void compare(int i, std::int32_t row) { take_distance(i, row, (*pair_)(i, 0, row, best_[i].worst())); }

    void take_distance(int i, std::int32_t row, Distance distance) {
        TopK<Distance>& best = best_[i];
        ++computed;
        if (best.push(distance, row) && best.full()) tighten(i, pair_->radius(best.worst()));
    }

    // Limits a query to this radius from now on.
    void tighten(int i, double radius) {
        radii_[i] = std::min(radii_[i], radius);
        const double limit = (radius + queries_.fine.errors[source(i)] + fine_.error) * kSlack;
        thresholds_[i] = std::max(thresholds_[i], fine_.threshold(queries_.fine.squares[source(i)], limit));
    }

    // The processor fetches the rest of a long row itself.
    void fetch(std::int32_t row) const {
        constexpr std::int64_t kMost = 1 << 11;
        prefetch(static_cast<const char*>(index_.rows().data) + row * row_bytes_, std::min(row_bytes_, kMost));
    }

    const Index& index_;
    const Panels& fine_;
    const std::vector<std::int32_t>& order_;
    const Request& request_;
    const FilterQueries& queries_;
    std::int64_t first_;
    Job& job_;
    std::unique_ptr<Pairs<Distance>> pair_;
    std::int64_t row_bytes_;
    std::size_t k_, most_;
    std::int64_t panels_;
    const std::vector<std::int64_t>& row_groups_;  // by position; empty: no groups
    const std::int64_t* ids_ = nullptr;
    std::vector<TopK<Distance>> best_;
    std::vector<std::uint8_t> bytes_;  // levels of the block's queries
    std::vector<std::int32_t> thresholds_;
    std::vector<double> radii_;
    std::vector<std::size_t> limits_;  // numbers of candidates at which they are thinned out
    std::vector<std::vector<Candidate>> candidates_;
    Products products_;
    std::vector<Pair> pairs_, sorted_;
    std::vector<double> lanes_;
    std::vector<std::int64_t> starts_;  // of the pairs of rows that are near each other
    // Room for every pair of a block; most of it is never touched, so it is not initialised.
    std::unique_ptr<Survivor[]> survivors_;
    std::unique_ptr<std::int32_t[]> scores_;
};

}  // namespace lookalike
