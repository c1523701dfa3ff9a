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

// A heap with the worst pair on top.
template <class Distance> class TopK {
public:
    explicit TopK(std::int64_t k) : k_(static_cast<std::size_t>(k)) {}

    void clear() { pairs_.clear(); }
    bool full() const { return pairs_.size() == k_; }
    Distance worst() const { return full() ? pairs_.front().first : unknown_distance<Distance>(); }

    // Inserts the pair if it is among the best; returns whether it is.
    bool push(Distance distance, std::int64_t row) {
        const std::pair<Distance, std::int64_t> pair(distance, row);
        if (full()) {
            if (!(pair < pairs_.front())) return false;
            std::pop_heap(pairs_.begin(), pairs_.end());
            pairs_.back() = pair;
        } else {
            pairs_.push_back(pair);
        }
        std::push_heap(pairs_.begin(), pairs_.end());
        return true;
    }

    // Writes k distances and rows, best first, and clears them. Empty slots hold an infinite distance and the
    // largest row.
    void take(double* distances, std::int64_t* rows) {
        std::sort(pairs_.begin(), pairs_.end());  // faster than sort_heap
        for (std::size_t i = 0; i < k_; ++i) {
            const bool known = i < pairs_.size();
            distances[i] = known ? static_cast<double>(pairs_[i].first) : std::numeric_limits<double>::infinity();
            rows[i] = known ? pairs_[i].second : std::numeric_limits<std::int64_t>::max();
        }
        clear();
    }

private:
    std::size_t k_;
    std::vector<std::pair<Distance, std::int64_t>> pairs_;
};

}  // namespace lookalike
