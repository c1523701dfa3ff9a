// The search without a filter, over all pairs.
#pragma once

#include <algorithm>
#include <cstdint>

#include "search.hpp"
#include "topk.hpp"

namespace lookalike {

// Processes blocks of rows that fit the cache.
template <class Pair> class Exhaustive {
public:
    using Distance = typename Pair::Distance;

    Exhaustive(const Index& index, const Request& request, const double* query_squares, std::int64_t block, Job& job)
        : index_(index), request_(request), job_(job), pair_(index, request.queries, query_squares),
          best_(block, TopK<Distance>(request.k)),
          block_rows_(std::max<std::int64_t>(16, (1 << 20) / std::max<std::int64_t>(request.queries.d, 1) / 8)) {}

    static constexpr std::int64_t kAtOnce = 32;  // rows between two looks at the worst distance that counts

    void run(const std::int64_t* ids, int n, Answer& answer) {
        const std::int64_t rows = index_.rows().n;
        const int n_shifts = index_.shifts() ? index_.shifts()->count() : 1;
        pair_.take(ids, n);
        for (std::int64_t start = 0; start < rows && !job_.is_stopped(); start += block_rows_) {
            const std::int64_t stop = std::min(rows, start + block_rows_);
            for (int i = 0; i < n; ++i) {
                TopK<Distance>& best = best_[i];
                for (int shift = 0; shift < n_shifts; ++shift)
                    for (std::int64_t first = start; first < stop; first += kAtOnce) {
                        const std::int64_t count = std::min(kAtOnce, stop - first);
                        Distance distances[kAtOnce];
                        pair_.all(i, shift, first, count, best.worst(), distances);
                        for (std::int64_t j = 0; j < count; ++j)
                            if (!(distances[j] > best.worst()) && !excluded(request_, ids[i], first + j))
                                best.push(distances[j], shift * rows + first + j);
                        computed += count;
                    }
            }
        }
        for (int i = 0; i < n; ++i)
            best_[i].take(answer.distances + ids[i] * request_.k, answer.rows + ids[i] * request_.k);
    }

    std::int64_t computed = 0;

private:
    const Index& index_;
    const Request& request_;
    Job& job_;
    Pair pair_;
    std::vector<TopK<Distance>> best_;
    std::int64_t block_rows_;
};

}  // namespace lookalike
