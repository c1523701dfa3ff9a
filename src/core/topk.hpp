// The k best (distance, row) pairs seen so far, sorted; of equal distances the lower row wins.
#pragma once

#include <cstdint>
#include <limits>

namespace lookalike {

template <class Distance> constexpr Distance unknown_distance() {
    if constexpr (std::numeric_limits<Distance>::has_infinity)
        return std::numeric_limits<Distance>::infinity();
    else
        return std::numeric_limits<Distance>::max();
}

// A view of one query's slots in the arrays of the answer.
template <class Distance> class TopK {
public:
    TopK(Distance* distances, std::int64_t* rows, std::int64_t k)
        : distances_(distances), rows_(rows), k_(k) {}

    void clear() {
        for (std::int64_t i = 0; i < k_; ++i) {
            distances_[i] = unknown_distance<Distance>();
            rows_[i] = std::numeric_limits<std::int64_t>::max();
        }
    }

    Distance worst() const { return distances_[k_ - 1]; }
    bool full() const { return rows_[k_ - 1] != std::numeric_limits<std::int64_t>::max(); }

    // True where the pair belongs among the best and was put there.
    bool push(Distance distance, std::int64_t row) {
        std::int64_t i = k_ - 1;
        if (!before(distance, row, i)) return false;
        for (; i > 0 && before(distance, row, i - 1); --i) {
            distances_[i] = distances_[i - 1];
            rows_[i] = rows_[i - 1];
        }
        distances_[i] = distance;
        rows_[i] = row;
        return true;
    }

private:
    bool before(Distance distance, std::int64_t row, std::int64_t slot) const {
        return distance < distances_[slot] || (distance == distances_[slot] && row < rows_[slot]);
    }

    Distance* distances_;
    std::int64_t* rows_;
    std::int64_t k_;
};

}  // namespace lookalike
