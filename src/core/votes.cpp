#include "votes.hpp"

#include <vector>

namespace lookalike {

void winners_at(const std::int32_t* codes, const double* weights, std::int64_t n, std::int64_t k,
                std::int32_t n_classes, const std::int64_t* ks, std::int64_t n_ks, std::int32_t* winners) {
    std::vector<double> votes(static_cast<std::size_t>(n_classes), 0.0);
    for (std::int64_t i = 0; i < n; ++i, codes += k, weights += k, winners += n_ks) {
        // No vote is negative, so votes only grow, and the winner changes only when another class
        // reaches its votes. Of no votes at all class 0 is the first of equals.
        std::int32_t winner = 0;
        std::int64_t walked = 0;
        for (std::int64_t j = 0; j < n_ks; ++j) {
            for (; walked < ks[j]; ++walked) {
                const std::int32_t c = codes[walked];
                const double own = votes[static_cast<std::size_t>(c)] += weights[walked];
                const double most = votes[static_cast<std::size_t>(winner)];
                if (own > most || (own == most && c < winner)) winner = c;
            }
            winners[j] = winner;
        }
        for (std::int64_t j = 0; j < walked; ++j) votes[static_cast<std::size_t>(codes[j])] = 0.0;
    }
}

}  // namespace lookalike
