#include "bounds.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace lookalike {

namespace {

constexpr double kUnit = 1.0 / (1 << 24);  // rounding unit of float

// out = scale * row - mean, rounded once to float.
template <class T>
void centre(const T* row, const float* mean, std::int64_t d, const double* scale, float* out) {
    if (scale || std::is_same_v<T, double>) {
        const double s = scale ? *scale : 1.0;
        for (std::int64_t i = 0; i < d; ++i)
            out[i] = static_cast<float>(s * static_cast<double>(row[i]) - static_cast<double>(mean[i]));
    } else {
        for (std::int64_t i = 0; i < d; ++i) out[i] = static_cast<float>(row[i]) - mean[i];
    }
}

// r = sqrt(|x|^2 - |u|^2) and how far it can be from the true one when |u| is off by `rounding`.
struct Residual {
    double norm, error;

    Residual(double whole, double part, double rounding) {
        const double square = std::max(whole - part, 0.0);
        const double off = (2 * std::sqrt(part) + rounding) * rounding + 1e-12 * whole;
        norm = std::sqrt(square);
        error = std::max(norm - std::sqrt(std::max(square - off, 0.0)), std::sqrt(square + off) - norm);
    }
};

}  // namespace

void project(const Kernels& kernels, const Projection& p, Metric metric, const Rows& rows,
             const std::int64_t* which, int n, Projected& out) {
    const std::int64_t d = rows.d;
    const std::size_t count = static_cast<std::size_t>(n);
    out.centred.resize(count * d);
    out.fine.resize(count * p.fine);
    out.coarse.resize(count * p.columns);
    out.fine_rounding.resize(count);
    out.coarse_rounding.resize(count);
    for (int i = 0; i < n; ++i) {
        const std::int64_t row = which[i];
        double scale = 1;
        if (metric == Metric::cosine) {
            const double square = square_of(kernels, rows, row);
            scale = square > 0 ? 1 / std::sqrt(square) : 0;
        }
        visit(rows.dtype, [&](auto type) {
            using T = decltype(type);
            centre(static_cast<const T*>(rows.data) + row * d, p.mean.data(), d,
                   metric == Metric::cosine ? &scale : nullptr, out.centred.data() + i * d);
        });
    }

    const bool identity = p.basis.empty(), both = p.columns > p.fine;
    const int n_columns = p.stride;
    if (!identity) {
        out.columns.resize(count * n_columns);
        kernels.project(out.centred.data(), n, d, p.basis.data(), n_columns, out.columns.data());
    }
    // A sum over blocks of k is off by at most `gamma` times the sum of its terms' sizes.
    const double gamma = identity ? 0 : static_cast<double>(kProjectionBlock + d / kProjectionBlock + 4) * kUnit;
    for (int i = 0; i < n; ++i) {
        const float* x = out.centred.data() + i * d;
        const float* u = identity ? x : out.columns.data() + static_cast<std::int64_t>(i) * n_columns;
        float* fine = out.fine.data() + static_cast<std::int64_t>(i) * p.fine;
        const double whole = kernels.f32.dot(x, x, d), length = std::sqrt(whole);
        const double head = kernels.f32.dot(u, u, p.fine);
        std::copy(u, u + p.fine, fine);
        float* const coarse = both ? out.coarse.data() + static_cast<std::int64_t>(i) * p.columns : nullptr;
        if (both) std::copy(u, u + p.columns, coarse);
        const double own = 8 * kUnit * length;  // of centring and of the sums below
        double fine_rounding = gamma * length * std::sqrt(p.fine);
        double coarse_rounding = gamma * length * std::sqrt(p.columns);
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
    return visit(rows.dtype, [&](auto type) {
        using T = decltype(type);
        const T* row = static_cast<const T*>(rows.data) + i * rows.d;
        return static_cast<double>(distances_of<T>(kernels).dot(row, row, rows.d));
    });
}

}  // namespace lookalike
