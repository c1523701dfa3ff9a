// Distances of a block of queries to many rows by one matrix product in float, with a bound of their errors.
//
// Where bytes tell few rows apart, as among neighbours that are nearly all as far, most pairs of a block are left. A
// product of all of them takes a fifth of the time of their exact distances, and its error is much smaller than that
// of bytes: hardly more than k pairs a query are left after it.
//
// Let q and x be centred and rounded to float (bounds.hpp), which changes a length by at most kOwnRounding of itself.
// A sum of d products has an error of at most gamma |q| |x|, so that |q|^2 + |x|^2 - 2 q.x differs from the squared
// distance of the rounded vectors by at most 2 gamma |q| |x|.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "index.hpp"

namespace lookalike {

class Products {
public:
    // Whether products of n queries and all rows take less time than the exact distances of so many pairs. In
    // nanoseconds, measured at 384 and 8,192 values: of a pair in a product, and of an exact distance.
    static bool pay(const Index& index, int n, std::int64_t n_pairs) {
        if (index.rows().on_disk) return false;
        const double d = static_cast<double>(index.rows().d), product = 2 + 0.017 * d, exact = 40 + 0.08 * d;
        return static_cast<double>(n_pairs) * exact > static_cast<double>(index.rows().n * padded(n)) * product;
    }

    explicit Products(const Index& index) : index_(index), d_(index.rows().d), gamma_(product_rounding(d_)) {}

    static std::int64_t bytes_of_one(const Index& index) { return (index.rows().d + kRows) * static_cast<std::int64_t>(sizeof(float)); }
    // A product for n queries takes the time of so many.
    static std::int64_t padded(int n) { return (n + kColumnStep - 1) / kColumnStep * kColumnStep; }

    void take(const Rows& queries, const std::int64_t* ids, int n) {
        stride_ = static_cast<int>(padded(n));
        basis_.assign(static_cast<std::size_t>(d_ * stride_), 0.0f);
        lengths_.resize(static_cast<std::size_t>(n));
        row_.resize(static_cast<std::size_t>(d_));
        for (int i = 0; i < n; ++i) {
            lengths_[i] = centred(queries, ids[i], row_.data());
            for (std::int64_t k = 0; k < d_; ++k) basis_[static_cast<std::size_t>(basis_place(k, i, d_))] = row_[static_cast<std::size_t>(k)];
        }
    }

    // Calls see(position, length, products with the queries) for the rows at all positions of the filter's order, one after the other.
    template <class See> void visit(const See& see) {
        const auto n = static_cast<std::int64_t>(index_.filter().order.size());
        rows_.resize(static_cast<std::size_t>(kRows * d_));
        products_.resize(static_cast<std::size_t>(kRows * stride_));
        for (std::int64_t begin = 0; begin < n; begin += kRows) {
            const int count = static_cast<int>(std::min<std::int64_t>(kRows, n - begin));
            double lengths[kRows];
            for (int i = 0; i < count; ++i) lengths[i] = centred(index_.rows(), index_.filter().order[begin + i], rows_.data() + i * d_);
            index_.kernels().project(rows_.data(), count, d_, basis_.data(), stride_, products_.data());
            for (int i = 0; i < count; ++i) see(begin + i, lengths[i], products_.data() + i * std::int64_t{stride_});
        }
    }

    // Lower and upper bound of the distance of query i to a row of this length.
    struct Bounds {
        double least, most;
    };
    Bounds bounds(int i, double length, float product) const {
        const double own = lengths_[i], square = own * own + length * length - 2 * static_cast<double>(product);
        const double error = 2 * gamma_ * own * length + 1e-12 * (own * own + length * length), rounding = kOwnRounding * (own + length);
        return {std::sqrt(std::max(square - error, 0.0)) - rounding, std::sqrt(std::max(square + error, 0.0)) + rounding};
    }

private:
    static constexpr int kRows = 96;  // whole tiles of every kernel

    double centred(const Rows& rows, std::int64_t i, float* out) const {
        centre(index_.kernels(), *index_.projection(), index_.metric(), rows, i, out);
        return std::sqrt(index_.kernels().f32.dot(out, out, d_));
    }

    const Index& index_;
    std::int64_t d_;
    double gamma_;
    int stride_ = 0;
    Aligned<float> basis_, rows_, products_;
    std::vector<float> row_;
    std::vector<double> lengths_;
};

}  // namespace lookalike
