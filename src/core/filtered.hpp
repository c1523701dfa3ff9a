// The filtered search processes blocks of rows with a block of queries:
//
//   0. seed     exact distances of those rows of the nearest leaves that are nearest in the filter's
//               view: a first radius, slightly larger than the final one
//   1. filter   dot products of bytes; a pair whose lower bound exceeds the query's radius is
//               rejected in registers (kernels_*.cpp)
//   2. coarse   a finer lower bound for each survivor; or wide, for all pairs near survivors (wide.hpp)
//   3. exact    the distance itself; the query's k-th distance so far is its new radius
//
// With shifts (shifts.hpp) steps 1 to 3 run once per shift, on the query moved back. A row x passes
// the bound if |S'q - x|^2 <= A + lost(x), A = r^2 - lost(q), so every row has its own radius.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "candidates.hpp"
#include "pairs.hpp"
#include "queries.hpp"
#include "search.hpp"
#include "topk.hpp"
#include "wide.hpp"

namespace lookalike {

// A query looks for its first radius in this many leaves, plus one per kNeighboursOfLeaf neighbours
// wanted. It takes the k nearest of their rows in the filter's view, and kSpareSeeds more.
constexpr std::int64_t kSeedLeaves = 10, kNeighboursOfLeaf = 4, kSpareSeeds = 4;
// Seeding is skipped if this many rows per neighbour exceed the number of rows.
constexpr std::int64_t kSeedRows = 8;
// Likely rows are collected up to this multiple of the number wanted, then thinned out.
constexpr std::size_t kLikelyMore = 32;

// Number of leaves and rows that each query starts with.
struct Seeds {
    Seeds(const Index& index, std::int64_t k) {
        if (k * kSeedRows > index.filter().leaves.n) return;
        leaves = static_cast<int>(std::min(kSeedLeaves + k / kNeighboursOfLeaf, index.filter().leaves.count()));
        rows = static_cast<std::size_t>(k + k / 2 + kSpareSeeds);
    }

