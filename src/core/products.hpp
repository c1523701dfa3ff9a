// The rows that may be among the k nearest of each query of a block, by one product of 16-bit words.
//
// Where bytes tell few rows apart, as among neighbours that are nearly all as far, most pairs of a block are left. A
// product of words costs twice as much as one of bytes, half as much as one of floats, and its error is a hundred
// times smaller than that of bytes: hardly more than k rows a query are left after it.
//
// Each row and query is centred, rounded to float (bounds.hpp) and quantised in a step of its own, so that rows far
// out do not make the others coarser: x = s_x x^ with an error of length e_x, which covers all rounding. A vector has
// the length of kMostLength steps, and at most 128 more when rounded, so that by the Cauchy-Schwarz inequality no
// product of two, and no part of one, leaves 32 bits. With h = |s_q q^ - s_x x^|, which follows from the product without an error,
//
//     h - e_q - e_x  <=  |q - x|  <=  h + e_q + e_x.
//
// The k-th least upper bound r so far bounds the k-th distance. A row is rejected if h > R + e_x, R = r + e_q, or
//
//     2 s_q s_x q^.x^ + 2 R e_x - (|s_q q^|^2 - R^2) - (|s_x x^|^2 - e_x^2)  <  0.
//
// kernels.select computes this in float. It rounds less than sixteen times, each time by at most 2^-24 of the sum of
// |s_q q^|^2, |s_x x^|^2, R^2 and e_x^2, for which kMargin of each is added. Lengths are in steps of the index, far
// from the limits of float. A row or query so far out that they are not is never rejected.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "index.hpp"

namespace lookalike {

class Products {
public:
    // Whether products of n queries and all rows take less time than a filter of bytes for n_filtered of them and the
    // exact distances of n_pairs pairs. In nanoseconds, measured at 384 and 8,192 values.
    static bool pay(const Index& index, int n, int n_filtered, double n_pairs) {
        if (index.rows().on_disk) return false;
        const double d = static_cast<double>(index.rows().d), n_rows = static_cast<double>(index.rows().n);
        const double product = 0.5 + 0.0085 * d, filter = 0.004 * d, exact = 40 + 0.08 * d, row = 1.5 * d;
        return n_filtered * n_rows * filter + n_pairs * exact > n_rows * (n * product + row);
    }

    Products(const Index& index, std::int64_t k)
        : index_(index), k_(static_cast<std::size_t>(k)), words_(words_of(index)), unit_(1 / static_cast<double>(index.projection()->fine_scale)) {}

    // Memory of one query.
    static std::int64_t bytes_of_one(const Index& index, std::int64_t k) {
        return (words_of(index) + kRows) * 4 + static_cast<std::int64_t>(2 * most_near(k) * sizeof(Near) + sizeof(Query));
    }

    void take(const Rows& queries, const std::int64_t* ids, int n) {
        query_words_.assign(static_cast<std::size_t>(words_ * n), 0);
        queries_.resize(static_cast<std::size_t>(n));
        for (int i = 0; i < n; ++i) {
            Query& q = queries_[static_cast<std::size_t>(i)];
            q.place = quantise(queries, ids[i], query_words_.data() + i * words_);
            q.reach = std::numeric_limits<double>::infinity();
            q.limit = first_limit();
            q.near.clear();
        }
    }

    // Limits a query to this radius from now on.
    void tighten(int i, double radius) {
        Query& q = queries_[static_cast<std::size_t>(i)];
        q.reach = std::min(q.reach, (radius * unit_ + q.place.error) * kSlack);
    }

