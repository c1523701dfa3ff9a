// The exact distance of a pair, for each metric.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>

#include "index.hpp"

namespace lookalike {

// radius() is the Euclidean radius, in the filter's view, beyond which no better pair can be.
template <class T> struct SquaredEuclidean {
    using Distance = decltype(distances_of<T>(std::declval<const Kernels&>()).squared(nullptr, nullptr, 0));

    SquaredEuclidean(const Index& index, const Rows& queries_, const double*)
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

    Cosine(const Index& index_, const Rows& queries_, const double* query_squares_)
        : index(index_), query_squares(query_squares_), kernel(distances_of<T>(index_.kernels()).dot),
          rows(static_cast<const T*>(index_.rows().data)), queries(static_cast<const T*>(queries_.data)),
          d(queries_.d) {}

    double operator()(std::int64_t query, std::int64_t row, double) const {
        const double dot = static_cast<double>(kernel(queries + query * d, rows + row * d, d));
        const double query_square = query_squares[query];
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
    const double* query_squares;
    decltype(distances_of<T>(std::declval<const Kernels&>()).dot) kernel;
    const T* rows;
    const T* queries;
    std::int64_t d;
};

template <class T> struct Manhattan {
    using Distance = decltype(distances_of<T>(std::declval<const Kernels&>()).squared(nullptr, nullptr, 0));

    Manhattan(const Index& index, const Rows& queries_, const double*)
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

}  // namespace lookalike
