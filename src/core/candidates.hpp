// The candidates of a block of queries, with the scores that a filter gave them.
//
// A filter adds the rows that it cannot reject. Once a query has many of them they are thinned out; at last they are
// compared, those with the highest scores first, which leaves few others. The candidates of a block are compared in
// the order of rows: each row is read once for all queries.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "pairs.hpp"
#include "search.hpp"
#include "topk.hpp"

namespace lookalike {

constexpr std::int64_t kBlockRows = 512;  // with their panels, about the size of a level-1 cache

inline void prefetch(const void* data, std::int64_t bytes) {
#if defined(__GNUC__)
    const char* p = static_cast<const char*>(data);
    for (std::int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(p + i);
#else
    (void)data;
    (void)bytes;
#endif
}

// Asks for a row that is compared soon: for so many of its bytes in memory, or for its pages on disk, of which many are
// read at once.
inline void fetch_row(const Rows& rows, std::int64_t row, std::int64_t most = std::numeric_limits<std::int64_t>::max()) {
    if (rows.on_disk)
        read_ahead(rows.row(row), rows.row_bytes());
    else
        prefetch(rows.row(row), std::min(rows.row_bytes(), most));
}
// How many rows ahead of the comparison.
inline std::size_t rows_ahead(const Rows& rows) { return rows.on_disk ? 64 : 4; }

template <class Distance> class Candidates {
public:
    Candidates(const Candidates&) = delete;
    Candidates& operator=(const Candidates&) = delete;
    virtual ~Candidates() = default;

    std::int64_t computed = 0;

protected:
    // For blocks of at most `block` queries, and panels of rows of so many bytes.
    Candidates(const Index& index, const Request& request, std::unique_ptr<Pairs<Distance>> pair, std::int64_t block, Job& job,
               std::int64_t panel_bytes)
        : index_(index), request_(request), job_(job), pair_(std::move(pair)), row_bytes_(index.rows().row_bytes()),
          k_(static_cast<std::size_t>(request.k)), most_(most_candidates(index, request.k)), panels_(panels_of_block(panel_bytes)),
          best_(block, TopK<Distance>(request.k)), thresholds_(block), limits_(block), candidates_(block),
          survivors_(new Survivor[static_cast<std::size_t>(block * panels_ * kPanelRows)]),
          scores_(new std::int32_t[static_cast<std::size_t>(block * panels_ * kPanelRows)]) {}

    // Memory of one query of a block.
    static std::int64_t bytes_of_candidates(const Index& index, const Request& request, std::int64_t panel_bytes) {
        const std::int64_t pairs = panels_of_block(panel_bytes) * kPanelRows * static_cast<std::int64_t>(sizeof(Survivor) + sizeof(std::int32_t));
        const auto candidates = static_cast<std::int64_t>(most_candidates(index, request.k) * sizeof(Candidate));
        const auto sorted = static_cast<std::int64_t>(most_candidates(index, request.k) * 2 * sizeof(Pair));
        return 2 * request.k * 16 + pairs + 4 * candidates + sorted + 4;
    }

    // The row at a position of the filter.
    virtual std::int32_t row_at(std::int32_t position) const = 0;
    // Raises the threshold of a query, limited to this radius from now on.
    virtual void tighten(int i, double radius) = 0;
    // Thins out the candidates of a query, if that is possible with few exact distances.
    virtual void thin_out(int i) = 0;

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

    // Takes a block of queries.
    void take(const std::int64_t* ids, int n) {
        ids_ = ids;
        pair_->take(ids, n);
        for (int i = 0; i < n; ++i) {
            thresholds_[i] = kAcceptAll;
            limits_[i] = first_limit();
        }
    }

    // Compares all candidates that are left.
    void settle_all(int n) {
        settle(0, n, k_);
        settle(0, n, most_);
    }

    void write(int n, Answer& answer) {
        for (int i = 0; i < n; ++i) best_[i].take(answer.distances + ids_[i] * request_.k, answer.rows + ids_[i] * request_.k);
    }

    void add(int i, std::int32_t score, std::int32_t position) {
        std::vector<Candidate>& candidates = candidates_[i];
        candidates.push_back(candidate(score, position));
        if (candidates.size() < limits_[i]) return;
        thin_out(i);
        limits_[i] = std::min(most_, std::max(first_limit(), 2 * candidates.size()));
        for (const std::size_t some : {k_, most_})
            if (candidates.size() > most_ / 2) settle(i, i + 1, some);
    }

    static constexpr std::int64_t kCacheBytes = 1 << 18;  // some of a level-2 cache
    static constexpr std::uint32_t kSign = std::uint32_t{1} << 31;

    // Panels visited at once: they fit a level-2 cache beside the queries.
    static std::int64_t panels_of_block(std::int64_t panel_bytes) {
        const std::int64_t groups = kCacheBytes / (panel_bytes * kPanelGroup);
        return std::clamp<std::int64_t>(groups * kPanelGroup, kPanelGroup, kBlockRows / kPanelRows);
    }

    // Number of candidates that are thinned out for the first time; later there are at least half as many.
    std::size_t first_limit() const { return 4 * k_ + 256; }

    // All rows, if they are not many.
    static std::size_t most_candidates(const Index& index, std::int64_t k) {
        constexpr std::int64_t kMany = 1 << 12;
        return static_cast<std::size_t>(std::max(8 * k + 1024, std::min(index.rows().n + 1, kMany)));
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
        const std::size_t ahead = rows_ahead(index_.rows());
        for (std::size_t j = 0; index_.rows().on_disk && j < std::min(ahead, sorted_.size()); ++j) fetch(sorted_[j].row);
        for (std::size_t j = 0; j < sorted_.size(); ++j) {
            if (j % 4096 == 0 && job_.is_stopped()) return;
            if (j + ahead < sorted_.size()) fetch(sorted_[j + ahead].row);
            if (sorted_[j].score >= thresholds_[sorted_[j].query]) compare(sorted_[j].query, sorted_[j].row);
        }
    }

    // Moves the candidates of a query with the highest scores to the pairs.
    void take_nearest(int i, std::size_t most) {
        std::vector<Candidate>& candidates = candidates_[i];
        const auto last = candidates.begin() + static_cast<std::ptrdiff_t>(std::min(most, candidates.size()));
        if (last != candidates.end()) std::nth_element(candidates.begin(), last, candidates.end(), std::greater<>());
        for (auto one = candidates.begin(); one != last; ++one)
            pairs_.push_back({row_at(position_of(*one)), i, score_of(*one)});
        candidates.erase(candidates.begin(), last);
    }

    // Rows that fit a level-2 cache.
    std::int64_t together() const { return std::max<std::int64_t>(1, 2 * kCacheBytes / row_bytes_); }

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

    void compare(int i, std::int32_t row) {
        TopK<Distance>& best = best_[i];
        ++computed;
        if (best.push((*pair_)(i, 0, row, best.worst()), row) && best.full()) tighten(i, pair_->radius(best.worst()));
    }

    // The processor fetches the rest of a long row itself.
    void fetch(std::int32_t row) const {
        constexpr std::int64_t kMost = 1 << 11;
        fetch_row(index_.rows(), row, kMost);
    }

    const Index& index_;
    const Request& request_;
    Job& job_;
    std::unique_ptr<Pairs<Distance>> pair_;
    std::int64_t row_bytes_;
    std::size_t k_, most_;
    std::int64_t panels_;
    const std::int64_t* ids_ = nullptr;
    std::vector<TopK<Distance>> best_;
    std::vector<std::int32_t> thresholds_;
    std::vector<std::size_t> limits_;  // numbers of candidates at which they are thinned out
    std::vector<std::vector<Candidate>> candidates_;
    std::vector<Pair> pairs_, sorted_;
    std::vector<std::int64_t> starts_;  // of the pairs of rows that are near each other
    // Room for every pair of a block; most of it is never touched, so it is not initialised.
    std::unique_ptr<Survivor[]> survivors_;
    std::unique_ptr<std::int32_t[]> scores_;
};

}  // namespace lookalike
