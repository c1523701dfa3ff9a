// The search visits blocks of rows with a block of queries:
//
//   1. filter   dot products of bytes; a pair whose lower bound exceeds the query's k-th distance
//               so far is dropped while still in registers (kernels_*.cpp)
//   2. coarse   a finer lower bound for each survivor
//   3. exact    the distance itself; the query's k-th distance, hence its threshold, tightens
//
// Blocks of rows start small and double: thresholds are useless before the first rows were
// seen, and rows are shuffled, so each block halves what the next can get past them.
#include "search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "topk.hpp"

namespace lookalike {

namespace {

constexpr std::int64_t kQueryBlock = 96;  // at most; a multiple of every kernel's tile
constexpr std::int64_t kFirstRows = 64, kMostRows = 2048;
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
        const double product = square_of(index.kernels(), all_queries, query) * index.square_of_row(row);
        if (!(product > 0)) return 1;
        const double distance = 1 - dot / std::sqrt(product);
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
          best_(block, request.k), thresholds_(block), radii_(block), survivors_(block * kMostRows),
          step_product_(2 * index.query_scale() * index.projection()->fine_scale) {}

    void run(std::int64_t first, int n, Answer& answer) {
        index_.prepare(request_.queries, first, n, projected_, queries_);
        best_.clear(n);
        std::fill(radii_.begin(), radii_.end(), std::numeric_limits<double>::infinity());
        std::fill(thresholds_.begin(), thresholds_.end(), std::numeric_limits<std::int32_t>::min());
        const std::int64_t n_panels = static_cast<std::int64_t>(filter_.penalties.size()) / kPanelRows;
        const Filter filter{queries_.fine.data(), thresholds_.data(), n, filter_.width, filter_.panels.data(),
                            filter_.penalties.data()};
        std::int64_t block = kFirstRows / kPanelRows;
        for (std::int64_t begin = 0; begin < n_panels && !job_.is_stopped();) {
            const std::int64_t end = std::min(n_panels, begin + block);
            const std::size_t kept = index_.kernels().filter(filter, begin, end, survivors_.data());
            const std::size_t close = filter_.coarse_width ? keep_close(first, kept) : keep_eligible(first, kept);
            refine(first, close);
            if (begin > 0) block = std::min(2 * block, kMostRows / kPanelRows);
            begin = end;
        }
        best_.store(first, n, answer);
    }

    std::int64_t computed = 0;

private:
    // Drops padding and excluded rows. Like keep_close, turns positions into rows.
    std::size_t keep_eligible(std::int64_t first, std::size_t count) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const Survivor s = survivors_[i];
            if (s.row >= index_.rows().n) continue;
            const std::int32_t row = filter_.order[s.row];
            if (!excluded(request_, first + s.query, row)) survivors_[kept++] = {s.query, row};
        }
        return kept;
    }

    // Drops in addition what the coarse bound rejects.
    std::size_t keep_close(std::int64_t first, std::size_t count) {
        constexpr std::size_t kAhead = 8;
        const int width = filter_.coarse_width, fine = index_.projection()->fine;
        const double* scale = index_.projection()->coarse_scale;
        const double square0 = scale[0] * scale[0], square1 = scale[1] * scale[1];
        const auto coarse = index_.kernels().coarse;
        std::size_t kept = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (i + kAhead < count)
                prefetch(filter_.coarse.data() + static_cast<std::int64_t>(survivors_[i + kAhead].row) * width, width);
            const Survivor s = survivors_[i];
            if (s.row >= index_.rows().n) continue;
            const std::int8_t* q = queries_.coarse.data() + static_cast<std::int64_t>(s.query) * width;
            const std::int8_t* x = filter_.coarse.data() + static_cast<std::int64_t>(s.row) * width;
            const double limit = (radii_[s.query] + queries_.coarse_errors[s.query] +
                                  static_cast<double>(filter_.coarse_errors[s.row])) * kSlack;
            const double bound = square0 * coarse(q, x, fine) + square1 * coarse(q + fine, x + fine, width - fine);
            if (bound > limit * limit) continue;
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
    std::vector<Survivor> survivors_;
    double step_product_;
};

// Working memory of one thread for one query of its block.
std::int64_t bytes_per_query(const Index& index, const Request& request) {
    const std::int64_t best = request.k * 16;
    if (!index.projection()) return best;
    const std::int64_t floats = request.queries.d + 4 * index.projection()->stride;
    return best + floats * 4 + kMostRows * static_cast<std::int64_t>(sizeof(Survivor));
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
