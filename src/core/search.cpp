#include "search.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <numeric>
#include <vector>

#include "exhaustive.hpp"
#include "filtered.hpp"
#include "pairs.hpp"
#include "ranked.hpp"
#include "ranked_manhattan.hpp"

namespace lookalike {

namespace {

constexpr std::int64_t kQueryBlock = 960;     // most queries in a block, which share rows in the cache
constexpr std::int64_t kDiskBlock = 8192;     // the same, which read each row from disk once
constexpr std::int64_t kFewQueries = 12;      // least queries with many shifts: whole tiles of the filter
constexpr std::int64_t kQueryPart = 1 << 15;  // queries that are prepared and sorted at once

std::vector<double> query_squares(const Index& index, const Rows& queries) {  // |q|^2, only for cosine
    std::vector<double> squares;
    if (index.metric() == Metric::cosine)
        for (std::int64_t i = 0; i < queries.n; ++i) squares.push_back(square_of(index.kernels(), queries, i));
    return squares;
}

// The size of blocks that keep all threads busy to the end, within the memory of each.
std::int64_t block_of(std::int64_t n, int n_threads, std::int64_t most, std::int64_t memory, std::int64_t bytes_of_one) {
    most = std::max<std::int64_t>(1, std::min(most, memory / n_threads / bytes_of_one));
    const std::int64_t rounds = (n + n_threads * most - 1) / (n_threads * most), blocks = std::max<std::int64_t>(1, rounds * n_threads);
    return std::max<std::int64_t>(1, (n + blocks - 1) / blocks);
}

std::int64_t most_at_once(const Index& index) { return index.rows().on_disk ? kDiskBlock : kQueryBlock; }

// make_searcher(block) returns a searcher for blocks of so many queries, each of which takes so much memory.
template <class MakeSearcher>
void search_blocks(const Index& index, const Request& request, std::int64_t bytes_of_one, const MakeSearcher& make_searcher, Answer& answer, Job& job, const Watch& watch) {
    const std::int64_t n = request.queries.n;
    const std::int64_t block = block_of(n, request.n_threads, most_at_once(index), request.working_memory, bytes_of_one);
    std::atomic<std::int64_t> computed{0};
    run_blocks(job, request.n_threads, (n + block - 1) / block, [&](const NextBlock& next) {
        auto searcher = make_searcher(block);
        std::vector<std::int64_t> ids(static_cast<std::size_t>(block));
        for (std::int64_t i; (i = next()) >= 0;) {
            const int count = static_cast<int>(std::min(block, n - i * block));
            std::iota(ids.begin(), ids.end(), i * block);
            searcher->run(ids.data(), count, answer);
            job.done += count;
        }
        computed += searcher->computed;
    }, watch);
    answer.distances_computed = computed;
}

template <class Pair>
void search_all(const Index& index, const Request& request, const double* squares, Answer& answer, Job& job, const Watch& watch) {
    const auto make = [&](std::int64_t block) { return std::make_unique<Exhaustive<Pair>>(index, request, squares, block, job); };
    search_blocks(index, request, 2 * request.k * 16, make, answer, job, watch);
}

template <class T>
void search_manhattan(const Index& index, const Request& request, Answer& answer, Job& job, const Watch& watch) {
    using Searcher = RankedManhattan<SumOf<T>>;
    if (!index.codes()) return search_all<Manhattan<T>>(index, request, nullptr, answer, job, watch);
    const auto make = [&](std::int64_t block) {
        return std::make_unique<Searcher>(index, request, std::make_unique<Manhattan<T>>(index, request.queries, nullptr), block, job);
    };
    search_blocks(index, request, Searcher::bytes_of_one(index, request), make, answer, job, watch);
}

template <class Distance> using MakePairs = std::function<std::unique_ptr<Pairs<Distance>>()>;

template <class Searcher, class Distance>
void search_filtered(const Index& index, const Request& request, const MakePairs<Distance>& make_pairs, Answer& answer, Job& job, const Watch& watch) {
    const std::int64_t n = request.queries.n;
    const int n_leaves = Searcher::n_leaves(index, request.k), n_shifts = index.shifts() ? index.shifts()->count() : 1;
    // A quarter of the memory is for prepared queries, a quarter for their preparation, the rest for the search.
    const std::int64_t quarter = std::max<std::int64_t>(request.working_memory / 4, 1);
    const std::int64_t part = std::min({n, kQueryPart, std::max<std::int64_t>(1, quarter / (FilterQueries::bytes_of_one(index, n_leaves) + 16))});
    const std::int64_t most = std::max(kFewQueries, most_at_once(index) / n_shifts);
    const std::int64_t chunk = block_of(part, request.n_threads, most, quarter, Preparation::bytes_of_one(index));
    const std::int64_t block = block_of(part, request.n_threads, most, 2 * quarter, Searcher::bytes_of_one(index, request, n_shifts));
    std::vector<std::int64_t> row_groups;  // in the order of the filter, hence contiguous
    if (request.row_groups)
        for (const std::int32_t row : index.filter().order) row_groups.push_back(request.row_groups[row]);
    std::atomic<std::int64_t> computed{0};
    for (std::int64_t first = 0; first < n && !job.is_stopped(); first += part) {
        const std::int64_t count = std::min(part, n - first);
        FilterQueries queries(index, count, n_leaves);
        run_blocks(job, request.n_threads, (count + chunk - 1) / chunk, [&](const NextBlock& next) {
            Preparation preparation;
            for (std::int64_t i; (i = next()) >= 0;)
                prepare(index, request.queries, first, i * chunk, static_cast<int>(std::min(chunk, count - i * chunk)), preparation, queries);
        }, watch);
        // Queries of one leaf follow each other: a block of them visits the same rows.
        std::vector<std::int64_t> ids(static_cast<std::size_t>(count));
        std::iota(ids.begin(), ids.end(), first);
        const auto leaf = [&](std::int64_t id) { return queries.leaves[static_cast<std::size_t>(id - first) * n_shifts * n_leaves]; };
        std::stable_sort(ids.begin(), ids.end(), [&](std::int64_t a, std::int64_t b) { return leaf(a) < leaf(b); });
        run_blocks(job, request.n_threads, (count + block - 1) / block, [&](const NextBlock& next) {
            Searcher searcher(index, request, make_pairs(), queries, first, block, job, row_groups);
            for (std::int64_t i; (i = next()) >= 0;) {
                const int some = static_cast<int>(std::min(block, count - i * block));
                searcher.run(ids.data() + i * block, some, answer);
                job.done += some;
            }
            computed += searcher.computed;
        }, watch);
    }
    answer.distances_computed = computed;
}

template <class Pair>
void search_pairs(const Index& index, const Request& request, Answer& answer, Job& job, const Watch& watch) {
    const std::vector<double> squares = query_squares(index, request.queries);
    if (!index.projection()) return search_all<Pair>(index, request, squares.data(), answer, job, watch);
    using Distance = typename Pair::Distance;
    const MakePairs<Distance> make_pairs = [&] { return std::make_unique<Pair>(index, request.queries, squares.data()); };
    if (index.projection()->is_identity() && !Pair::shifted)
        search_filtered<Ranked<Distance>>(index, request, make_pairs, answer, job, watch);
    else
        search_filtered<Filtered<Distance, Pair::shifted>>(index, request, make_pairs, answer, job, watch);
}

template <class T>
void search_rows(const Index& index, const Request& request, Answer& answer, Job& job, const Watch& watch) {
    if (index.metric() == Metric::manhattan)
        search_manhattan<T>(index, request, answer, job, watch);
    else if (index.metric() == Metric::cosine)
        search_pairs<Cosine<T>>(index, request, answer, job, watch);
    else if (index.shifts())
        search_pairs<ShiftedEuclidean<T>>(index, request, answer, job, watch);
    else
        search_pairs<SquaredEuclidean<T>>(index, request, answer, job, watch);
}

}  // namespace

void search(const Index& index, const Request& request, Answer& answer, Job& job, const Watch& watch) {
    switch (request.queries.dtype) {
        case DType::u8: return search_rows<std::uint8_t>(index, request, answer, job, watch);
        case DType::i8: return search_rows<std::int8_t>(index, request, answer, job, watch);
        case DType::i16: return search_rows<std::int16_t>(index, request, answer, job, watch);
        case DType::f32: return search_rows<float>(index, request, answer, job, watch);
        default: return search_rows<double>(index, request, answer, job, watch);
    }
}

}  // namespace lookalike
