#include "index.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

namespace lookalike {

namespace {

constexpr double kUnit = 1.0 / (1 << 24);  // rounding unit of float
constexpr int kGroupRows = kPanelRows * kPanelGroup;
// A penalty of this size lets a row survive, or not, whatever its dot product.
constexpr std::int32_t kAlways = -(1 << 30), kNever = 1 << 30;

template <class Visit> decltype(auto) visit(DType dtype, Visit visitor) {
    switch (dtype) {
        case DType::u8: return visitor(std::uint8_t{});
        case DType::i8: return visitor(std::int8_t{});
        case DType::f32: return visitor(float{});
        default: return visitor(double{});
    }
}

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

double sum_of_squares(const float* values, std::int64_t n) {
    double sum[4] = {};
    std::int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int lane = 0; lane < 4; ++lane)
            sum[lane] += static_cast<double>(values[i + lane]) * static_cast<double>(values[i + lane]);
    for (; i < n; ++i) sum[0] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
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

// Rounds to whole steps within +-levels; NaN becomes 0. Returns the error's sum of squares.
template <class Put>
double quantise(const float* values, int n, double step, int levels, Put put) {
    const float inverse = static_cast<float>(1 / step), limit = static_cast<float>(levels);
    const float scale = static_cast<float>(step);
    double error = 0;
    for (int i = 0; i < n; ++i) {
        float q = values[i] * inverse;
        q = q > limit ? limit : q;
        q = q >= -limit ? q : (q < -limit ? -limit : 0.0f);
        const float whole = static_cast<float>(static_cast<std::int32_t>(q + (q < 0 ? -0.5f : 0.5f)));
        put(i, static_cast<std::int32_t>(whole));
        const float difference = values[i] - whole * scale;
        error += static_cast<double>(difference) * static_cast<double>(difference);
    }
    return error;
}

// The rows `which(0 … n - 1)`, centred and projected on the columns of W, with residual norms.
template <class Which>
void project(const Kernels& kernels, const Projection& p, Metric metric, const Rows& rows, int n,
             Which which, Projected& out) {
    const std::int64_t d = rows.d;
    const std::size_t count = static_cast<std::size_t>(n);
    out.centred.resize(count * d);
    out.fine.resize(count * p.fine);
    out.coarse.resize(count * p.columns);
    out.fine_rounding.resize(count);
    out.coarse_rounding.resize(count);
    for (int i = 0; i < n; ++i) {
        const std::int64_t row = which(i);
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

    const bool identity = p.basis.empty();
    if (!identity) {
        out.columns.resize(count * p.stride);
        kernels.project(out.centred.data(), n, d, p.basis.data(), p.stride, out.columns.data());
    }
    // A sum over blocks of k is off by at most `gamma` times the sum of its terms' sizes.
    const double gamma = identity ? 0 : static_cast<double>(kProjectionBlock + d / kProjectionBlock + 4) * kUnit;
    for (int i = 0; i < n; ++i) {
        const float* x = out.centred.data() + i * d;
        const float* u = identity ? x : out.columns.data() + static_cast<std::int64_t>(i) * p.stride;
        float* fine = out.fine.data() + static_cast<std::int64_t>(i) * p.fine;
        float* coarse = out.coarse.data() + static_cast<std::int64_t>(i) * p.columns;
        const double whole = sum_of_squares(x, d), length = std::sqrt(whole);
        const double head = sum_of_squares(u, p.fine);
        std::copy(u, u + p.fine, fine);
        std::copy(u, u + p.columns, coarse);
        const double own = 8 * kUnit * length;  // of centring and of the sums below
        double fine_rounding = gamma * length * std::sqrt(p.fine);
        double coarse_rounding = gamma * length * std::sqrt(p.columns);
        if (!p.residual.empty()) {
            const Residual after_fine(whole, head, fine_rounding);
            for (int j = 0; j < p.fine; ++j) fine[j] += static_cast<float>(after_fine.norm) * p.residual[j];
            fine_rounding += after_fine.error;
            if (p.columns > p.fine) {
                const double part = head + sum_of_squares(u + p.fine, p.columns - p.fine);
                const Residual after_all(whole, part, coarse_rounding);
                for (int j = p.fine; j < p.columns; ++j)
                    coarse[j] += static_cast<float>(after_all.norm) * p.residual[j];
                coarse_rounding += after_all.error;
            }
        }
        out.fine_rounding[i] = fine_rounding + own;
        out.coarse_rounding[i] = coarse_rounding + own;
    }
}

// Quantises one row's coarse coordinates; returns the error in distance.
double quantise_coarse(const Projection& p, const float* z, double rounding, std::int8_t* out) {
    const auto put = [](std::int8_t* to) {
        return [to](int i, std::int32_t q) { to[i] = static_cast<std::int8_t>(q); };
    };
    const double error = quantise(z, p.fine, p.coarse_scale[0], 127, put(out)) +
                         quantise(z + p.fine, p.columns - p.fine, p.coarse_scale[1], 127, put(out + p.fine));
    return std::sqrt(error) + rounding;
}

}  // namespace

double square_of(const Kernels& kernels, const Rows& rows, std::int64_t i) {
    return visit(rows.dtype, [&](auto type) {
        using T = decltype(type);
        const T* row = static_cast<const T*>(rows.data) + i * rows.d;
        return static_cast<double>(distances_of<T>(kernels).dot(row, row, rows.d));
    });
}

Index::Index(const Kernels& kernels, Metric metric, Rows rows, std::unique_ptr<Projection> projection,
             std::vector<std::int32_t> order, int n_threads)
    : kernels_(kernels), metric_(metric), rows_(rows), projection_(std::move(projection)) {
    if (projection_) {
        filter_.width = (projection_->fine + kPanelStep - 1) / kPanelStep * kPanelStep;
        filter_.coarse_width = projection_->columns > projection_->fine ? projection_->columns : 0;
        filter_.order = std::move(order);
    }
    add_rows(0, n_threads);
}

void Index::append(Rows rows, int n_threads) {
    const std::int64_t first = rows_.n;
    rows_ = rows;
    if (projection_)
        for (std::int64_t i = first; i < rows.n; ++i) filter_.order.push_back(static_cast<std::int32_t>(i));
    add_rows(first, n_threads);
}

void Index::add_rows(std::int64_t first, int n_threads) {
    if (metric_ == Metric::cosine) {
        squares_.resize(static_cast<std::size_t>(rows_.n));
        for (std::int64_t i = first; i < rows_.n; ++i) squares_[i] = square_of(kernels_, rows_, i);
    }
    if (!projection_) return;
    const std::int64_t groups = (rows_.n + kGroupRows - 1) / kGroupRows;
    const std::size_t padded = static_cast<std::size_t>(groups * kGroupRows);
    filter_.panels.resize(padded * filter_.width);
    filter_.penalties.resize(padded);
    filter_.coarse.resize(static_cast<std::size_t>(rows_.n) * filter_.coarse_width);
    filter_.coarse_errors.resize(filter_.coarse_width ? static_cast<std::size_t>(rows_.n) : 0);
    const std::int64_t first_group = first / kGroupRows;  // its old rows are written once more, alike
    Job job;
    std::mutex mutex;
    run_blocks(job, n_threads, groups - first_group, [&](const NextBlock& next) {
        Projected projected;
        double largest = 0;
        for (std::int64_t block; (block = next()) >= 0;) quantise_group(first_group + block, projected, largest);
        const std::lock_guard lock(mutex);
        filter_.fine_error = std::max(filter_.fine_error, largest);
    }, {});
}

void Index::quantise_group(std::int64_t group, Projected& projected, double& largest_error) {
    const Projection& p = *projection_;
    const std::int64_t first = group * kGroupRows;
    const int n = static_cast<int>(std::min<std::int64_t>(kGroupRows, rows_.n - first));
    project(kernels_, p, metric_, rows_, n, [&](int i) { return filter_.order[first + i]; }, projected);

    const int width = filter_.width;
    // The worst that rounding to whole steps can do; more than that is a clipped coordinate.
    const double unclipped = 0.5001 * p.fine_scale * std::sqrt(p.fine) + 1e-30;
    std::int8_t* const panels = filter_.panels.data() + first * width;
    std::fill(panels, panels + kGroupRows * width, std::int8_t{0});
    for (int i = 0; i < kGroupRows; ++i) {
        std::int32_t& penalty = filter_.penalties[first + i];
        if (i >= n) {
            penalty = kNever;
            continue;
        }
        std::int8_t* const panel = panels + i / kPanelRows * (kPanelRows * width) + i % kPanelRows * kPanelStep;
        std::int64_t square = 0, sum = 0;
        const double squared_error = quantise(
            projected.fine.data() + static_cast<std::int64_t>(i) * p.fine, p.fine, p.fine_scale, 127,
            [&](int j, std::int32_t q) {
                panel[j / kPanelStep * (kPanelRows * kPanelStep) + j % kPanelStep] = static_cast<std::int8_t>(q);
                square += q * q;
                sum += q;
            });
        const double error = std::sqrt(squared_error), rounding = projected.fine_rounding[i];
        if (error <= unclipped && rounding <= unclipped) {
            penalty = static_cast<std::int32_t>(square * kernels_.query_levels / 254 + kernels_.query_offset * sum);
            largest_error = std::max(largest_error, error + rounding);
        } else {
            penalty = kAlways;
        }
        if (filter_.coarse_width) {
            const double coarse_error = quantise_coarse(
                p, projected.coarse.data() + static_cast<std::int64_t>(i) * p.columns,
                projected.coarse_rounding[i], filter_.coarse.data() + (first + i) * filter_.coarse_width);
            filter_.coarse_errors[first + i] = static_cast<float>(coarse_error * (1 + 1e-6));
        }
    }
}

void Index::prepare(const Rows& queries, std::int64_t first, int n, Projected& projected,
                    FilterQueries& out) const {
    const Projection& p = *projection_;
    project(kernels_, p, metric_, queries, n, [&](int i) { return first + i; }, projected);
    const std::size_t count = static_cast<std::size_t>(n);
    out.fine.assign(count * filter_.width, static_cast<std::uint8_t>(kernels_.query_offset));
    out.fine_squares.resize(count);
    out.fine_errors.resize(count);
    out.coarse.resize(count * filter_.coarse_width);
    out.coarse_errors.resize(count);
    const double step = query_scale();
    for (int i = 0; i < n; ++i) {
        std::uint8_t* const bytes = out.fine.data() + static_cast<std::int64_t>(i) * filter_.width;
        std::int64_t square = 0;
        const double error = quantise(
            projected.fine.data() + static_cast<std::int64_t>(i) * p.fine, p.fine, step, kernels_.query_levels,
            [&](int j, std::int32_t q) {
                bytes[j] = static_cast<std::uint8_t>(q + kernels_.query_offset);
                square += q * q;
            });
        out.fine_squares[i] = static_cast<double>(square) * step * step;
        out.fine_errors[i] = std::sqrt(error) + projected.fine_rounding[i];
        if (filter_.coarse_width)
            out.coarse_errors[i] = quantise_coarse(
                p, projected.coarse.data() + static_cast<std::int64_t>(i) * p.columns,
                projected.coarse_rounding[i], out.coarse.data() + static_cast<std::int64_t>(i) * filter_.coarse_width);
    }
}

std::size_t Index::bytes() const {
    std::size_t total = filter_.panels.capacity() + filter_.penalties.capacity() * sizeof(std::int32_t) +
                        filter_.coarse.capacity() + filter_.coarse_errors.capacity() * sizeof(float) +
                        filter_.order.capacity() * sizeof(std::int32_t) + squares_.capacity() * sizeof(double);
    if (projection_) total += (projection_->basis.capacity() + projection_->mean.capacity()) * sizeof(float);
    return total;
}

}  // namespace lookalike
