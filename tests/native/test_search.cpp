// The whole search on every table of kernels, against sorting all distances.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "dispatch.hpp"
#include "search.hpp"
#include "tables.hpp"

using namespace lookalike;

namespace {

double distance(Metric metric, const double* a, const double* b, std::int64_t d) {
    double sum = 0, dot = 0, aa = 0, bb = 0;
    for (std::int64_t i = 0; i < d; ++i) {
        const double difference = a[i] - b[i];
        if (metric == Metric::squared_euclidean) {
            sum += difference * difference;
        } else if (metric == Metric::manhattan) {
            sum += std::abs(difference);
        } else {
            dot += a[i] * b[i];
            aa += a[i] * a[i];
            bb += b[i] * b[i];
        }
    }
    if (metric != Metric::cosine) return sum;
    return aa > 0 && bb > 0 ? std::max(0.0, 1 - dot / std::sqrt(aa * bb)) : 1;
}

template <class T>
void check_search(const Kernels& kernels, Metric metric, std::int64_t n, std::int64_t d, int fine, int columns,
                  int spread, double scale, bool wide = false) {
    const Table<T> rows(n, d, spread), queries(23, d, spread);
    const std::int64_t first = n * 2 / 3, k = std::min<std::int64_t>(5, n / 4);
    Index index(kernels, metric, rows.rows(first), fine ? axes(d, fine, columns, scale, wide) : nullptr, 2, {});
    index.append(rows.rows(), 2, {});

    std::vector<std::int64_t> row_groups, query_groups;
    for (std::int64_t i = 0; i < n; ++i) row_groups.push_back(i % 4);
    for (std::int64_t i = 0; i < queries.n; ++i) query_groups.push_back(i % 5);
    const std::vector<double> x(rows.values.begin(), rows.values.end()), q(queries.values.begin(), queries.values.end());
    std::vector<double> distances;
    for (std::int64_t i = 0; i < queries.n; ++i)
        for (std::int64_t row = 0; row < n; ++row) distances.push_back(distance(metric, q.data() + i * d, x.data() + row * d, d));
    for (const bool grouped : {false, true}) {
        Request request{queries.rows(), k};
        if (grouped) {
            request.query_groups = query_groups.data();
            request.row_groups = row_groups.data();
        }
        const Found found = run(index, request);
        for (std::int64_t i = 0; i < queries.n; ++i) {
            std::vector<std::pair<double, std::int64_t>> all;
            for (std::int64_t row = 0; row < n; ++row)
                if (!grouped || query_groups[i] != row_groups[row]) all.emplace_back(distances[i * n + row], row);
            std::partial_sort(all.begin(), all.begin() + k, all.end());
            for (std::int64_t j = 0; j < k; ++j) {
                const double wanted = all[j].first, got = found.distances[i * k + j];
                if (std::is_integral_v<T> && metric != Metric::cosine) {
                    CHECK_EQUAL(got, wanted);
                    CHECK_EQUAL(found.rows[i * k + j], all[j].second);
                } else {
                    CHECK(std::abs(got - wanted) <= 1e-12 + 1e-12 * wanted);
                }
            }
        }
        // Threads, blocks and memory change nothing, not even the last bit of a float.
        request.n_threads = 3;
        request.working_memory = 1;
        const Found again = run(index, request);
        CHECK(again.distances == found.distances && again.rows == found.rows);
    }
}

template <class T> void check_dtype(const Kernels& kernels) {
    const int spread = std::is_integral_v<T> ? 200 : 3;
    const double scale = std::is_integral_v<T> ? 2.0 : 0.2;
    for (const Metric metric : {Metric::squared_euclidean, Metric::cosine, Metric::manhattan}) {
        const double step = metric == Metric::cosine ? 0.02 : scale;
        const bool projected = metric != Metric::manhattan;
        for (const std::int64_t n : {20, 129, 700}) {
            check_search<T>(kernels, metric, n, 33, 0, 0, spread, step);
            if (!projected) continue;
            check_search<T>(kernels, metric, n, 33, 17, 17, spread, step);
            check_search<T>(kernels, metric, n, 33, 9, 26, spread, step);
            check_search<T>(kernels, metric, n, 21, 21, 21, spread, step);
            for (const double wide_step : {step, step / 50}) check_search<T>(kernels, metric, n, 33, 9, 9, spread, wide_step, true);
            check_search<T>(kernels, metric, n, 33, 9, 26, spread, step / 50);  // most rows clipped
        }
        check_search<T>(kernels, metric, 200, 5, projected ? 3 : 0, 4, 2, step);  // mostly ties
    }
}

// The widest filter there may be, all coordinates at their extremes: sums stay in range.
void check_widest(const Kernels& kernels, int d) {
    constexpr std::int64_t kRows = 70;
    Table<std::uint8_t> rows(kRows, d, 2);
    for (auto& value : rows.values) value = value ? 255 : 0;
    auto projection = axes(d, d, d, 1.0);
    projection->mean.assign(static_cast<std::size_t>(d), 127.5f);
    const Index index(kernels, Metric::squared_euclidean, rows.rows(), std::move(projection), 1, {});
    const Found found = run(index, Request{rows.rows(7), 1});
    for (const double distance : found.distances) CHECK_EQUAL(distance, 0.0);
}

// The filter sees all coordinates, rotated or not, in steps that are right, coarse, and so coarse that it rejects
// nothing: there are more candidates then than a query keeps.
void check_all_coordinates(const Kernels& kernels) {
    Table<float> rows(2500, 40, 3), queries(13, 40, 3);
    for (auto* table : {&rows, &queries})
        for (std::int64_t i = 0; i < table->n; ++i) table->values[i * 40 + 7] *= 9;  // an axis larger than the others
    for (int i = 0; i < 40; ++i) rows.values[100 * 40 + i] = 1e6f;                    // a row that is never rejected
    std::vector<std::int64_t> row_groups, query_groups;
    for (std::int64_t i = 0; i < rows.n; ++i) row_groups.push_back(i % 4);
    for (std::int64_t i = 0; i < queries.n; ++i) query_groups.push_back(i % 5);
    const Index exhaustive(kernels, Metric::squared_euclidean, rows.rows(), nullptr, 2, {});
    std::vector<std::unique_ptr<Index>> indexes;
    for (const double scale : {0.02, 0.2, 20.0})
        for (const bool rotated : {false, true}) {
            auto projection = axes(40, 40, 40, scale);
            for (int i = 0; rotated && i < 40; ++i) projection->signs.push_back(random_bits() & 1 ? 1.0f : -1.0f);
            indexes.push_back(std::make_unique<Index>(kernels, Metric::squared_euclidean, rows.rows(), std::move(projection), 2, Watch{}));
        }
    for (const std::int64_t k : {1, 20, 1000})
        for (const bool grouped : {false, true}) {
            Request request{queries.rows(), k};
            if (grouped) {
                request.query_groups = query_groups.data();
                request.row_groups = row_groups.data();
            }
            const Found wanted = run(exhaustive, request);
            for (const auto& index : indexes) {
                const Found found = run(*index, request);
                CHECK(found.distances == wanted.distances && found.rows == wanted.rows);
            }
        }
}

// Queries far out of the range of float: the filter steps aside, the answer is exact.
void check_far_queries(const Kernels& kernels, bool wide) {
    const Table<double> rows(700, 20, 3);
    const Index index(kernels, Metric::squared_euclidean, rows.rows(), axes(20, 6, wide ? 6 : 12, 0.2, wide), 1, {});
    Table<double> queries(2, 20, 1);
    for (int i = 0; i < 20; ++i) queries.values[i] = 1e50;
    const Found found = run(index, Request{queries.rows(), rows.n});  // every row, sorted
    CHECK(std::is_sorted(found.distances.begin(), found.distances.begin() + rows.n));
    std::vector<std::int64_t> all(found.rows.begin(), found.rows.begin() + rows.n);
    std::sort(all.begin(), all.end());
    for (std::int64_t i = 0; i < rows.n; ++i) CHECK_EQUAL(all[i], i);
}

// More queries than a block: they are taken in another order than they were given.
void check_many_queries(const Kernels& kernels, bool wide) {
    const Table<std::uint8_t> rows(900, 24, 60), queries(500, 24, 60);
    const Index filtered(kernels, Metric::squared_euclidean, rows.rows(), axes(24, 8, wide ? 8 : 14, 0.5, wide), 2, {});
    const Index exhaustive(kernels, Metric::squared_euclidean, rows.rows(), nullptr, 2, {});
    const Found found = run(filtered, Request{queries.rows(), 7}), wanted = run(exhaustive, Request{queries.rows(), 7});
    CHECK(found.distances == wanted.distances && found.rows == wanted.rows);
}

void check_stop_and_failure() {
    const Table<std::uint8_t> rows(300, 40, 200);
    const Index index(*available_kernels().front(), Metric::squared_euclidean, rows.rows(), nullptr, 1, {});
    std::vector<double> distances(300);
    std::vector<std::int64_t> found(300);
    Answer answer{distances.data(), found.data()};
    Job stopped;
    stopped.stopped = true;
    search(index, Request{rows.rows(), 1}, answer, stopped, {});
    CHECK_EQUAL(stopped.done.load(), 0);

    Job failing;
    bool thrown = false;
    try {
        run_blocks(failing, 2, 10, [](const NextBlock& next) {
            while (next() >= 0) throw std::runtime_error("from a worker");
        }, {});
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    CHECK(thrown && failing.is_stopped());

    // What the watch throws ends the job in the middle of it.
    Job watched;
    thrown = false;
    try {
        run_blocks(watched, 2, 1000000000, [](const NextBlock& next) { while (next() >= 0) {} },
                   [](std::int64_t) { throw std::runtime_error("from the watch"); });
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    CHECK(thrown && watched.is_stopped());
}

}  // namespace

int main() {
    for (const Kernels* kernels : kernels_to_search_with()) {
        std::cout << kernels->name << '\n';
        check_dtype<std::uint8_t>(*kernels);
        check_dtype<std::int8_t>(*kernels);
        check_dtype<std::int16_t>(*kernels);
        check_dtype<float>(*kernels);
        check_dtype<double>(*kernels);
        for (const int d : {4096, 9000, kMostFine}) check_widest(*kernels, d);
        check_all_coordinates(*kernels);
        for (const bool wide : {false, true}) check_far_queries(*kernels, wide);
        for (const bool wide : {false, true}) check_many_queries(*kernels, wide);
    }
    check_stop_and_failure();
    return report();
}
