// The rows that may be among the k nearest of each query of a block, by one product of 16-bit words.
//
// Where bytes tell few rows apart, as among neighbours that are nearly all as far, most pairs of a block are left. A
// product of words costs twice as much as one of bytes, half as much as one of floats, and its error is a hundred
// times smaller than that of bytes: hardly more than k rows a query are left after it.
//
// Each row and query is centred, rounded to float (bounds.hpp) and quantised in a step of its own, so that rows far
// out do not make the others coarser: x = s_x x^ with an error of length e_x, which covers all rounding. Lengths of
// words are at most kMostLength, so that by the Cauchy-Schwarz inequality no product and no part of one leaves 32
// bits. With h = |s_q q^ - s_x x^|, which follows from the product without an error,
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
#include <limits>
#include <vector>

#include "index.hpp"

namespace lookalike {

class Products {
public:
    // A row that may be near, and bounds of its distance without the query's error.
    struct Near {
        float least, most;
        std::int32_t row;
    };

    // Whether products of n queries and all rows take less time than a filter of bytes for n_filtered of them and the
    // exact distances of n_pairs pairs. In nanoseconds, measured at 384 and 8,192 values.
    static bool pay(const Index& index, int n, int n_filtered, double n_pairs) {
        const double d = static_cast<double>(index.rows().d), n_rows = static_cast<double>(index.rows().n);
        const double product = 0.5 + 0.0085 * d, filter = 0.004 * d, exact = 40 + 0.08 * d;
        return n_filtered * n_rows * filter + n_pairs * exact > padded(n) * n_rows * product;
    }

    Products(const Index& index, std::int64_t k)
        : index_(index), k_(static_cast<std::size_t>(k)), words_(words_of(index)), unit_(1 / static_cast<double>(index.projection()->fine_scale)) {}

    // Memory of one query.
    static std::int64_t bytes_of_one(const Index& index, std::int64_t k) {
        return (words_of(index) + kRows + 5) * 4 + static_cast<std::int64_t>(2 * most_near(k) * sizeof(Near) + sizeof(Query));
    }

    void take(const Rows& queries, const std::int64_t* ids, int n) {
        stride_ = padded(n);
        basis_.assign(static_cast<std::size_t>(words_ * stride_), 0);
        rows_.assign(static_cast<std::size_t>(words_ * kRows), 0);
        queries_.resize(static_cast<std::size_t>(n));
        for (auto* values : {&twice_steps_, &reaches_, &least_}) values->assign(static_cast<std::size_t>(stride_), 0.0f);
        for (int begin = 0; begin < n; begin += kRows) {
            const int end = std::min(n, begin + kRows);
            for (int i = begin; i < end; ++i) {
                Query& q = queries_[i];
                q.place = quantise(queries, ids[i], rows_.data() + (i - begin) * words_);
                q.reach = std::numeric_limits<double>::infinity();
                q.limit = first_limit();
                q.near.clear();
                twice_steps_[i] = static_cast<float>(2 * q.place.step);
                least_[i] = -std::numeric_limits<float>::infinity();  // no row is rejected
            }
            for (std::int64_t word = 0; word < words_; ++word)
                for (int i = begin; i < end; ++i)
                    basis_[static_cast<std::size_t>(basis_place(word, i, words_))] = rows_[static_cast<std::size_t>((i - begin) * words_ + word)];
        }
        std::fill(least_.begin() + n, least_.end(), std::numeric_limits<float>::infinity());
    }

    // Limits a query to this radius from now on.
    void tighten(int i, double radius) {
        Query& q = queries_[i];
        const double reach = (radius * unit_ + q.place.error) * kSlack, square = reach * reach;
        if (!(reach < q.reach && reach < kFar && q.place.is_bounded())) return;
        q.reach = reach;
        reaches_[i] = static_cast<float>(2 * reach);
        least_[i] = static_cast<float>(q.place.square - square - kMargin * (q.place.square + square) - kLeastMargin);
    }

    // Collects the rows that may be near. Asks `is_excluded(i, row)` whether query i must not have a row, and
    // `is_bounded(i, row)` whether bounds of their distance hold from both sides. Pairs that have no such bounds, and
    // all of a query that has many rows that may be near, are handed to `compare(i, row)`, which may tighten the query.
    template <class IsExcluded, class IsBounded, class Compare>
    void collect(const Job& job, const IsExcluded& is_excluded, const IsBounded& is_bounded, const Compare& compare) {
        products_.resize(static_cast<std::size_t>(stride_ * kRows));
        selected_.resize(static_cast<std::size_t>(stride_));
        for (std::int64_t begin = 0; begin < index_.rows().n && !job.is_stopped(); begin += kRows) {
            const int count = static_cast<int>(std::min<std::int64_t>(kRows, index_.rows().n - begin));
            Place places[kRows];
            for (int j = 0; j < count; ++j) places[j] = quantise(index_.rows(), begin + j, rows_.data() + j * words_);
            index_.kernels().project_pairs(rows_.data(), count, words_, basis_.data(), stride_, products_.data());
            for (int j = 0; j < count; ++j) {
                const Place& x = places[j];
                const std::int32_t* const products = products_.data() + static_cast<std::int64_t>(j) * stride_;
                const double error_square = x.error * x.error;
                const Selection selection{products, twice_steps_.data(), reaches_.data(), least_.data(), stride_, static_cast<float>(x.step),
                                          static_cast<float>(x.error), static_cast<float>(x.square - error_square - kMargin * (x.square + error_square))};
                const int n_selected = index_.kernels().select(selection, selected_.data());
                const auto row = static_cast<std::int32_t>(begin + j);
                for (int s = 0; s < n_selected; ++s) {
                    const int i = selected_[static_cast<std::size_t>(s)];
                    if (is_excluded(i, row)) continue;
                    if (!x.is_bounded() || !queries_[i].place.is_bounded() || !is_bounded(i, row)) {
                        compare(i, row);
                        continue;
                    }
                    add(i, row, x, products[i]);
                    if (queries_[i].near.size() >= queries_[i].limit) settle(i, compare);
                }
            }
        }
        for (std::size_t i = 0; i < queries_.size(); ++i) thin(static_cast<int>(i));
    }