    // Collects the rows that may be near. Asks `is_excluded(i, row)` whether query i must not have a row. Hands pairs
    // without bounds on both sides, and all of a query that has many rows that may be near, to `compare(i, row)`, which
    // may tighten the query.
    template <class IsExcluded, class Compare> void collect(const Job& job, const IsExcluded& is_excluded, const Compare& compare) {
        const auto n = static_cast<int>(queries_.size());
        const std::int64_t n_rows = index_.rows().n;
        row_words_.assign(static_cast<std::size_t>(words_ * kRows), 0);
        basis_.assign(static_cast<std::size_t>(words_ * kRows), 0);
        products_.resize(static_cast<std::size_t>(n) * kRows);
        errors_.resize(static_cast<std::size_t>(n_rows));
        for (std::int64_t begin = 0; begin < n_rows && !job.is_stopped(); begin += kRows) {
            const RowBlock rows = take_rows(begin, static_cast<int>(std::min<std::int64_t>(kRows, n_rows - begin)));
            index_.kernels().project_pairs(query_words_.data(), n, words_, basis_.data(), kRows, products_.data());
            for (int i = 0; i < n; ++i) {
                const std::int32_t* const products = products_.data() + static_cast<std::int64_t>(i) * kRows;
                std::int32_t selected[kRows];
                const int n_selected = select(i, products, rows, selected);
                for (int s = 0; s < n_selected; ++s) {
                    const int j = selected[s];
                    const auto row = static_cast<std::int32_t>(begin + j);
                    if (is_excluded(i, row)) continue;
                    if (rows.places[j].is_bounded && queries_[static_cast<std::size_t>(i)].place.is_bounded)
                        add(i, row, rows.places[j], products[j]);
                    else
                        compare(i, row);
                }
                if (queries_[static_cast<std::size_t>(i)].near.size() >= queries_[static_cast<std::size_t>(i)].limit) settle(i, compare);
            }
        }
        for (int i = 0; i < n; ++i) thin(i);
    }

    // Calls use(row) for the rows of a query that may be near.
    template <class Use> void each_near(int i, const Use& use) const {
        for (const Near one : queries_[static_cast<std::size_t>(i)].near) use(row_of(one));
    }

private:
    static constexpr int kRows = 128;  // a multiple of kColumnStep
    static constexpr double kMostLength = 32767;  // of a vector in its own steps: no value exceeds it either
    static constexpr double kFar = 1e15, kMargin = 1e-6, kLeastMargin = 1e-30;

    // Where a vector is, in steps of the index: s_x, |s_x x^|^2 and e_x.
    struct Place {
        double step, square, error;
        bool is_bounded;  // from both sides
    };

    // A row that may be near: h + e_x, whose bits as a float are in the order of such numbers, and the row.
    using Near = std::uint64_t;

    struct Query {
        Place place;
        double reach;  // R
        std::size_t limit;  // number of rows that may be near at which they are thinned out
        std::vector<Near> near;
    };

    struct RowBlock {
        Place places[kRows];
        float twice_steps[kRows], errors[kRows], squares[kRows];
    };

    // Less another square, and the margin of both. The square of a vector far out, -infinity, stays: it is never rejected.
    static double lowered(double square, double other) {
        return std::isinf(square) ? square : square - other - kMargin * (square + other);
    }

    static double most_of(Near one) {
        const auto bits = static_cast<std::uint32_t>(one >> 32);
        float most;
        std::memcpy(&most, &bits, sizeof most);
        return static_cast<double>(most);
    }
    static std::int32_t row_of(Near one) { return static_cast<std::int32_t>(one & 0xffffffffu); }

    // Words of a vector, two values each: an odd number of cache lines, because vectors at distances of a power of
    // two would compete for the same ones.
    static std::int64_t words_of(const Index& index) { return (((index.rows().d + 1) / 2 + 15) / 16 | 1) * 16; }
    static std::size_t most_near(std::int64_t k) { return static_cast<std::size_t>(8 * k + 1024); }
    std::size_t first_limit() const { return 2 * k_ + 64; }

    Place quantise(const Rows& rows, std::int64_t i, std::int32_t* words) {
        const std::int64_t d = rows.d;
        const Kernels& kernels = index_.kernels();
        row_.resize(static_cast<std::size_t>(d));
        const bool is_zero = centre(kernels, *index_.projection(), index_.metric(), rows, i, row_.data());
        const double length = std::sqrt(kernels.f32.dot(row_.data(), row_.data(), d));
        if (!(length * unit_ < kFar)) {
            std::fill_n(words, words_, 0);
            return {0, -std::numeric_limits<double>::infinity(), 0, false};
        }
        const auto step = static_cast<float>(std::max(length / kMostLength, 1e-38));
        auto* const levels = reinterpret_cast<std::int16_t*>(words);
        const double off = kernels.quantise_words(row_.data(), static_cast<int>(d), step, static_cast<float>(kMostLength), levels);
        const double own = static_cast<double>(step) * unit_;
        return {own, own * own * static_cast<double>(kernels.i16.dot(levels, levels, d)),
                (length_of(off, static_cast<int>(d)) + kOwnRounding * length) * unit_, !is_zero};
    }

