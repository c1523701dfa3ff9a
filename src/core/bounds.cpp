#include "bounds.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace lookalike {

namespace {

constexpr double kUnit = 1.0 / (1 << 24);  // unit roundoff of float

// out = scale * row - mean, rounded once to float.
template <class T>
void subtract(const T* row, const float* mean, std::int64_t d, const double* scale, float* out) {
    if (scale || std::is_same_v<T, double>) {
        const double s = scale ? *scale : 1.0;
        for (std::int64_t i = 0; i < d; ++i)
            out[i] = static_cast<float>(s * static_cast<double>(row[i]) - static_cast<double>(mean[i]));
    } else {
        for (std::int64_t i = 0; i < d; ++i) out[i] = static_cast<float>(row[i]) - mean[i];
    }
}

// r = sqrt(|x|^2 - |u|^2), and its largest error if |u| has an error of `rounding`.
struct Residual {
    double norm, error;

    Residual(double whole, double part, double rounding) {
        const double square = std::max(whole - part, 0.0);
        const double off = (2 * std::sqrt(part) + rounding) * rounding + 1e-12 * whole;
        norm = std::sqrt(square);
        error = std::max(norm - std::sqrt(std::max(square - off, 0.0)), std::sqrt(square + off) - norm);
    }
};

// Rounding error of a projection, relative to the length of the projected vector.
struct Rounding {
    double fine, coarse;
};

Rounding project_floats(const Kernels& kernels, const Projection& p, Metric metric, const Rows& rows,
                        const std::int64_t* which, int n, Projected& out) {
    const std::int64_t d = rows.d;
    out.centred.resize(static_cast<std::size_t>(n) * d);
    for (int i = 0; i < n; ++i) {
        float* const x = out.centred.data() + i * d;
        centre(kernels, p, metric, rows, which[i], x);
        out.squares[i] = kernels.f32.dot(x, x, d);
    }
    if (p.is_identity()) {
        if (p.signs.empty()) return {0, 0};
        out.columns.resize(static_cast<std::size_t>(d));
        for (int i = 0; i < n; ++i) kernels.rotate(out.centred.data() + i * d, p.signs.data(), static_cast<int>(d), out.columns.data());
        return {kRotationRounding, kRotationRounding};
    }
    kernels.project(out.centred.data(), n, d, p.basis.data(), p.stride, out.columns.data());
    const double gamma = product_rounding(d);
    return {gamma * std::sqrt(p.fine), gamma * std::sqrt(p.columns)};
}

// All sums are exact.
template <class T>
Rounding project_bytes(const Kernels& kernels, const Projection& p, const T* rows, std::int64_t d,
                       const std::int64_t* which, int n, Projected& out) {
    const std::int64_t words = (d + 1) / 2;
    const std::vector<T> mean(p.mean.begin(), p.mean.end());
    std::vector<std::int16_t> wide(static_cast<std::size_t>(2 * words));  // ends in a 0 if d is odd
    out.pairs.resize(static_cast<std::size_t>(n) * words);
    out.sums.resize(static_cast<std::size_t>(n) * p.stride);
    for (int i = 0; i < n; ++i) {
        const T* const row = rows + which[i] * d;
        std::copy(row, row + d, wide.begin());
        std::memcpy(out.pairs.data() + i * words, wide.data(), wide.size() * sizeof wide[0]);
        out.squares[i] = static_cast<double>(distances_of<T>(kernels).squared(row, mean.data(), d));
    }
    kernels.project_pairs(out.pairs.data(), n, words, p.pairs.data(), p.stride, out.sums.data());
    for (int i = 0; i < n; ++i) {
        const std::size_t begin = static_cast<std::size_t>(i) * p.stride;
        for (int j = 0; j < p.stride; ++j)
            out.columns[begin + j] = static_cast<float>(out.sums[begin + j] - p.mean_sums[j]) * p.steps[j];
    }
    return {3 * kUnit, 3 * kUnit};
}

}  // namespace

