#include "votes.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

namespace lookalike {

namespace {

// The votes of one query in one output. Votes are not negative, so sums only grow, and the winner changes
// only if another class reaches its votes. Without votes class 0 is the first of equals.
struct Poll {
    explicit Poll(std::int64_t n_classes) : votes(static_cast<std::size_t>(n_classes), 0.0) {}

    void add(std::int64_t c, double weight) {
        const double own = votes[static_cast<std::size_t>(c)] += weight;
        const double most = votes[static_cast<std::size_t>(winner)];
        if (own > most || (own == most && c < winner)) winner = c;
    }
    void forget(std::int64_t c) { votes[static_cast<std::size_t>(c)] = 0.0; }

    std::vector<double> votes;
    std::int64_t winner = 0;
};

constexpr std::int64_t kQueriesAtOnce = 16;  // between two checks whether to stop

// Number of codes in a word.
template <class Code> constexpr std::int64_t kCodesAtOnce = sizeof(std::uint64_t) / sizeof(Code);

// Whether all neighbours have the same codes in the word of outputs from j on.
template <class Code> bool agree(const std::vector<const Code*>& neighbours, std::int64_t j) {
    std::uint64_t differ = 0, first, other;
    std::memcpy(&first, neighbours[0] + j, sizeof first);
    for (const Code* codes : neighbours) {
        std::memcpy(&other, codes + j, sizeof other);
        differ |= first ^ other;
    }
    return differ == 0;
}

// The winners of one query in the outputs first … last - 1.
template <class Code>
void vote(const std::vector<const Code*>& neighbours, const double* weights, std::int64_t first, std::int64_t last, Poll& poll,
          Code* winners) {
    const std::int64_t k = static_cast<std::int64_t>(neighbours.size());
    for (std::int64_t j = first; j < last; ++j) {
        poll.winner = 0;
        for (std::int64_t b = 0; b < k; ++b) poll.add(neighbours[b][j], weights[b]);
        winners[j] = static_cast<Code>(poll.winner);
        for (std::int64_t b = 0; b < k; ++b) poll.forget(neighbours[b][j]);
    }
}

}  // namespace

void winners_at(const std::int32_t* codes, const double* weights, std::int64_t n, std::int64_t k,
                std::int32_t n_classes, const std::int64_t* ks, std::int64_t n_ks, std::int32_t* winners) {
    Poll poll(n_classes);
    for (std::int64_t i = 0; i < n; ++i, codes += k, weights += k, winners += n_ks) {
        poll.winner = 0;
        std::int64_t walked = 0;
        for (std::int64_t j = 0; j < n_ks; ++j) {
            for (; walked < ks[j]; ++walked) poll.add(codes[walked], weights[walked]);
            winners[j] = static_cast<std::int32_t>(poll.winner);
        }
        for (std::int64_t j = 0; j < walked; ++j) poll.forget(codes[j]);
    }
}

template <class Code>
void winners_of_outputs(const Code* codes, std::int64_t m, const std::int64_t* rows, const double* weights,
                        std::int64_t n, std::int64_t k, int n_threads, Code* winners, const Watch& watch) {
    Job job;
    run_blocks(job, n_threads, (n + kQueriesAtOnce - 1) / kQueriesAtOnce, [&](const NextBlock& next) {
        Poll poll(std::int64_t{std::numeric_limits<Code>::max()} + 1);
        std::vector<const Code*> neighbours(static_cast<std::size_t>(k));
        for (std::int64_t block; (block = next()) >= 0;)
            for (std::int64_t i = block * kQueriesAtOnce; i < std::min(n, (block + 1) * kQueriesAtOnce); ++i) {
                const double* const own = weights + i * k;
                const bool any = std::any_of(own, own + k, [](double weight) { return weight > 0; });
                for (std::int64_t b = 0; b < k; ++b) neighbours[b] = codes + rows[i * k + b] * m;
                for (std::int64_t j = 0; j < m; j += kCodesAtOnce<Code>) {
                    // For most pixels all codes agree (the background), so votes need not be counted.
                    if (any && j + kCodesAtOnce<Code> <= m && agree(neighbours, j))
                        std::copy_n(neighbours[0] + j, kCodesAtOnce<Code>, winners + i * m + j);
                    else
                        vote(neighbours, own, j, std::min(m, j + kCodesAtOnce<Code>), poll, winners + i * m);
                }
            }
    }, watch);
}

template void winners_of_outputs(const std::uint8_t*, std::int64_t, const std::int64_t*, const double*, std::int64_t,
                                 std::int64_t, int, std::uint8_t*, const Watch&);
template void winners_of_outputs(const std::uint16_t*, std::int64_t, const std::int64_t*, const double*, std::int64_t,
                                 std::int64_t, int, std::uint16_t*, const Watch&);

}  // namespace lookalike
