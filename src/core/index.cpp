#include "index.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <type_traits>

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
    bool is_finite = true;
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
        bool is_finite = true;
        std::int64_t which[kChunk];
        for (std::int64_t block; (block = next()) >= 0;) {
            const std::int64_t begin = block * kChunk;
            const int count = static_cast<int>(std::min<std::int64_t>(kChunk, n - begin));
            std::iota(which, which + count, first + begin);
            project(kernels, p, metric, rows, which, count, projected);
            for (int i = 0; i < count; ++i) {
                is_finite &= std::isfinite(projected.squares[i]);
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
        out.is_finite &= is_finite;
    }, watch);
    return out;
}

// Puts the rows at positions first … order.size() - 1 in place; row `first` of the order is row 0 of
// `rows`.
void pack(Quantised& rows, std::int64_t first, FilterRows& filter) {
    const std::int64_t n = static_cast<std::int64_t>(filter.order.size());
    const int coarse_width = filter.coarse_width;
    filter.fine.resize(n);
    Aligned<std::int8_t>& coarse = filter.coarse.own();
    Aligned<float>& coarse_errors = filter.coarse_errors.own();
    coarse.resize(static_cast<std::size_t>(n) * coarse_width);
    coarse_errors.resize(coarse_width ? static_cast<std::size_t>(n) : 0);
    for (std::int64_t position = first; position < n; ++position) {
        const std::int64_t row = filter.order[position] - first;
        filter.fine.put(position, rows.fine_row(row), rows.penalties[row]);
        if (coarse_width) {
            std::copy_n(rows.coarse.data() + row * coarse_width, coarse_width,
                        coarse.data() + position * coarse_width);
            coarse_errors[position] = rows.coarse_errors[row];
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
    shape();
    add_rows(0, n_threads, watch);
}

void Index::shape() {
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
}

Index::Index(const Kernels& kernels, Metric metric, Rows rows, std::unique_ptr<Projection> projection,
             const SavedIndex& saved, std::unique_ptr<Shifts> shifts, std::unique_ptr<ManhattanCodes> codes)
    : kernels_(kernels), metric_(metric), rows_(rows), projection_(std::move(projection)), shifts_(std::move(shifts)),
      codes_(std::move(codes)) {
    shape();
    const auto require = [](bool is_right, const char* what) {
        if (!is_right) throw std::invalid_argument(what);
    };
    require(saved.numbers.size() == 6, "the index has another number of numbers");
    const std::size_t n = static_cast<std::size_t>(rows_.n), filtered = projection_ ? n : 0;
    FilterRows& f = filter_;
    f.fine.error = saved.numbers[0];
    f.wide.error = saved.numbers[1];
    edge_ink_.restore(saved.numbers[2]);
    require(saved.numbers[3] >= 0 && saved.numbers[3] <= static_cast<double>(filtered), "its leaves have more rows than there are");
    f.leaves.n = static_cast<std::int64_t>(saved.numbers[3]);
    require((f.leaves.n > 0) == (filtered > 0), "it has no leaves");
    f.leaves.stride = static_cast<int>((f.leaves.count() + kColumnStep - 1) / kColumnStep * kColumnStep);
    const std::size_t stride = static_cast<std::size_t>(f.leaves.stride), padded = Panels::padded(rows_.n);
    const std::map<std::string, std::size_t> sizes{
        {"fine", f.fine.coordinates ? padded * f.fine.width : 0},
        {"fine_penalties", f.fine.coordinates ? padded : 0},
        {"wide", f.wide.coordinates ? padded * f.wide.width : 0},
        {"wide_penalties", f.wide.coordinates ? padded : 0},
        {"coarse", n * f.coarse_width},
        {"coarse_errors", f.coarse_width ? n : 0},
        {"order", filtered},
        {"centroids", stride * f.fine.coordinates},
        {"half_squares", stride},
        {"squares", metric_ == Metric::cosine ? n : 0},
        {"levels", codes_ ? ManhattanCodes::padded(rows_.n) * codes_->width() : 0},
        {"level_penalties", codes_ ? ManhattanCodes::padded(rows_.n) : 0},
    };
    each(*this, [&](const std::string& name, auto& numbers) {
        using T = std::decay_t<decltype(numbers[0])>;
        const auto size = sizes.find(name);
        const std::size_t wanted = size == sizes.end() ? n : size->second;  // of edge ink
        if (!wanted) return;
        const auto found = saved.arrays.find(name);
        require(found != saved.arrays.end() && found->second.second >= wanted * sizeof(T), "an array is missing or too short");
        require(reinterpret_cast<std::uintptr_t>(found->second.first) % kCoarseLine == 0, "an array is not aligned");
        numbers.refer(static_cast<const T*>(found->second.first), wanted);
    });
    for (const std::int32_t row : f.order) require(row >= 0 && row < rows_.n, "its order has a row that there is not");
    if (saved.numbers[4] != kernels_.query_levels || saved.numbers[5] != kernels_.query_offset)
        for (Panels* panels : {&f.fine, &f.wide})
            if (panels->coordinates) panels->penalise(kernels_, rows_.n);
}

SavedIndex Index::saved() const {
    SavedIndex out;
    each(*this, [&](const std::string& name, const auto& numbers) {
        if (numbers.size()) out.arrays[name] = {numbers.data(), numbers.size() * sizeof(numbers[0])};
    });
    out.numbers = {filter_.fine.error, filter_.wide.error, edge_ink_.unit(), static_cast<double>(filter_.leaves.n),
                   static_cast<double>(kernels_.query_levels), static_cast<double>(kernels_.query_offset)};
    return out;
}

void Index::append(Rows rows, int n_threads, const Watch& watch) {
    const std::int64_t first = rows_.n;
    rows_ = rows;
    add_rows(first, n_threads, watch);
}

void Index::add_rows(std::int64_t first, int n_threads, const Watch& watch) {
    if (metric_ == Metric::cosine) {
        Aligned<double>& squares = squares_.own();
        squares.resize(static_cast<std::size_t>(rows_.n));
        for (std::int64_t i = first; i < rows_.n; ++i) squares[i] = square_of(kernels_, rows_, i);
    }
    if (codes_) is_finite_ = codes_->append(kernels_, rows_, first, n_threads, watch);
    if (!projection_) return;
    Quantised rows = quantise_rows(kernels_, *projection_, metric_, rows_, first, filter_, n_threads, watch);
    if (first == 0) {
        filter_.order.own() = similar_together(kernels_, rows.fine.data(), rows_.n, rows.fine_steps, n_threads, watch);
        filter_.leaves = make_leaves(rows.fine.data(), filter_.order.own(), rows.fine_steps, projection_->fine);
    } else {
        Aligned<std::int32_t>& order = filter_.order.own();
        order.resize(static_cast<std::size_t>(rows_.n));
        std::iota(order.begin() + first, order.end(), static_cast<std::int32_t>(first));
    }
    is_finite_ = rows.is_finite;
    pack(rows, first, filter_);
    if (filter_.wide.coordinates) add_wide(kernels_, *projection_, metric_, rows_, first, n_threads, watch, filter_);
    if (shifts_) edge_ink_.add(*shifts_, rows_, filter_.order, first);
}

std::size_t Index::bytes() const {
    const auto size = [](const auto& values) { return values.capacity() * sizeof(values[0]); };
    std::size_t total = 0;
    each(*this, [&](const std::string&, const auto& numbers) { total += numbers.bytes(); });
    if (projection_)
        total += size(projection_->basis) + size(projection_->pairs) + size(projection_->steps) + size(projection_->mean_sums) +
                 size(projection_->mean) + size(projection_->residual);
    return total;
}

}  // namespace lookalike
