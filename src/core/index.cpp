#include "index.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>

#include "wide.hpp"

namespace lookalike {

namespace {

constexpr int kChunk = 96;  // rows projected at once: whole tiles of every kernel

int steps_of(int coordinates) { return (coordinates + kCoarseStep - 1) / kCoarseStep; }

// Quantised rows in their original order, before they are packed.
struct Quantised {
    Quantised(const FilterRows& filter, std::int64_t n)
        : fine_steps(steps_of(filter.fine.width)), fine(n * fine_steps * kCoarseStep), penalties(n),
          coarse(n * filter.coarse_width), coarse_errors(filter.coarse_width ? n : 0) {}

    std::int8_t* fine_row(std::int64_t i) { return fine.data() + i * fine_steps * kCoarseStep; }

    int fine_steps;
    std::vector<std::int8_t> fine;  // padded with zeros
    std::vector<std::int32_t> penalties;
    std::vector<std::int8_t> coarse;
    std::vector<float> coarse_errors;
    double fine_error = 0;
};

// Rows first … rows.n - 1.
Quantised quantise_rows(const Kernels& kernels, const Projection& p, Metric metric, const Rows& rows,
                        std::int64_t first, const FilterRows& filter, int n_threads, const Watch& watch) {
    const std::int64_t n = rows.n - first;
    Quantised out(filter, n);
    Job job;
    std::mutex mutex;
    run_blocks(job, n_threads, (n + kChunk - 1) / kChunk, [&](const NextBlock& next) {
        Projected projected;
        double largest = 0;
        std::int64_t which[kChunk];
        for (std::int64_t block; (block = next()) >= 0;) {
            const std::int64_t begin = block * kChunk;
            const int count = static_cast<int>(std::min<std::int64_t>(kChunk, n - begin));
            std::iota(which, which + count, first + begin);
            project(kernels, p, metric, rows, which, count, projected);
            for (int i = 0; i < count; ++i) {
                out.penalties[begin + i] =
                    filter.fine.quantise_row(kernels, projected.fine.data() + static_cast<std::int64_t>(i) * p.fine,
                                             projected.fine_rounding[i], out.fine_row(begin + i), largest);
                if (filter.coarse_width)
                    out.coarse_errors[begin + i] = static_cast<float>(
                        quantise_coarse(kernels, p, filter, projected, i,
                                        out.coarse.data() + (begin + i) * filter.coarse_width) * (1 + 1e-6));
            }
        }
        const std::lock_guard lock(mutex);
        out.fine_error = std::max(out.fine_error, largest);
    }, watch);
    return out;
}

// Puts the rows at positions first … order.size() - 1 in place; row `first` of the order is row 0 of
// `rows`.
void pack(Quantised& rows, std::int64_t first, FilterRows& filter) {
    const std::int64_t n = static_cast<std::int64_t>(filter.order.size());
    const int coarse_width = filter.coarse_width;
    filter.fine.resize(n);
    filter.coarse.resize(static_cast<std::size_t>(n) * coarse_width);
    filter.coarse_errors.resize(coarse_width ? static_cast<std::size_t>(n) : 0);
    for (std::int64_t position = first; position < n; ++position) {
        const std::int64_t row = filter.order[position] - first;
        filter.fine.put(position, rows.fine_row(row), rows.penalties[row]);
        if (coarse_width) {
            std::copy_n(rows.coarse.data() + row * coarse_width, coarse_width,
                        filter.coarse.data() + position * coarse_width);
            filter.coarse_errors[position] = rows.coarse_errors[row];
        }
    }
    filter.fine.error = std::max(filter.fine.error, rows.fine_error);
}

}  // namespace

double quantise_coarse(const Kernels& kernels, const Projection& p, const FilterRows& filter,
                       const Projected& projected, int i, std::int8_t* out) {
    const float* z = projected.coarse.data() + static_cast<std::int64_t>(i) * p.columns;
    const double error =
        kernels.quantise(z, p.fine, p.coarse_scale[0], 127, out) +
        kernels.quantise(z + p.fine, p.columns - p.fine, p.coarse_scale[1], 127,
                         out + filter.coarse_steps[0] * kCoarseStep);
    return std::sqrt(error) * (1 + 1e-5) + projected.coarse_rounding[i];
}

Index::Index(const Kernels& kernels, Metric metric, Rows rows, std::unique_ptr<Projection> projection,
             int n_threads, const Watch& watch, std::unique_ptr<Shifts> shifts, std::unique_ptr<ManhattanCodes> codes)
    : kernels_(kernels), metric_(metric), rows_(rows), projection_(std::move(projection)), shifts_(std::move(shifts)),
      codes_(std::move(codes)) {
    if (projection_ && shifts_) edge_ink_ = EdgeInk(*shifts_);
    if (projection_) {
        const int rest = projection_->columns - projection_->fine;
        filter_.fine.shape(kernels_, projection_->fine, projection_->fine_scale);
        if (projection_->wide_scale > 0)
            filter_.wide.shape(kernels_, static_cast<int>(rows_.d), projection_->wide_scale);
        if (rest > 0) {
            filter_.coarse_steps[0] = steps_of(projection_->fine);
            filter_.coarse_steps[1] = steps_of(rest);
            const int coordinates = (filter_.coarse_steps[0] + filter_.coarse_steps[1]) * kCoarseStep;
            filter_.coarse_width = (coordinates + kCoarseLine - 1) / kCoarseLine * kCoarseLine;
        }
    }
    add_rows(0, n_threads, watch);
}

void Index::append(Rows rows, int n_threads, const Watch& watch) {
    const std::int64_t first = rows_.n;
    rows_ = rows;
    add_rows(first, n_threads, watch);
}

void Index::add_rows(std::int64_t first, int n_threads, const Watch& watch) {
    if (metric_ == Metric::cosine) {
        squares_.resize(static_cast<std::size_t>(rows_.n));
        for (std::int64_t i = first; i < rows_.n; ++i) squares_[i] = square_of(kernels_, rows_, i);
    }
    if (codes_) codes_->append(kernels_, rows_, first, n_threads, watch);
    if (!projection_) return;
    Quantised rows = quantise_rows(kernels_, *projection_, metric_, rows_, first, filter_, n_threads, watch);
    if (first == 0) {
        filter_.order = similar_together(kernels_, rows.fine.data(), rows_.n, rows.fine_steps, n_threads, watch);
        filter_.leaves = make_leaves(rows.fine.data(), filter_.order, rows.fine_steps, projection_->fine);
    } else {
        filter_.order.resize(static_cast<std::size_t>(rows_.n));
        std::iota(filter_.order.begin() + first, filter_.order.end(), static_cast<std::int32_t>(first));
    }
    pack(rows, first, filter_);
    if (filter_.wide.coordinates) add_wide(kernels_, *projection_, metric_, rows_, first, n_threads, watch, filter_);
    if (shifts_) edge_ink_.add(*shifts_, rows_, filter_.order, first);
}

std::size_t Index::bytes() const {
    const auto size = [](const auto& values) { return values.capacity() * sizeof(values[0]); };
    std::size_t total = filter_.fine.bytes() + filter_.wide.bytes() + size(filter_.coarse) +
                        size(filter_.coarse_errors) + size(filter_.order) + size(filter_.leaves.centroids) +
                        size(filter_.leaves.half_squares) + size(squares_) + edge_ink_.bytes() + (codes_ ? codes_->bytes() : 0);
    if (projection_)
        total += size(projection_->basis) + size(projection_->pairs) + size(projection_->steps) + size(projection_->mean_sums) +
                 size(projection_->mean) + size(projection_->residual);
    return total;
}

}  // namespace lookalike