bool centre(const Kernels& kernels, const Projection& p, Metric metric, const Rows& rows, std::int64_t i, float* out) {
    double scale = 1;
    if (metric == Metric::cosine) {
        const double square = square_of(kernels, rows, i);
        scale = square > 0 ? 1 / std::sqrt(square) : 0;
    }
    visit_stored(rows.dtype, [&](auto type) {
        using T = decltype(type);
        subtract(static_cast<const T*>(rows.data) + i * rows.d, p.mean.data(), rows.d,
                 metric == Metric::cosine ? &scale : nullptr, out);
    });
    return scale == 0;
}

void project(const Kernels& kernels, const Projection& p, Metric metric, const Rows& rows,
             const std::int64_t* which, int n, Projected& out) {
    const std::int64_t d = rows.d;
    const std::size_t count = static_cast<std::size_t>(n);
    const bool both = p.columns > p.fine;
    if (!p.is_identity()) out.columns.resize(count * p.stride);
    out.squares.resize(count);
    out.fine.resize(count * p.fine);
    out.coarse.resize(count * p.columns);
    out.fine_rounding.resize(count);
    out.coarse_rounding.resize(count);
    Rounding rounding{};
    if (p.pairs.empty())
        rounding = project_floats(kernels, p, metric, rows, which, n, out);
    else if (rows.dtype == DType::u8)
        rounding = project_bytes(kernels, p, static_cast<const std::uint8_t*>(rows.data), d, which, n, out);
    else
        rounding = project_bytes(kernels, p, static_cast<const std::int8_t*>(rows.data), d, which, n, out);
    for (int i = 0; i < n; ++i) {
        const float* u = p.is_identity() ? out.centred.data() + i * d : out.columns.data() + static_cast<std::int64_t>(i) * p.stride;
        float* fine = out.fine.data() + static_cast<std::int64_t>(i) * p.fine;
        const double whole = out.squares[i], length = std::sqrt(whole);
        const double head = kernels.f32.dot(u, u, p.fine);
        std::copy(u, u + p.fine, fine);
        float* const coarse = both ? out.coarse.data() + static_cast<std::int64_t>(i) * p.columns : nullptr;
        if (both) std::copy(u, u + p.columns, coarse);
        const double own = kOwnRounding * length;
        double fine_rounding = rounding.fine * length;
        double coarse_rounding = rounding.coarse * length;
        if (!p.residual.empty()) {
            const Residual after_fine(whole, head, fine_rounding);
            for (int j = 0; j < p.fine; ++j) fine[j] += (static_cast<float>(after_fine.norm) - p.residual_mean[0]) * p.residual[j];
            fine_rounding += after_fine.error;
            if (both) {
                const double part = head + kernels.f32.dot(u + p.fine, u + p.fine, p.columns - p.fine);
                const Residual after_all(whole, part, coarse_rounding);
                for (int j = p.fine; j < p.columns; ++j)
                    coarse[j] += (static_cast<float>(after_all.norm) - p.residual_mean[1]) * p.residual[j];
                coarse_rounding += after_all.error;
            }
        }
        out.fine_rounding[i] = fine_rounding + own;
        out.coarse_rounding[i] = coarse_rounding + own;
    }
}

double square_of(const Kernels& kernels, const Rows& rows, std::int64_t i) {
    if (rows.dtype == DType::f16 || rows.dtype == DType::bf16) {
        RowsAs<float> as_floats(rows);
        const float* const row = as_floats[i];
        return kernels.f32.dot(row, row, rows.d);
    }
    return visit(rows.dtype, [&](auto type) {
        using T = decltype(type);
        const T* row = static_cast<const T*>(rows.data) + i * rows.d;
        return static_cast<double>(distances_of<T>(kernels).dot(row, row, rows.d));
    });
}

}  // namespace lookalike