    // Makes the basis of a block of rows.
    RowBlock take_rows(std::int64_t begin, int count) {
        RowBlock rows{};
        for (int j = 0; j < kRows; ++j) {
            if (j >= count) {
                rows.squares[j] = std::numeric_limits<float>::infinity();  // always rejected
                continue;
            }
            const Place x = rows.places[j] = quantise(index_.rows(), begin + j, row_words_.data() + j * words_);
            const double error_square = x.error * x.error;
            rows.twice_steps[j] = static_cast<float>(2 * x.step);
            rows.errors[j] = errors_[static_cast<std::size_t>(begin + j)] = static_cast<float>(x.error * (1 + kMargin));
            rows.squares[j] = static_cast<float>(lowered(x.square, error_square));
        }
        for (int tile = 0; tile < kRows; tile += kColumnStep)
            for (std::int64_t word = 0; word < words_; ++word)
                for (int j = tile; j < tile + kColumnStep; ++j)
                    basis_[static_cast<std::size_t>(basis_place(word, j, words_))] = row_words_[static_cast<std::size_t>(j * words_ + word)];
        return rows;
    }

    int select(int i, const std::int32_t* products, const RowBlock& rows, std::int32_t* selected) const {
        const Query& q = queries_[static_cast<std::size_t>(i)];
        Selection selection{products, rows.twice_steps, rows.errors, rows.squares, kRows, static_cast<float>(q.place.step), 0,
                            -std::numeric_limits<float>::infinity()};
        if (q.reach < kFar) {
            const double square = q.reach * q.reach;
            selection.reach = static_cast<float>(2 * q.reach);
            selection.least = static_cast<float>(lowered(q.place.square, square) - kLeastMargin);
        }
        return index_.kernels().select(selection, selected);
    }

    void add(int i, std::int32_t row, const Place& x, std::int32_t product) {
        const Place& q = queries_[static_cast<std::size_t>(i)].place;
        const double square = q.square + x.square - 2 * q.step * x.step * static_cast<double>(product);
        const auto most = static_cast<float>((std::sqrt(std::max(square, 0.0)) + x.error) * (1 + kMargin));
        std::uint32_t bits;
        std::memcpy(&bits, &most, sizeof bits);
        queries_[static_cast<std::size_t>(i)].near.push_back(static_cast<Near>(bits) << 32 | static_cast<std::uint32_t>(row));
    }

    // Whether a row that may be near still may: h - e_x <= R.
    bool is_within(const Query& q, Near one) const {
        return most_of(one) * (1 - 2 * kMargin) - 2 * static_cast<double>(errors_[static_cast<std::size_t>(row_of(one))]) <= q.reach;
    }

    // Tightens a query by the k-th least upper bound, and drops the rows that are not near.
    void thin(int i) {
        Query& q = queries_[static_cast<std::size_t>(i)];
        if (q.near.size() < k_) return;
        const auto kth = q.near.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
        std::nth_element(q.near.begin(), kth, q.near.end());
        tighten(i, (most_of(*kth) + q.place.error) / unit_);
        q.near.erase(std::remove_if(kth, q.near.end(), [&](Near one) { return !is_within(q, one); }), q.near.end());
    }

    template <class Compare> void settle(int i, const Compare& compare) {
        Query& q = queries_[static_cast<std::size_t>(i)];
        thin(i);
        if (2 * q.near.size() > most_near(static_cast<std::int64_t>(k_))) {
            for (const Near one : q.near)
                if (is_within(q, one)) compare(i, row_of(one));
            q.near.clear();
        }
        q.limit = std::max(first_limit(), 2 * q.near.size());
    }

    const Index& index_;
    std::size_t k_;
    std::int64_t words_;
    double unit_;  // steps of the index in one
    std::vector<Query> queries_;
    Aligned<std::int32_t> query_words_, row_words_, basis_, products_;
    std::vector<float> row_, errors_;  // a centred row; e_x of each row
};

}  // namespace lookalike