    int leaves = 1;  // queries are sorted by the first one
    std::size_t rows = 0;
};

template <class Distance, bool shifted> class Filtered {
public:
    // For a search of the queries first …, prepared as `queries`, in blocks of at most `block`.
    Filtered(const Index& index, const Request& request, std::unique_ptr<Pairs<Distance>> pair, const FilterQueries& queries,
             std::int64_t first, std::int64_t block, Job& job, const std::vector<std::int64_t>& row_groups)
        : index_(index), filter_(index.filter()), request_(request), queries_(queries), first_(first), job_(job),
          n_shifts_(queries.n_shifts), pair_(std::move(pair)),
          best_(block, TopK<Distance>(request.k)), fine_(block * n_shifts_ * filter_.fine.width),
          coarse_queries_(block * n_shifts_ * filter_.coarse_width), thresholds_(block * n_shifts_),
          squares_(block * n_shifts_), reach_(block), survivors_(new Survivor[static_cast<std::size_t>(block * kBlockRows)]),
          coarse_squares_(new float[static_cast<std::size_t>(block * kBlockRows)]), row_groups_(row_groups), seeds_(index, request.k),
          known_(static_cast<std::size_t>(block) * (seeds_.rows + 1)), next_known_(block),
          wide_(index, queries, first, block, kBlockRows), step_product_(filter_.fine.step_product()) {
        const float* scale = index.projection()->coarse_scale;
        coarse_ = {nullptr,
                   reach_.data(),
                   filter_.coarse.data(),
                   filter_.coarse_errors.data(),
                   index.rows().n,
                   filter_.coarse_width,
                   filter_.coarse_steps[0],
                   filter_.coarse_steps[1],
                   scale[0] * scale[0],
                   scale[1] * scale[1]};
        const double unit = index.edge_ink().unit() * (1 + kLostShare) / step_product_;
        lost_unit_ = unit < kMostLost ? static_cast<std::int64_t>(std::ceil(unit)) : kMostLost;
    }

    static int n_leaves(const Index& index, std::int64_t k) { return Seeds(index, k).leaves; }

    // Memory of one query of a block.
    static std::int64_t bytes_of_one(const Index& index, const Request& request, int n_shifts) {
        const std::int64_t best = 2 * request.k * 16;  // the capacity of a grown vector may be twice its size
        const std::int64_t pairs = kBlockRows * static_cast<std::int64_t>(sizeof(Survivor) + sizeof(float));
        const std::int64_t own = index.filter().fine.width + index.filter().coarse_width + 12 +
                                 (shifted ? index.rows().d + 8 : 0);
        const std::int64_t known = static_cast<std::int64_t>(Seeds(index, request.k).rows + 2) * 8;
        return best + pairs + known + WideFilter::bytes_of_one(index, kBlockRows) + n_shifts * own;
    }

    void run(const std::int64_t* ids, int n, Answer& answer) {
        ids_ = ids;
        n_ = n;
        pair_->take(ids, n);
        gather();
        if (filter_.wide.coordinates) wide_.take(ids, n);
        for (int i = 0; i < n; ++i) {
            next_known_[i] = i * static_cast<std::int64_t>(seeds_.rows + 1);
            known_[next_known_[i]] = kNoTurn;
        }
        if (seeds_.rows) seed();
        constexpr std::int64_t kBlock = kBlockRows / kPanelRows;
        for (std::int64_t begin = 0; begin < n_panels() && !job_.is_stopped(); begin += kBlock) {
            const std::int64_t end = std::min(n_panels(), begin + kBlock);
            for (int shift = 0; shift < n_shifts_; ++shift) visit_block(shift, begin, end);
        }
        for (int i = 0; i < n; ++i)
            best_[i].take(answer.distances + ids[i] * request_.k, answer.rows + ids[i] * request_.k);
    }

    std::int64_t computed = 0;

private:
    // What a row loses counts this much more in the squared bound: (a + e)^2 with
    // a^2 = A + lost is at most (sqrt(A) + e)^2 + lost (1 + e / sqrt(A)), and A is chosen so large
    // that the last quotient is at most this.
    static constexpr double kLostShare = 0.25;

    std::int64_t n_panels() const { return filter_.fine.count(); }

    // Place of query i under a shift: in this block, by shift; and among all, by query.
    int place(int i, int shift) const { return shift * n_ + i; }
    std::int64_t source(int i, int shift) const { return (ids_[i] - first_) * n_shifts_ + shift; }

    void gather() {
        const std::size_t width = static_cast<std::size_t>(filter_.fine.width), coarse_width = static_cast<std::size_t>(filter_.coarse_width);
        for (int shift = 0; shift < n_shifts_; ++shift)
            for (int i = 0; i < n_; ++i) {
                const std::size_t to = static_cast<std::size_t>(place(i, shift)), from = static_cast<std::size_t>(source(i, shift));
                std::copy_n(queries_.fine.bytes.data() + from * width, width, fine_.data() + to * width);
                std::copy_n(queries_.coarse.data() + from * coarse_width, coarse_width, coarse_queries_.data() + to * coarse_width);
                thresholds_[to] = kAcceptAll;
                squares_[to] = std::numeric_limits<double>::infinity();
            }
    }

    // Gives each query a first radius: the k-th distance among the likely rows of its nearest leaves.
    void seed() {
        for (int i = 0; i < n_; ++i) {
            find_likely(i);
            std::int64_t* const known = known_.data() + static_cast<std::size_t>(next_known_[i]);
            TopK<Distance>& best = best_[i];
            if (index_.rows().on_disk)
                for (const Likely& one : likely_) fetch(filter_.order[one.position]);
            for (std::size_t j = 0; j < likely_.size(); ++j) {
                if (!index_.rows().on_disk && j + 1 < likely_.size()) fetch(filter_.order[likely_[j + 1].position]);
                const std::int32_t row = filter_.order[likely_[j].position];
                known[j] = turn(likely_[j].shift, likely_[j].position);
                best.push((*pair_)(i, likely_[j].shift, row, best.worst()), likely_[j].shift * index_.rows().n + row);
            }
            std::sort(known, known + likely_.size());
            known[likely_.size()] = kNoTurn;
            computed += static_cast<std::int64_t>(likely_.size());
            if (best.full()) tighten(i, best.worst());
        }
    }

    // The eligible rows of a query's nearest leaves that are nearest in the filter's view.
    void find_likely(int i) {
        likely_.clear();
        float farthest = std::numeric_limits<float>::infinity();
        for (int shift = 0; shift < n_shifts_; ++shift) {
            const std::int64_t from = source(i, shift);
            if (!std::isfinite(queries_.fine.errors[from])) continue;  // far beyond the range of float
            double origin = queries_.fine.squares[from];
            if constexpr (shifted) origin += queries_.lost[from];
            for (int leaf = 0; leaf < queries_.n_leaves; ++leaf) {
                const double least = std::ceil((origin - static_cast<double>(farthest)) / step_product_);
                score_leaf(i, shift, queries_.leaves[from * queries_.n_leaves + leaf],
                           static_cast<std::int32_t>(std::clamp<double>(least, kAcceptAll, kRejectMost)), origin);
                const std::size_t most = seeds_.rows + (leaf + 1 < queries_.n_leaves ? kLikelyMore : 0);
                if (likely_.size() <= most) continue;
                std::nth_element(likely_.begin(), likely_.begin() + static_cast<std::ptrdiff_t>(seeds_.rows), likely_.end());
                farthest = likely_[seeds_.rows].distance;
                likely_.resize(seeds_.rows);
            }
        }
    }

    void score_leaf(int i, int shift, std::int64_t leaf, std::int32_t least, double origin) {
        constexpr std::int64_t kPanels = kLeafRows / kPanelRows;
        const std::int64_t begin = leaf * kPanels, end = std::min(begin + kPanels, n_panels());
        const Filter filter{fine_.data(), nullptr, 0, filter_.fine.width, filter_.fine.rows.data(), filter_.fine.penalties.data() + begin * kPanelRows};
        Scored scored[kLeafRows];
        const std::size_t count = index_.kernels().scores(filter, place(i, shift), begin, end, least, scored);
        for (std::size_t j = 0; j < count; ++j) {
            const std::int32_t position = scored[j].row;
            // Rows that are never rejected score above all others, but are not near.
            if (position >= filter_.leaves.n || scored[j].score > kRejectMost || is_excluded(i, position)) continue;
            likely_.push_back({static_cast<float>(origin - step_product_ * scored[j].score), shift, position});
        }
    }

    bool is_excluded(int i, std::int64_t position) const {
        return !row_groups_.empty() && request_.query_groups[ids_[i]] == row_groups_[static_cast<std::size_t>(position)];
    }

    void visit_block(int shift, std::int64_t begin, std::int64_t end) {
        const std::int32_t* penalties = filter_.fine.penalties.data() + begin * kPanelRows;
        int most_lost = 0;
        if constexpr (shifted) penalties = lower_penalties(shift, begin, end, penalties, most_lost);
        const Filter filter{fine_.data() + place(0, shift) * filter_.fine.width, thresholds_.data() + place(0, shift), n_,
                            filter_.fine.width, filter_.fine.rows.data(), penalties, nullptr, !filter_.wide.coordinates};
        std::size_t count = index_.kernels().filter(filter, begin, end, survivors_.get());
        if (filter_.coarse_width && count) {
            for (int i = 0; i < n_; ++i) reach_[i] = reach(i, shift, most_lost);
            coarse_.queries = coarse_queries_.data() + place(0, shift) * filter_.coarse_width;
            count = index_.kernels().coarse_filter(coarse_, survivors_.get(), count, coarse_squares_.get());
        }
        if (filter_.wide.coordinates) count = wide_.narrow(survivors_.get(), count, begin);
        refine(shift, count, most_lost);
    }

    // The penalties of a block of rows, less what each row can lose.
    const std::int32_t* lower_penalties(int shift, std::int64_t begin, std::int64_t end, const std::int32_t* penalties,
                                        int& most_lost) {
        const std::int64_t first = begin * kPanelRows, n = std::min(end * kPanelRows, index_.rows().n) - first;
        int lost[kBlockRows];
        if (shift == 0 || n <= 0 || !index_.edge_ink().bounds(shift, first, n, lost)) return penalties;
        own_penalties_.assign(penalties, penalties + (end - begin) * kPanelRows);
        for (std::int64_t i = 0; i < n; ++i) {
            // A row added later may lose more than units can express; it is never rejected here.
            const std::int64_t less = lost[i] == EdgeInk::kUnbounded ? kMostLost : std::min<std::int64_t>(lost[i] * lost_unit_, kMostLost);
            own_penalties_[i] = static_cast<std::int32_t>(std::max<std::int64_t>(own_penalties_[i] - less, -1'300'000'000));
            most_lost = std::max(most_lost, lost[i]);
        }
        return own_penalties_.data();
    }

    // The least radius in the coarse view that keeps all possible neighbours among rows that lose
    // this many units.
    float reach(int i, int shift, int lost) const {
        double square = squares_[place(i, shift)];
        if (shifted && lost) {
            if (lost == EdgeInk::kUnbounded) return std::numeric_limits<float>::infinity();
            square += lost * index_.edge_ink().unit();
        }
        return static_cast<float>((std::sqrt(std::max(square, 0.0)) + queries_.coarse_errors[source(i, shift)]) * kSlack);
    }

    // Drops padding, seeds and excluded rows, so that they are not fetched.
    std::size_t drop_settled(int shift, std::size_t count) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const Survivor s = survivors_[i];
            if (s.row >= index_.rows().n || is_known(s.query, turn(shift, s.row)) || is_excluded(s.query, s.row)) continue;
            if (filter_.coarse_width) coarse_squares_[kept] = coarse_squares_[i];
            survivors_[kept++] = s;
        }
        return kept;
    }

    void refine(int shift, std::size_t count, int most_lost) {
        const std::size_t ahead = rows_ahead(index_.rows());
        count = drop_settled(shift, count);
        // The radius may be smaller than at the filter, and a row may lose less than others.
        const auto may_be_near = [&](std::size_t i) {
            if (!filter_.coarse_width) return true;
            const Survivor s = survivors_[i];
            const int lost = most_lost ? index_.edge_ink().bound(shift, s.row) : 0;
            const float limit = (lost == most_lost ? reach_[s.query] : reach(s.query, shift, lost)) + filter_.coarse_errors[s.row];
            return !(coarse_squares_[i] > limit * limit * kCoarseSlack);
        };
        const auto fetch_of = [&](std::size_t i) {
            if (may_be_near(i)) fetch(filter_.order[survivors_[i].row]);
        };
        for (std::size_t i = 0; i < std::min(ahead, count); ++i) fetch_of(i);
        for (std::size_t i = 0; i < count; ++i) {
            if (i + ahead < count) fetch_of(i + ahead);
            if (i % 4096 == 0 && job_.is_stopped()) return;
            if (!may_be_near(i)) continue;
            const Survivor s = survivors_[i];
            const std::int32_t row = filter_.order[s.row];
            ++computed;
            TopK<Distance>& best = best_[s.query];
            if (best.push((*pair_)(s.query, shift, row, best.worst()), shift * index_.rows().n + row) && best.full()) {
                tighten(s.query, best.worst());
                reach_[s.query] = reach(s.query, shift, most_lost);
            }
        }
    }

    void fetch(std::int32_t row) const { fetch_row(index_.rows(), row); }

    // Order in which the pairs of one query are visited.
    std::int64_t turn(int shift, std::int64_t position) const {
        return (position / kBlockRows * n_shifts_ + shift) * kBlockRows + position % kBlockRows;
    }

    // Whether the pair at this turn was a seed. It is called panel by panel, in the order of turns.
    bool is_known(int i, std::int64_t turn) {
        std::int64_t& next = next_known_[i];
        while (known_[next] < turn / kPanelRows * kPanelRows) ++next;
        std::int64_t at = next;
        while (known_[at] < turn) ++at;
        return known_[at] == turn;
    }

    void tighten(int i, Distance worst) {
        const double radius = pair_->radius(worst);
        if (filter_.wide.coordinates) wide_.tighten(i, radius);
        for (int shift = 0; shift < n_shifts_; ++shift) {
            const std::size_t to = static_cast<std::size_t>(place(i, shift)), from = static_cast<std::size_t>(source(i, shift));
            double square = radius * radius;
            if constexpr (shifted) square += 1e-9 * (square + queries_.lost[from]) - queries_.lost[from];
            if (!(square < squares_[to])) continue;
            squares_[to] = square;
            const double errors = queries_.fine.errors[from] + filter_.fine.error;
            double a = radius;
            if constexpr (shifted) a = std::max(std::sqrt(std::max(square, 0.0)), errors / kLostShare);
            const double limit = (a + errors) * kSlack;
            thresholds_[to] = filter_.fine.threshold(queries_.fine.squares[from], limit);
        }
    }

    static constexpr std::int64_t kNoTurn = std::numeric_limits<std::int64_t>::max();

    struct Likely {
        float distance;
        int shift;
        std::int32_t position;
        bool operator<(const Likely& other) const { return distance < other.distance; }
    };

    const Index& index_;
    const FilterRows& filter_;
    const Request& request_;
    const FilterQueries& queries_;
    std::int64_t first_;
    Job& job_;
    int n_shifts_;
    std::unique_ptr<Pairs<Distance>> pair_;
    const std::int64_t* ids_ = nullptr;
    int n_ = 0;
    std::vector<TopK<Distance>> best_;
    std::vector<std::uint8_t> fine_;
    Aligned<std::int8_t> coarse_queries_;
    std::vector<std::int32_t> thresholds_;
    std::vector<double> squares_;  // A: squared radius less what the query loses
    std::vector<float> reach_;     // reach of the block's queries under the current shift
    CoarseFilter coarse_;
    // Room for every pair of a block; most of it is never touched, so it is not initialised.
    std::unique_ptr<Survivor[]> survivors_;
    std::unique_ptr<float[]> coarse_squares_;  // one per survivor
    Aligned<std::int32_t> own_penalties_;
    const std::vector<std::int64_t>& row_groups_;  // by position; empty: no groups
    std::vector<Likely> likely_;
    Seeds seeds_;
    std::vector<std::int64_t> known_;       // the turns of each query's seeds, in order
    std::vector<std::int64_t> next_known_;  // the first of them that is not visited yet
    WideFilter wide_;
    double step_product_;
    std::int64_t lost_unit_ = 0;
};

}  // namespace lookalike
