#include "matching_table.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace lookalike {
namespace {

constexpr std::int64_t kBlock = 16;

template <class Each> void each_query(std::int64_t n, int n_threads, const Watch& watch, Each each) {
    Job job;
    run_blocks(job, n_threads, (n + kBlock - 1) / kBlock, [&](const NextBlock& next) {
        auto own = each;  // memory of this thread
        for (std::int64_t block; (block = next()) >= 0; job.done += kBlock)
            for (std::int64_t i = block * kBlock; i < std::min(n, (block + 1) * kBlock); ++i) own(i);
    }, watch);
}

std::int32_t dot(const std::int8_t* a, const std::int8_t* b, std::int64_t d) {
    std::int32_t sum = 0;
    for (std::int64_t i = 0; i < d; ++i) sum += static_cast<std::int32_t>(a[i]) * b[i];
    return sum;
}

// Solves a positive definite system in place by Cholesky's method: `matrix` is n x n, `vector` becomes the
// solution. Pivots that are zero up to rounding are skipped.
void solve(double* matrix, double* vector, int n) {
    double largest = 0;
    for (int i = 0; i < n; ++i) largest = std::max(largest, matrix[i * n + i]);
    for (int j = 0; j < n; ++j) {
        double pivot = matrix[j * n + j];
        for (int i = 0; i < j; ++i) pivot -= matrix[j * n + i] * matrix[j * n + i];
        const bool used = pivot > 1e-12 * largest;
        const double root = used ? std::sqrt(pivot) : 1;
        matrix[j * n + j] = root;
        for (int row = j + 1; row < n; ++row) {
            double value = matrix[row * n + j];
            for (int i = 0; i < j; ++i) value -= matrix[row * n + i] * matrix[j * n + i];
            matrix[row * n + j] = used ? value / root : 0;
        }
        if (!used) {
            for (int i = 0; i < j; ++i) matrix[j * n + i] = 0;
            vector[j] = 0;
        }
    }
    for (int j = 0; j < n; ++j) {
        for (int i = 0; i < j; ++i) vector[j] -= matrix[j * n + i] * vector[i];
        vector[j] /= matrix[j * n + j];
    }
    for (int j = n - 1; j >= 0; --j) {
        for (int i = j + 1; i < n; ++i) vector[j] -= matrix[i * n + j] * vector[i];
        vector[j] /= matrix[j * n + j];
    }
}

double hyperplane_of(const Hyperplanes& h, const std::int8_t* query, double query_square, const std::int64_t* chosen, int k) {
    const std::int8_t* points[kMostNearest];
    double gram[kMostNearest * kMostNearest], along[kMostNearest], means[kMostNearest], weights[kMostNearest];
    double matrix[kMostNearest * kMostNearest];
    for (int i = 0; i < k; ++i) points[i] = h.rows + chosen[i] * h.d;
    double mean_along = 0, mean_square = 0;
    for (int i = 0; i < k; ++i) {
        along[i] = dot(points[i], query, h.d);
        mean_along += along[i];
        for (int j = 0; j <= i; ++j) gram[i * k + j] = gram[j * k + i] = dot(points[i], points[j], h.d);
    }
    for (int i = 0; i < k; ++i) {
        means[i] = 0;
        for (int j = 0; j < k; ++j) means[i] += gram[i * k + j];
        means[i] /= k;
        mean_square += means[i];
    }
    mean_along /= k, mean_square /= k;
    double trace = 0;
    for (int i = 0; i < k; ++i) {
        for (int j = 0; j < k; ++j) gram[i * k + j] = gram[i * k + j] - means[i] - means[j] + mean_square;
        trace += gram[i * k + i];
        along[i] = along[i] - means[i] - mean_along + mean_square;
    }
    const double away = query_square - 2 * mean_along + mean_square, penalty = h.ridge * trace / k;
    std::copy(gram, gram + k * k, matrix);
    std::copy(along, along + k, weights);
    for (int i = 0; i < k; ++i) matrix[i * k + i] += penalty;
    solve(matrix, weights, k);
    double explained = 0, quadratic = 0, size = 0;
    for (int i = 0; i < k; ++i) {
        double product = 0;
        for (int j = 0; j < k; ++j) product += gram[i * k + j] * weights[j];
        quadratic += weights[i] * product;
        explained += weights[i] * along[i];
        size += weights[i] * weights[i];
    }
    return std::max(0.0, away - 2 * explained + quadratic) + penalty * size;
}

}  // namespace

