// Rows, projections and searches for the tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <type_traits>
#include <vector>

#include "dispatch.hpp"
#include "search.hpp"

namespace lookalike {
namespace {

// All, or the first alone where the build says that the others would show nothing new.
std::vector<const Kernels*> kernels_to_search_with() {
    if (std::getenv("FIRST_KERNELS_ALONE")) return {available_kernels().front()};
    return available_kernels();
}

std::mt19937_64 random_bits(1);

template <class T> constexpr DType dtype();
template <> constexpr DType dtype<std::uint8_t>() { return DType::u8; }
template <> constexpr DType dtype<std::int8_t>() { return DType::i8; }
template <> constexpr DType dtype<std::int16_t>() { return DType::i16; }
template <> constexpr DType dtype<float>() { return DType::f32; }
template <> constexpr DType dtype<double>() { return DType::f64; }

template <class T> struct Table {
    std::vector<T> values;
    std::int64_t n, d;

    Table(std::int64_t n_, std::int64_t d_, int spread) : n(n_), d(d_) {
        for (std::int64_t i = 0; i < n * d; ++i)
            if constexpr (std::is_integral_v<T>)
                values.push_back(static_cast<T>(static_cast<int>(random_bits() % static_cast<unsigned>(spread)) +
                                                (std::numeric_limits<T>::min() < 0 ? -spread / 2 : 0)));
            else
                values.push_back(static_cast<T>(std::normal_distribution<double>(0, spread)(random_bits)));
        for (std::int64_t i = 0; i + 7 < n; i += 7)  // duplicates: ties
            std::copy_n(values.begin() + i * d, d, values.begin() + (i + 3) * d);
    }
    Rows rows(std::int64_t count = -1) const { return {values.data(), count < 0 ? n : count, d, dtype<T>()}; }
};

// Columns of unit vectors: W = (e_0 … e_{c-1}) without the last of each part, whose coordinate
// carries the residual.
inline std::unique_ptr<Projection> axes(std::int64_t d, int fine, int columns, double scale, bool wide = false) {
    auto p = std::make_unique<Projection>();
    p->mean.assign(static_cast<std::size_t>(d), 0.5f);
    p->fine = fine;
    p->columns = columns;
    p->fine_scale = p->coarse_scale[0] = p->coarse_scale[1] = static_cast<float>(scale);
    if (wide) p->wide_scale = p->fine_scale;
    if (fine == d) {
        p->stride = columns;
        return p;
    }
    p->stride = (columns + kColumnStep - 1) / kColumnStep * kColumnStep;
    p->basis.assign(static_cast<std::size_t>(d * p->stride), 0.0f);
    p->residual.assign(static_cast<std::size_t>(columns), 0.0f);
    for (int j = 0, axis = 0; j < columns; ++j) {
        if (j == fine - 1 || j == columns - 1)
            p->residual[j] = 1.0f;
        else
            p->basis[static_cast<std::size_t>(basis_place(axis++, j, d))] = 1.0f;
    }
    return p;
}

struct Found {
    std::vector<double> distances;
    std::vector<std::int64_t> rows;
};

template <class Searched> Found run(const Searched& searched, Request request) {
    const std::size_t size = static_cast<std::size_t>(request.queries.n * request.k);
    Found found{std::vector<double>(size), std::vector<std::int64_t>(size)};
    Answer answer{found.distances.data(), found.rows.data()};
    Job job;
    search(searched, request, answer, job, {});
    return found;
}

}  // namespace
}  // namespace lookalike
