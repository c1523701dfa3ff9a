// The search visits blocks of rows with a block of queries:
//
//   0. seed     the k-th distance among the rows of the leaf nearest to the query: a first radius
//   1. filter   dot products of bytes; a pair whose lower bound exceeds the query's radius is
//               dropped while still in registers (kernels_*.cpp)
//   2. coarse   a finer lower bound for each survivor
//   3. exact    the distance itself; the query's k-th distance so far is its new radius
#include "search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "topk.hpp"

namespace lookalike {

namespace {

constexpr std::int64_t kQueryBlock = 96;  // at most; a multiple of every kernel's tile
constexpr std::int64_t kBlockRows = 512;  // with their panels, about a first-level cache
// A query looks for its first radius among this many rows for each neighbour it wants, and
// computes the exact distances of the k + kSpareSeeds most likely ones.
constexpr std::int64_t kSeedRows = 16, kSpareSeeds = 12;
// Covers the rounding of exact distances in double and the inexact orthogonality of residuals.
constexpr double kSlack = 1 + 1e-5;

inline void prefetch(const void* data, std::int64_t bytes) {
#if defined(__GNUC__)
    const char* p = static_cast<const char*>(data);
    for (std::int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(p + i);
#else
    (void)data;
    (void)bytes;
#endif
}

// The exact distance of a pair, and the Euclidean radius beyond which no better pair can be.
template <class T> struct SquaredEuclidean {
    using Distance = decltype(distances_of<T>(std::declval<const Kernels&>()).squared(nullptr, nullptr, 0));

    SquaredEuclidean(const Index& index, const Rows& queries_)
        : kernel(distances_of<T>(index.kernels()).squared), rows(static_cast<const T*>(index.rows().data)),
          queries(static_cast<const T*>(queries_.data)), d(queries_.d) {}

    Distance operator()(std::int64_t query, std::int64_t row, Distance) const {
        return kernel(queries + query * d, rows + row * d, d);
    }
    static double radius(Distance worst) { return std::sqrt(static_cast<double>(worst)); }
    const T* row(std::int64_t i) const { return rows + i * d; }

    PairKernel<T, Distance> kernel;
    const T* rows;
    const T* queries;
    std::int64_t d;
};

// 1 - q.x / (|q| |x|); a zero vector is at distance 1 from everything. The filter sees rows of
// unit length, whose squared Euclidean distance is twice this.
template <class T> struct Cosine {
    using Distance = double;

    Cosine(const Index& index_, const Rows& queries_)
        : index(index_), all_queries(queries_), kernel(distances_of<T>(index_.kernels()).dot),
          rows(static_cast<const T*>(index_.rows().data)), queries(static_cast<const T*>(queries_.data)),
          d(queries_.d) {}

    double operator()(std::int64_t query, std::int64_t row, double) const {
        const double dot = static_cast<double>(kernel(queries + query * d, rows + row * d, d));
        const double query_square = square_of(index.kernels(), all_queries, query);
        const double row_square = index.square_of_row(row), product = query_square * row_square;
        // The product of two squares leaves the range of double long before the squares do.
        const double length = product > 1e-280 && product < 1e280
                                  ? std::sqrt(product)
                                  : std::sqrt(query_square) * std::sqrt(row_square);
        if (!(length > 0)) return 1;
        const double distance = 1 - dot / length;
        return distance < 0 ? 0 : distance;
    }
    static double radius(double worst) { return std::sqrt(2 * worst + 1e-12); }
    const T* row(std::int64_t i) const { return rows + i * d; }

    const Index& index;
    const Rows& all_queries;
    decltype(distances_of<T>(std::declval<const Kernels&>()).dot) kernel;
    const T* rows;
    const T* queries;
    std::int64_t d;
};

template <class T> struct Manhattan {
    using Distance = decltype(distances_of<T>(std::declval<const Kernels&>()).squared(nullptr, nullptr, 0));

    Manhattan(const Index& index, const Rows& queries_)
        : kernel(distances_of<T>(index.kernels()).manhattan), rows(static_cast<const T*>(index.rows().data)),
          queries(static_cast<const T*>(queries_.data)), d(queries_.d) {}

    Distance operator()(std::int64_t query, std::int64_t row, Distance worst) const {
        return kernel(queries + query * d, rows + row * d, d, worst);
    }

    LimitedKernel<T, Distance> kernel;
    const T* rows;
    const T* queries;
    std::int64_t d;
};

bool excluded(const Request& request, std::int64_t query, std::int64_t row) {
    return request.row_groups && request.query_groups[query] == request.row_groups[row];
}

// One thread's best pairs of one block of queries.
template <class Distance> struct Best {
    Best(std::int64_t queries, std::int64_t k_) : k(k_), distances(queries * k_), rows(queries * k_) {}

    TopK<Distance> of(int query) {
        return {distances.data() + query * k, rows.data() + query * k, k};
    }
    void clear(int n) {
        for (int i = 0; i < n; ++i) of(i).clear();
    }
    void store(std::int64_t first, int n, Answer& answer) const {
        for (std::int64_t i = 0; i < n * k; ++i) {
            const bool known = rows[i] != std::numeric_limits<std::int64_t>::max();
            answer.distances[first * k + i] =
                known ? static_cast<double>(distances[i]) : std::numeric_limits<double>::infinity();
            answer.rows[first * k + i] = rows[i];
        }
    }

    std::int64_t k;
    std::vector<Distance> distances;
    std::vector<std::int64_t> rows;
};

// Every pair, a block of rows that fits the cache at a time.
template <class Pair> class Exhaustive {
public:
    using Distance = typename Pair::Distance;

    Exhaustive(const Index& index, const Request& request, std::int64_t block, Job& job)
        : index_(index), request_(request), job_(job), pair_(index, request.queries), best_(block, request.k),
          block_rows_(std::max<std::int64_t>(16, (1 << 20) / std::max<std::int64_t>(request.queries.d, 1) / 8)) {}

    void run(std::int64_t first, int n, Answer& answer) {
        best_.clear(n);
        const std::int64_t rows = index_.rows().n;
        for (std::int64_t start = 0; start < rows && !job_.is_stopped(); start += block_rows_) {
            const std::int64_t stop = std::min(rows, start + block_rows_);
            for (int i = 0; i < n; ++i) {
                TopK<Distance> best = best_.of(i);
                for (std::int64_t row = start; row < stop; ++row)
                    if (!excluded(request_, first + i, row)) {
                        best.push(pair_(first + i, row, best.worst()), row);
                        ++computed;
                    }
            }
        }
        best_.store(first, n, answer);
    }

    std::int64_t computed = 0;

private:
    const Index& index_;
    const Request& request_;
    Job& job_;
    Pair pair_;
    Best<Distance> best_;
    std::int64_t block_rows_;
};

template <class Pair> class Filtered {
public:
    using Distance = typename Pair::Distance;

    Filtered(const Index& index, const Request& request, std::int64_t block, Job& job)
        : index_(index), filter_(index.filter()), request_(request), job_(job), pair_(index, request.queries),
          best_(block, request.k), thresholds_(block), radii_(block),
          coarse_radii_(block), survivors_(block * kBlockRows),
          step_product_(2 * index.query_scale() * index.projection()->fine_scale) {
        const double* scale = index.projection()->coarse_scale;
        coarse_ = {nullptr,
                   coarse_radii_.data(),
                   filter_.coarse.data(),
                   filter_.coarse_errors.data(),
                   index.rows().n,
                   filter_.coarse_steps[0],
                   filter_.coarse_steps[1],
                   static_cast<float>(scale[0] * scale[0]),
                   static_cast<float>(scale[1] * scale[1])};
    }

    void run(std::int64_t first, int n, Answer& answer) {
        index_.prepare(request_.queries, first, n, projected_, queries_);
        best_.clear(n);
        std::fill(radii_.begin(), radii_.end(), std::numeric_limits<double>::infinity());
        std::fill(coarse_radii_.begin(), coarse_radii_.end(), std::numeric_limits<float>::infinity());
        coarse_.queries = queries_.coarse.data();
        std::fill(thresholds_.begin(), thresholds_.end(), std::numeric_limits<std::int32_t>::min());
        seed(first, n);
        const std::int64_t n_panels = static_cast<std::int64_t>(filter_.penalties.size()) / kPanelRows;
        const Filter filter{queries_.fine.data(), thresholds_.data(), n, filter_.width, filter_.panels.data(),
                            filter_.penalties.data()};
        constexpr std::int64_t kBlock = kBlockRows / kPanelRows;
        for (std::int64_t begin = 0; begin < n_panels && !job_.is_stopped(); begin += kBlock) {
            const std::int64_t end = std::min(n_panels, begin + kBlock);
            const std::size_t kept = index_.kernels().filter(filter, begin, end, survivors_.data());
            refine(first, keep_close(first, kept));
        }
        best_.store(first, n, answer);
    }

    std::int64_t computed = 0;

private:
    // Gives each query a radius: the k-th distance among likely rows of its nearest leaves. They
    // are met, and kept, once more in their turn.
    void seed(std::int64_t first, int n) {
        const Leaves& leaves = filter_.leaves;
        const std::int64_t k = request_.k;
        if (k * kSeedRows > leaves.n) return;
        leaf_scores_.resize(static_cast<std::size_t>(n) * leaves.stride);
        index_.kernels().project(projected_.fine.data(), n, index_.projection()->fine, leaves.centroids.data(),
                                 leaves.stride, leaf_scores_.data());
        const std::int64_t wanted = (k * kSeedRows + kLeafRows - 1) / kLeafRows;
        // |q - c|^2 / 2 up to a constant, in units of the rows' steps.
        const float unit = static_cast<float>(1 / index_.projection()->fine_scale);
        for (int i = 0; i < n; ++i) {
            nearest_leaves_.clear();
            const float* scores = leaf_scores_.data() + static_cast<std::int64_t>(i) * leaves.stride;
            for (std::int64_t leaf = 0; leaf < leaves.count(); ++leaf)
                nearest_leaves_.emplace_back(leaves.half_squares[leaf] - scores[leaf] * unit, leaf);
            std::partial_sort(nearest_leaves_.begin(), nearest_leaves_.begin() + wanted, nearest_leaves_.end());
            likely_.clear();
            for (std::int64_t j = 0; j < wanted; ++j) add_likely(first, i, nearest_leaves_[j].second);
            const std::size_t most = static_cast<std::size_t>(k + kSpareSeeds);
            if (likely_.size() > most) {
                std::nth_element(likely_.begin(), likely_.begin() + most, likely_.end());
                likely_.resize(most);
            }
            TopK<Distance> best = best_.of(i);
            for (const auto& [bound, row] : likely_) best.push(pair_(first + i, row, best.worst()), row);
            computed += static_cast<std::int64_t>(likely_.size());
            if (best.full()) tighten(i, best.worst());
            best.clear();
        }
    }

    // The eligible rows of a leaf, with their coarse distances.
    void add_likely(std::int64_t first, int query, std::int64_t leaf) {
        const std::int64_t begin = leaf * kLeafRows, end = std::min(filter_.leaves.n, begin + kLeafRows);
        float distances[kLeafRows] = {};
        if (filter_.coarse_width) index_.kernels().coarse_distances(coarse_, query, begin, end, distances);
        for (std::int64_t position = begin; position < end; ++position) {
            const std::int32_t row = filter_.order[position];
            if (!excluded(request_, first + query, row)) likely_.emplace_back(distances[position - begin], row);
        }
    }

    // Drops padding, excluded rows and, with a coarse bound, what it rejects; turns positions
    // into rows.
    std::size_t keep_close(std::int64_t first, std::size_t count) {
        if (filter_.coarse_width) count = index_.kernels().coarse_filter(coarse_, survivors_.data(), count);
        std::size_t kept = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const Survivor s = survivors_[i];
            if (s.row >= index_.rows().n) continue;
            const std::int32_t row = filter_.order[s.row];
            if (!excluded(request_, first + s.query, row)) survivors_[kept++] = {s.query, row};
        }
        return kept;
    }

    void refine(std::int64_t first, std::size_t count) {
        constexpr std::size_t kAhead = 4;
        const std::int64_t row_bytes = pair_.d * static_cast<std::int64_t>(sizeof(*pair_.rows));
        for (std::size_t i = 0; i < std::min(kAhead, count); ++i) prefetch(pair_.row(survivors_[i].row), row_bytes);
        for (std::size_t i = 0; i < count; ++i) {
            if (i + kAhead < count) prefetch(pair_.row(survivors_[i + kAhead].row), row_bytes);
            const Survivor s = survivors_[i];
            TopK<Distance> best = best_.of(s.query);
            if (best.push(pair_(first + s.query, s.row, best.worst()), s.row) && best.full()) tighten(s.query, best.worst());
        }
        computed += static_cast<std::int64_t>(count);
    }

    // d <= r means |z^q - z^x| <= r + e_q + e_x, that is, a score of at least the threshold.
    void tighten(int query, Distance worst) {
        const double radius = Pair::radius(worst);
        if (!(radius < radii_[query])) return;
        radii_[query] = radius;
        if (filter_.coarse_width) coarse_radii_[query] = static_cast<float>((radius + queries_.coarse_errors[query]) * kSlack);
        const double limit = (radius + queries_.fine_errors[query] + filter_.fine_error) * kSlack;
        const double score = (queries_.fine_squares[query] - limit * limit) / step_product_;
        // Scores of rows that may be rejected stay well within +-2^29.
        thresholds_[query] = score > -(1 << 29) ? static_cast<std::int32_t>(std::floor(std::min(score, 1.0 * (1 << 29)))) - 1
                                                : std::numeric_limits<std::int32_t>::min();
    }

    const Index& index_;
    const FilterRows& filter_;
    const Request& request_;
    Job& job_;
    Pair pair_;
    Best<Distance> best_;
    FilterQueries queries_;
    Projected projected_;
    std::vector<std::int32_t> thresholds_;
    std::vector<double> radii_;
    std::vector<float> coarse_radii_;
    CoarseFilter coarse_;
    std::vector<Survivor> survivors_;
    std::vector<float> leaf_scores_;
    std::vector<std::pair<float, std::int64_t>> nearest_leaves_;
    std::vector<std::pair<float, std::int32_t>> likely_;
    double step_product_;
};

// Working memory of one thread for one query of its block.
std::int64_t bytes_per_query(const Index& index, const Request& request) {
    const std::int64_t best = request.k * 16;
    if (!index.projection()) return best;
    const std::int64_t floats = request.queries.d + 4 * index.projection()->stride;
    return best + floats * 4 + kBlockRows * static_cast<std::int64_t>(sizeof(Survivor));
}

template <class Searcher>
void search_with(const Index& index, const Request& request, Answer& answer, Job& job, const Watch& watch) {
    const std::int64_t n = request.queries.n;
    // Small enough to keep all threads busy, and for the memory that each may use.
    const std::int64_t fair = (n + request.n_threads - 1) / request.n_threads;
    const std::int64_t affordable = request.working_memory / request.n_threads / bytes_per_query(index, request);
    const std::int64_t block = std::max<std::int64_t>(1, std::min({kQueryBlock, fair, affordable}));
    std::atomic<std::int64_t> computed{0};
    run_blocks(job, request.n_threads, (n + block - 1) / block, [&](const NextBlock& next) {
        Searcher searcher(index, request, block, job);
        for (std::int64_t i; (i = next()) >= 0;) {
            const std::int64_t first = i * block;
            const int count = static_cast<int>(std::min(block, n - first));
            searcher.run(first, count, answer);
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