void rescale_table(const CandidateTable& t, const double* factors, int n_threads, std::int64_t* out_indices, double* out_distances,
                   const Watch& watch) {
    each_query(t.n, n_threads, watch, [&, pairs = std::vector<std::pair<double, std::int64_t>>(static_cast<std::size_t>(t.k))](std::int64_t query) mutable {
        for (std::int64_t i = 0; i < t.k; ++i) {
            const std::int64_t row = t.indices[query * t.k + i];
            pairs[static_cast<std::size_t>(i)] = {t.distances[query * t.k + i] * factors[row], row};
        }
        std::sort(pairs.begin(), pairs.end());
        for (std::int64_t i = 0; i < t.k; ++i) {
            out_distances[query * t.k + i] = pairs[static_cast<std::size_t>(i)].first;
            out_indices[query * t.k + i] = pairs[static_cast<std::size_t>(i)].second;
        }
    });
}

void sum_classes(const CandidateTable& t, const std::int32_t* codes, std::int64_t n_classes, const std::int64_t* ks, std::int64_t n_ks,
                 int n_threads, double* sums, const Watch& watch) {
    const auto classes = static_cast<std::size_t>(n_classes);
    each_query(t.n, n_threads, watch, [&, total = std::vector<double>(classes), count = std::vector<std::int64_t>(classes)](std::int64_t query) mutable {
        std::fill(total.begin(), total.end(), 0.0);
        std::fill(count.begin(), count.end(), std::int64_t{0});
        const auto out = [&](std::int64_t which) { return sums + (which * t.n + query) * n_classes; };
        const double* const distances = t.distances + query * t.k;
        for (std::int64_t i = 0; i < t.k; ++i) {
            const auto code = static_cast<std::size_t>(codes[t.indices[query * t.k + i]]);
            total[code] += distances[i];
            ++count[code];
            for (std::int64_t which = 0; which < n_ks; ++which)
                if (count[code] == ks[which]) out(which)[code] = total[code];
        }
        const double farthest = distances[t.k - 1];
        for (std::int64_t which = 0; which < n_ks; ++which)
            for (std::size_t code = 0; code < classes; ++code)
                if (count[code] < ks[which]) out(which)[code] = total[code] + static_cast<double>(ks[which] - count[code]) * farthest;
    });
}

void hyperplane_distances(const Hyperplanes& h, const CandidateTable& t, const std::int32_t* codes, std::int64_t n_classes, int n_threads,
                          double* out, const Watch& watch) {
    const auto classes = static_cast<std::size_t>(n_classes), k = static_cast<std::size_t>(h.k);
    each_query(t.n, n_threads, watch, [&, count = std::vector<int>(classes), chosen = std::vector<std::int64_t>(classes * k)](std::int64_t query) mutable {
        std::fill(count.begin(), count.end(), 0);
        for (std::int64_t i = 0; i < t.k; ++i) {
            const std::int64_t row = t.indices[query * t.k + i];
            const auto code = static_cast<std::size_t>(codes[row]);
            if (count[code] < h.k) chosen[code * k + static_cast<std::size_t>(count[code]++)] = row;
        }
        const std::int8_t* const own = h.queries + query * h.d;
        const double square = dot(own, own, h.d);
        for (std::size_t code = 0; code < classes; ++code)
            out[query * n_classes + static_cast<std::int64_t>(code)] =
                count[code] ? hyperplane_of(h, own, square, chosen.data() + code * k, count[code]) : -1;
    });
}

}  // namespace lookalike
