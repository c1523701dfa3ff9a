// A k-d tree on every table of kernels, against the search of all pairs: the same rows and distances, to the last bit.
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "tables.hpp"
#include "tree.hpp"

using namespace lookalike;

namespace {

template <class T> void check_tree(const Kernels& kernels, Metric metric, std::int64_t n, std::int64_t d, int spread, bool split) {
    const Table<T> rows(n, d, spread), queries(70, d, spread);
    const Tree tree(kernels, metric, rows.rows(), split);
    const Index index(kernels, metric, rows.rows(), nullptr, 1, {});
    std::vector<std::int64_t> row_groups, query_groups;
    for (std::int64_t i = 0; i < n; ++i) row_groups.push_back(i % 4);
    for (std::int64_t i = 0; i < queries.n; ++i) query_groups.push_back(i % 5);
    for (const std::int64_t k : {std::int64_t{1}, std::int64_t{5}, n / 2 + 1, n + 1})
        for (const bool grouped : {false, true}) {
            Request request{queries.rows(), k};
            if (grouped) {
                request.query_groups = query_groups.data();
                request.row_groups = row_groups.data();
            }
            const Found wanted = run(index, request);
            for (const std::int64_t memory : {std::int64_t{1} << 28, std::int64_t{1600}}) {
                request.working_memory = memory;
                request.n_threads = memory > 1600 ? 1 : 3;
                const Found found = run(tree, request);
                CHECK(found.rows == wanted.rows && found.distances == wanted.distances);
            }
        }
}

// A tree holds its rows in double: a few sizes tell whether another type is converted.
template <class T> void check_dtype(const Kernels& kernels) {
    for (const Metric metric : {Metric::squared_euclidean, Metric::manhattan})
        for (const std::int64_t d : {1, 5}) check_tree<T>(kernels, metric, 150, d, 100, true);
}

void check_sizes(const Kernels& kernels) {
    for (const Metric metric : {Metric::squared_euclidean, Metric::manhattan})
        for (const bool split : {false, true}) {
            for (std::int64_t d = 1; d <= kMostTreeWidth; ++d)
                for (const std::int64_t n : {1, 150}) check_tree<double>(kernels, metric, n, d, 100, split);
            // On both sides of whole blocks, leaves and nodes; and rows most of which are equal.
            for (const std::int64_t n : {7, 8, 9, 15, 16, 17, 127, 128, 129, 1025}) check_tree<double>(kernels, metric, n, 3, 20, split);
            check_tree<double>(kernels, metric, 300, 2, 2, split);
            check_tree<double>(kernels, metric, 300, 9, 1, split);
        }
}

// A search for one of many equal rows visits a leaf or two, however many nodes are as near.
void check_equal_rows(const Kernels& kernels) {
    const std::vector<float> values(2 * 100000, 0.5f);
    const Rows rows{values.data(), 100000, 2, DType::f32};
    Request request{rows, 3};
    request.queries.n = 10;
    Found found{std::vector<double>(30), std::vector<std::int64_t>(30)};
    Answer answer{found.distances.data(), found.rows.data()};
    Job job;
    search(Tree(kernels, Metric::squared_euclidean, rows, true), request, answer, job, {});
    CHECK(answer.distances_computed <= 10 * 2 * kTreeLeaf);
    for (std::size_t i = 0; i < 30; ++i) {
        CHECK_EQUAL(found.rows[i], static_cast<std::int64_t>(i % 3));
        CHECK_EQUAL(found.distances[i], 0.0);
    }
}

}  // namespace

int main() {
    for (const Kernels* kernels : kernels_to_search_with()) {
        check_dtype<std::uint8_t>(*kernels);
        check_dtype<std::int8_t>(*kernels);
        check_dtype<std::int16_t>(*kernels);
        check_dtype<float>(*kernels);
        check_sizes(*kernels);
        check_equal_rows(*kernels);
    }
    return report();
}