    const std::vector<Near>& near(int i) const { return queries_[i].near; }

private:
    static constexpr int kRows = 96;  // whole tiles of every kernel
    static constexpr double kMostLevel = 32767, kMostLength = 46000;  // (46,000 + sqrt(2^16) / 2)^2 < 2^31
    static constexpr double kFar = 1e15, kMargin = 1e-6, kLeastMargin = 1e-30;

    // Where a vector is, in steps of the index.
    struct Place {
        double step, square, error;  // s_x, |s_x x^|^2, e_x
        bool is_bounded() const { return square >= 0; }
    };

    struct Query {
        Place place;
        double reach;  // R
        std::size_t limit;  // number of rows that may be near at which they are thinned out
        std::vector<Near> near;
    };

    // Words of a vector, two values each: an odd number of cache lines, because vectors at distances of a power of
    // two would compete for the same ones.
    static std::int64_t words_of(const Index& index) { return (((index.rows().d + 1) / 2 + 15) / 16 | 1) * 16; }
    static int padded(int n) { return (n + kColumnStep - 1) / kColumnStep * kColumnStep; }
    static std::size_t most_near(std::int64_t k) { return static_cast<std::size_t>(8 * k + 1024); }
    std::size_t first_limit() const { return 2 * k_ + 64; }

    Place quantise(const Rows& rows, std::int64_t i, std::int32_t* words) {
        const std::int64_t d = rows.d;
        const Kernels& kernels = index_.kernels();
        row_.resize(static_cast<std::size_t>(d));
        centre(kernels, *index_.projection(), index_.metric(), rows, i, row_.data());
        const double length = std::sqrt(kernels.f32.dot(row_.data(), row_.data(), d));
        if (!(length * unit_ < kFar)) {
            std::fill_n(words, words_, 0);
            return {0, -std::numeric_limits<double>::infinity(), 0};
        }
        float largest = 0;
        for (const float value : row_) largest = std::max(largest, std::abs(value));
        const auto step = static_cast<float>(std::max({static_cast<double>(largest) / kMostLevel, length / kMostLength, 1e-38}));
        auto* const levels = reinterpret_cast<std::int16_t*>(words);
        const double off = kernels.quantise_words(row_.data(), static_cast<int>(d), step, static_cast<float>(kMostLevel), levels);
        const double own = static_cast<double>(step) * unit_;
        return {own, own * own * static_cast<double>(kernels.i16.dot(levels, levels, d)),
                (length_of(off, static_cast<int>(d)) + kOwnRounding * length) * unit_};
    }

    void add(int i, std::int32_t row, const Place& x, std::int32_t product) {
        const Place& q = queries_[i].place;
        const double square = q.square + x.square - 2 * q.step * x.step * static_cast<double>(product), apart = std::sqrt(std::max(square, 0.0));
        queries_[i].near.push_back({static_cast<float>((apart - x.error) * (1 - kMargin)), static_cast<float>((apart + x.error) * (1 + kMargin)), row});
    }

    // Tightens a query by the k-th least upper bound, and drops the rows that are not near.
    void thin(int i) {
        Query& q = queries_[i];
        if (q.near.size() < k_) return;
        const auto kth = q.near.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
        std::nth_element(q.near.begin(), kth, q.near.end(), [](const Near& a, const Near& b) { return a.most < b.most; });
        tighten(i, (static_cast<double>(kth->most) + q.place.error) / unit_);
        const auto kept = std::remove_if(q.near.begin(), q.near.end(), [&](const Near& one) { return static_cast<double>(one.least) > q.reach; });
        q.near.erase(kept, q.near.end());
    }

    template <class Compare> void settle(int i, const Compare& compare) {
        Query& q = queries_[i];
        thin(i);
        if (2 * q.near.size() > most_near(static_cast<std::int64_t>(k_))) {
            for (const Near& one : q.near)
                if (static_cast<double>(one.least) <= q.reach) compare(i, one.row);
            q.near.clear();
        }
        q.limit = std::max(first_limit(), 2 * q.near.size());
    }

    const Index& index_;
    std::size_t k_;
    std::int64_t words_;
    double unit_;  // steps of the index in one
    int stride_ = 0;
    std::vector<Query> queries_;
    Aligned<std::int32_t> basis_, rows_, products_;
    std::vector<float> row_, twice_steps_, reaches_, least_;
    std::vector<std::int32_t> selected_;
};

}  // namespace lookalike
