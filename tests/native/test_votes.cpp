// Winners of votes at several numbers of neighbours, and in many outputs, beside counting anew for each.
#include "votes.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <vector>

#include "check.hpp"

namespace {

template <class Code> void check_outputs(std::int64_t k) {
    std::mt19937 random(static_cast<unsigned>(k));
    const std::int64_t n_rows = 40, m = 13, n = 37;
    const std::vector<double> values{0.0, 0.1, 0.25, 0.5, 1.0};
    std::vector<Code> codes(n_rows * m), winners(n * m);
    std::vector<std::int64_t> rows(n * k);
    std::vector<double> weights(n * k);
    for (auto& code : codes) code = static_cast<Code>(std::numeric_limits<Code>::max() - random() % 4);
    for (auto& row : rows) row = static_cast<std::int64_t>(random() % n_rows);
    for (auto& weight : weights) weight = values[random() % values.size()];
    lookalike::winners_of_outputs(codes.data(), m, rows.data(), weights.data(), n, k, 2, winners.data(), {});
    for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t j = 0; j < m; ++j) {
            std::map<Code, double> votes{{Code{0}, 0.0}};  // which wins where nobody has a vote
            for (std::int64_t b = 0; b < k; ++b) votes[codes[rows[i * k + b] * m + j]] += weights[i * k + b];
            const auto most = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
            CHECK_EQUAL(winners[i * m + j], most->first);
        }
}

}  // namespace

int main() {
    for (const std::int64_t k : {1, 2, 7, 30}) {
        check_outputs<std::uint8_t>(k);
        check_outputs<std::uint16_t>(k);
    }
    std::mt19937 random(7);
    const std::int64_t n = 500, k = 9;
    const std::int32_t n_classes = 4;
    const std::vector<double> values{0.0, 0.1, 0.25, 0.5, 1.0};  // few, so that votes tie
    std::vector<std::int32_t> codes(n * k);
    std::vector<double> weights(n * k);
    for (auto& code : codes) code = static_cast<std::int32_t>(random() % n_classes);
    for (auto& weight : weights) weight = values[random() % values.size()];
    const std::vector<std::int64_t> ks{1, 2, 3, 3, 7, 9};
    std::vector<std::int32_t> winners(n * ks.size());
    lookalike::winners_at(codes.data(), weights.data(), n, k, n_classes, ks.data(),
                          static_cast<std::int64_t>(ks.size()), winners.data());
    for (std::int64_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < ks.size(); ++j) {
            std::vector<double> votes(n_classes, 0.0);
            for (std::int64_t l = 0; l < ks[j]; ++l) votes[codes[i * k + l]] += weights[i * k + l];
            const auto most = std::max_element(votes.begin(), votes.end());  // the first of equals
            CHECK_EQUAL(winners[i * ks.size() + j], static_cast<std::int32_t>(most - votes.begin()));
        }
    }
    return report();
}
