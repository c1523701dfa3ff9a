// The k best (distance, row) pairs seen so far; at equal distances the lower row is better.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace lookalike {

template <class Distance> constexpr Distance unknown_distance() {
    if constexpr (std::numeric_limits<Distance>::has_infinity)
        return std::numeric_limits<Distance>::infinity();
    else
        return std::numeric_limits<Distance>::max();
}

// Few pairs are sorted at each insertion. Where k is large, some more than k are collected before the worst of them are
// dropped, which takes less time than a heap; `worst` is then that of the last time, or unknown.
template <class Distance> class TopK {
public:
    explicit TopK(std::int64_t k) : k_(static_cast<std::size_t>(k)), most_(k_ + k_ / 4 + 8) {}

    void clear() {
        pairs_.clear();
        worst_ = unknown();
    }
    bool full() const { return pairs_.size() >= k_; }
    Distance worst() const { return worst_.first; }
    std::int64_t worst_row() const { return worst_.second; }

    // Inserts the pair if it is better than the worst; returns whether it is.
    bool push(Distance distance, std::int64_t row) {
        const Pair pair(distance, row);
        if (!(pair < worst_)) return false;
        if (k_ <= kFew) {
            if (!full()) pairs_.push_back(pair);
            std::size_t place = pairs_.size() - 1;
            for (; place > 0 && pair < pairs_[place - 1]; --place) pairs_[place] = pairs_[place - 1];
            pairs_[place] = pair;
            if (full()) worst_ = pairs_.back();
        } else {
            pairs_.reserve(most_);
            pairs_.push_back(pair);
            if (pairs_.size() == k_ || pairs_.size() == most_) narrow();
        }
        return true;
    }

    // Writes k distances and rows, best first, and clears them. Empty slots hold an infinite distance and the
    // largest row.
    void take(double* distances, std::int64_t* rows) {
        if (k_ > kFew) {
            if (full()) narrow();
            std::sort(pairs_.begin(), pairs_.end());
        }
        for (std::size_t i = 0; i < k_; ++i) {
            const bool known = i < pairs_.size();
            distances[i] = known ? static_cast<double>(pairs_[i].first) : std::numeric_limits<double>::infinity();
            rows[i] = known ? pairs_[i].second : std::numeric_limits<std::int64_t>::max();
        }
        clear();
    }

private:
    using Pair = std::pair<Distance, std::int64_t>;
    static constexpr std::size_t kFew = 24;
    static Pair unknown() { return {unknown_distance<Distance>(), std::numeric_limits<std::int64_t>::max()}; }

    void narrow() {
        std::nth_element(pairs_.begin(), pairs_.begin() + static_cast<std::ptrdiff_t>(k_ - 1), pairs_.end());
        pairs_.resize(k_);
        worst_ = pairs_.back();
    }

    std::size_t k_, most_;
    Pair worst_ = unknown();
    std::vector<Pair> pairs_;
};

}  // namespace lookalike
