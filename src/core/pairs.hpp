// The exact distance of a pair, for each metric.
#pragma once

#include <algorithm>
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
    // The same for n rows from `row` on.
    void all(int i, int shift, std::int64_t row, std::int64_t n, Distance worst, Distance* out) {
        for (std::int64_t j = 0; j < n; ++j) out[j] = (*this)(i, shift, row + j, worst);
    }
    // Whether the pair may be farther than in the filter's view.
    virtual bool is_farther(int, std::int64_t) const { return false; }
    // The radius, in the filter's view, beyond which no pair can be better.
    virtual double radius(Distance worst) const { return std::sqrt(static_cast<double>(worst)); }
};

template <class T> struct SquaredEuclidean final : Pairs<SumOf<T>> {
    using Distance = SumOf<T>;
    static constexpr bool shifted = false;

    SquaredEuclidean(const Index& index, const Rows& queries_, const double*)
        : kernel(distances_of<T>(index.kernels()).squared), of_rows(distances_of<T>(index.kernels()).squared_of_rows), rows(index.rows()),
          queries(static_cast<const T*>(queries_.data)), d(queries_.d) {}

    void take(const std::int64_t* ids_, int) override { ids = ids_; }
    Distance operator()(int i, int, std::int64_t row, Distance) override {
        return kernel(queries + ids[i] * d, rows[row], d);
    }
    void all(int i, int, std::int64_t first, std::int64_t n, Distance worst, Distance* out) {
        of_rows(queries + ids[i] * d, rows.from(first, n), n, d, worst, out);
    }
    const T* row(std::int64_t i) { return rows[i]; }

    PairKernel<T, Distance> kernel;
    RowsKernel<T, Distance> of_rows;
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
          of_rows(distances_of<T>(index_.kernels()).dots_of_rows),
          rows(index_.rows()), queries(static_cast<const T*>(queries_.data)),
          d(queries_.d) {}

    void take(const std::int64_t* ids_, int) override { ids = ids_; }
    double operator()(int i, int, std::int64_t row, double) override {
        return distance(static_cast<double>(kernel(queries + ids[i] * d, rows[row], d)), query_squares[ids[i]],
                        index.square_of_row(row));
    }
    void all(int i, int, std::int64_t first, std::int64_t n, double, double* out) {
        dots.resize(static_cast<std::size_t>(n));
        of_rows(queries + ids[i] * d, rows.from(first, n), n, d, {}, dots.data());
        const double query_square = query_squares[ids[i]];
        bool is_plain = true;
        for (std::int64_t j = 0; j < n; ++j) {  // without branches
            const double product = query_square * index.square_of_row(first + j);
            is_plain &= is_moderate(product);
            const double distance = 1 - static_cast<double>(dots[j]) / std::sqrt(product);
            out[j] = distance < 0 ? 0 : distance;
        }
        if (is_plain) return;
        for (std::int64_t j = 0; j < n; ++j)
            out[j] = distance(static_cast<double>(dots[j]), query_square, index.square_of_row(first + j));
    }
    // The product of two squares may overflow or underflow although the squares do not.
    static bool is_moderate(double product) { return product > 1e-280 && product < 1e280; }
    static double distance(double dot, double query_square, double row_square) {
        const double product = query_square * row_square;
        const double length = is_moderate(product) ? std::sqrt(product) : std::sqrt(query_square) * std::sqrt(row_square);
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
    decltype(distances_of<T>(std::declval<const Kernels&>()).dots_of_rows) of_rows;
    std::vector<SumOf<T>> dots;
    RowsAs<T> rows;
    const T* queries;
    std::int64_t d;
    const std::int64_t* ids = nullptr;
};

template <class T> struct Manhattan final : Pairs<SumOf<T>> {
    using Distance = SumOf<T>;
    static constexpr bool shifted = false;

    Manhattan(const Index& index, const Rows& queries_, const double*)
        : kernel(distances_of<T>(index.kernels()).manhattan), of_rows(distances_of<T>(index.kernels()).manhattan_of_rows), rows(index.rows()),
          queries(static_cast<const T*>(queries_.data)), d(queries_.d) {}

    void take(const std::int64_t* ids_, int) override { ids = ids_; }
    Distance operator()(int i, int, std::int64_t row, Distance worst) override {
        return kernel(queries + ids[i] * d, rows[row], d, worst);
    }
    double radius(Distance worst) const override { return static_cast<double>(worst); }
    void all(int i, int, std::int64_t first, std::int64_t n, Distance worst, Distance* out) {
        of_rows(queries + ids[i] * d, rows.from(first, n), n, d, worst, out);
    }

    LimitedKernel<T, Distance> kernel;
    RowsKernel<T, Distance> of_rows;
    RowsAs<T> rows;
    const T* queries;
    std::int64_t d;
    const std::int64_t* ids = nullptr;
};

}  // namespace lookalike
