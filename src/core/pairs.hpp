// The exact distance of a pair, for each metric.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "index.hpp"

namespace lookalike {

// A pair object serves one thread. `take` gives it a block of queries; then it returns the distance of the
// block's query i to a row under a shift (0 if there are none). A distance above `worst` need not be exact: any
// greater number will do.

// The filtered search calls it through this base, so that one instance of that long code serves all metrics and
// types: a virtual call costs little beside the distance of a pair that passed the filter. The exhaustive search,
// whose distances may be of two or three numbers, is compiled for each.
template <class Distance_> struct Pairs {
    using Distance = Distance_;

    Pairs() = default;
    Pairs(const Pairs&) = delete;
    Pairs& operator=(const Pairs&) = delete;
    virtual ~Pairs() = default;

    virtual void take(const std::int64_t* ids, int n) = 0;
    virtual Distance operator()(int i, int shift, std::int64_t row, Distance worst) = 0;
    // Whether the pair may be farther than in the filter's view.
    virtual bool is_farther(int, std::int64_t) const { return false; }
    // The Euclidean radius, in the filter's view, beyond which no pair can be better.
    virtual double radius(Distance worst) const { return std::sqrt(static_cast<double>(worst)); }
};

template <class T> struct SquaredEuclidean final : Pairs<SumOf<T>> {
    using Distance = SumOf<T>;
    static constexpr bool shifted = false;

    SquaredEuclidean(const Index& index, const Rows& queries_, const double*)
        : kernel(distances_of<T>(index.kernels()).squared), rows(index.rows()),
          queries(static_cast<const T*>(queries_.data)), d(queries_.d) {}

    void take(const std::int64_t* ids_, int) override { ids = ids_; }
    Distance operator()(int i, int, std::int64_t row, Distance) override {
        return kernel(queries + ids[i] * d, rows[row], d);
    }
    const T* row(std::int64_t i) { return rows[i]; }

    PairKernel<T, Distance> kernel;
    RowsAs<T> rows;
    const T* queries;
    std::int64_t d;
    const std::int64_t* ids = nullptr;
};

// |q - Sx|^2. For integers the query is moved back (see shifts.hpp). For floats that sum would be rounded
// differently from the one over the shifted image, so the image is shifted.
template <class T> struct ShiftedEuclidean final : Pairs<SumOf<T>> {
    using Distance = SumOf<T>;
    static constexpr bool shifted = true;

    ShiftedEuclidean(const Index& index, const Rows& queries_, const double*)
        : plain(index, queries_, nullptr), shifts(*index.shifts()) {}

    void take(const std::int64_t* ids, int n) override {
        plain.take(ids, n);
        if constexpr (std::is_integral_v<T>) {
            const std::size_t count = static_cast<std::size_t>(n) * shifts.list.size();
            buffer.resize(count * plain.d);
            lost_of_query.resize(count);
            for (std::size_t place = 0; place < count; ++place) {
                const Shift back = shifts.list[place % shifts.list.size()].back();
                const T* query = plain.queries + ids[place / shifts.list.size()] * plain.d;
                shift_image(shifts, back, query, buffer.data() + place * plain.d);
                lost_of_query[place] = lost(shifts, back, query);
            }
        } else {
            buffer.resize(static_cast<std::size_t>(plain.d));
        }
    }

    Distance operator()(int i, int shift, std::int64_t row, Distance) override {
        if constexpr (std::is_integral_v<T>) {
            const std::size_t place = static_cast<std::size_t>(i) * shifts.list.size() + shift;
            return plain.kernel(buffer.data() + place * plain.d, plain.row(row), plain.d) + lost_of_query[place] -
                   lost(shifts, shifts.list[shift], plain.row(row));
        } else {
            shift_image(shifts, shifts.list[shift], plain.row(row), buffer.data());
            return plain.kernel(plain.queries + plain.ids[i] * plain.d, buffer.data(), plain.d);
        }
    }

    SquaredEuclidean<T> plain;
    const Shifts& shifts;
    std::vector<T> buffer;
    std::vector<Distance> lost_of_query;
};

// 1 - q.x / (|q| |x|); a zero vector is at distance 1 from everything. The filter sees rows of
// unit length, whose squared Euclidean distance is twice this.
template <class T> struct Cosine final : Pairs<double> {
    using Distance = double;
    static constexpr bool shifted = false;

    Cosine(const Index& index_, const Rows& queries_, const double* query_squares_)
        : index(index_), query_squares(query_squares_), kernel(distances_of<T>(index_.kernels()).dot),
          rows(index_.rows()), queries(static_cast<const T*>(queries_.data)),
          d(queries_.d) {}

    void take(const std::int64_t* ids_, int) override { ids = ids_; }
    double operator()(int i, int, std::int64_t row, double) override {
        const double dot = static_cast<double>(kernel(queries + ids[i] * d, rows[row], d));
        const double query_square = query_squares[ids[i]];
        const double row_square = index.square_of_row(row), product = query_square * row_square;
        // The product of two squares may overflow or underflow although the squares do not.
        const double length = product > 1e-280 && product < 1e280
                                  ? std::sqrt(product)
                                  : std::sqrt(query_square) * std::sqrt(row_square);
        if (!(length > 0)) return 1;
        const double distance = 1 - dot / length;
        return distance < 0 ? 0 : distance;
    }
    // In the filter's view a zero vector is within the unit sphere.
    bool is_farther(int i, std::int64_t row) const override { return query_squares[ids[i]] == 0 || index.square_of_row(row) == 0; }
    double radius(double worst) const override { return std::sqrt(2 * worst + 1e-12); }

    const Index& index;
    const double* query_squares;
    decltype(distances_of<T>(std::declval<const Kernels&>()).dot) kernel;
    RowsAs<T> rows;
    const T* queries;
    std::int64_t d;
    const std::int64_t* ids = nullptr;
};

template <class T> struct Manhattan final : Pairs<SumOf<T>> {
    using Distance = SumOf<T>;
    static constexpr bool shifted = false;

    Manhattan(const Index& index, const Rows& queries_, const double*)
        : kernel(distances_of<T>(index.kernels()).manhattan), rows(index.rows()),
          queries(static_cast<const T*>(queries_.data)), d(queries_.d) {}

    void take(const std::int64_t* ids_, int) override { ids = ids_; }
    Distance operator()(int i, int, std::int64_t row, Distance worst) override {
        return kernel(queries + ids[i] * d, rows[row], d, worst);
    }

    LimitedKernel<T, Distance> kernel;
    RowsAs<T> rows;
    const T* queries;
    std::int64_t d;
    const std::int64_t* ids = nullptr;
};

}  // namespace lookalike
