#include "search.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <vector>

#include "exhaustive.hpp"
#include "filtered.hpp"
#include "pairs.hpp"

namespace lookalike {

namespace {

constexpr std::int64_t kQueryBlock = 192;  // at most; a multiple of every kernel's tile

// Working memory of one thread for one query of its block.
std::int64_t bytes_per_query(const Index& index, const Request& request) {
    const std::int64_t best = 2 * request.k * 16;  // a vector that grew may hold twice its size
    if (!index.projection()) return best;
    const FilterRows& filter = index.filter();
    const std::int64_t floats = request.queries.d + 4 * index.projection()->stride + filter.leaves.stride;
    return best + floats * 4 + filter.width + filter.coarse_width +
           kBlockRows * static_cast<std::int64_t>(sizeof(Survivor));
}

// All queries, those of one leaf one after the other: a block of them looks at the same rows.
std::vector<std::int64_t> in_leaf_order(const Index& index, const Request& request, std::int64_t block, Job& job,
                                        const Watch& watch) {
    const std::int64_t n = request.queries.n;
    std::vector<std::int64_t> ids(static_cast<std::size_t>(n));
    std::iota(ids.begin(), ids.end(), 0);
    if (!index.projection() || n <= block) return ids;
    std::vector<std::int32_t> leaves(ids.size());
    run_blocks(job, request.n_threads, (n + block - 1) / block, [&](const NextBlock& next) {
        Projected projected;
        std::vector<float> distances;
        for (std::int64_t i; (i = next()) >= 0;) {
            const std::int64_t first = i * block;
            const int count = static_cast<int>(std::min(block, n - first));
            index.nearest_leaves(request.queries, ids.data() + first, count, projected, distances, leaves.data() + first);
        }
    }, watch);
    std::stable_sort(ids.begin(), ids.end(), [&](std::int64_t a, std::int64_t b) { return leaves[a] < leaves[b]; });
    return ids;
}

template <class Searcher>
void search_with(const Index& index, const Request& request, Answer& answer, Job& job, const Watch& watch) {
    const std::int64_t n = request.queries.n;
    // Small enough to keep all threads busy, and for the memory that each may use.
    const std::int64_t fair = (n + request.n_threads - 1) / request.n_threads;
    const std::int64_t affordable = request.working_memory / request.n_threads / bytes_per_query(index, request);
    const std::int64_t block = std::max<std::int64_t>(1, std::min({kQueryBlock, fair, affordable}));
    const std::vector<std::int64_t> ids = in_leaf_order(index, request, block, job, watch);
    std::vector<double> query_squares;  // |q|^2, for cosine only
    if (index.metric() == Metric::cosine)
        for (std::int64_t i = 0; i < n; ++i) query_squares.push_back(square_of(index.kernels(), request.queries, i));
    std::atomic<std::int64_t> computed{0};
    run_blocks(job, request.n_threads, (n + block - 1) / block, [&](const NextBlock& next) {
        Searcher searcher(index, request, query_squares.data(), block, job);
        for (std::int64_t i; (i = next()) >= 0;) {
            const std::int64_t first = i * block;
            const int count = static_cast<int>(std::min(block, n - first));
            searcher.run(ids.data() + first, count, answer);
            job.done += count;
        }
        computed += searcher.computed;
    }, watch);
    answer.distances_computed = computed;
}

template <class T>
void search_rows(const Index& index, const Request& request, Answer& answer, Job& job, const Watch& watch) {
    const bool filtered = index.projection() != nullptr;
    if (index.metric() == Metric::manhattan)
        search_with<Exhaustive<Manhattan<T>>>(index, request, answer, job, watch);
    else if (index.metric() == Metric::cosine)
        filtered ? search_with<Filtered<Cosine<T>>>(index, request, answer, job, watch)
                 : search_with<Exhaustive<Cosine<T>>>(index, request, answer, job, watch);
    else
        filtered ? search_with<Filtered<SquaredEuclidean<T>>>(index, request, answer, job, watch)
                 : search_with<Exhaustive<SquaredEuclidean<T>>>(index, request, answer, job, watch);
}

}  // namespace

void search(const Index& index, const Request& request, Answer& answer, Job& job, const Watch& watch) {
    switch (index.rows().dtype) {
        case DType::u8: return search_rows<std::uint8_t>(index, request, answer, job, watch);
        case DType::i8: return search_rows<std::int8_t>(index, request, answer, job, watch);
        case DType::f32: return search_rows<float>(index, request, answer, job, watch);
        case DType::f64: return search_rows<double>(index, request, answer, job, watch);
    }
}

}  // namespace lookalike
