#include "manhattan.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>

#include "panels.hpp"

namespace lookalike {

namespace {

constexpr int kChunk = 64;  // rows coded at once
constexpr double kRounding = 1.0 / (std::int64_t{1} << 50);
// With a penalty of this size a row always, or never, survives. One survives if its error is beyond all others.
constexpr std::int32_t kAlways = -(1 << 30), kNever = 1 << 30;

bool is_finite(const Kernels& kernels, const Rows& rows, std::int64_t i) {
    return visit_stored(rows.dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* const x = reinterpret_cast<const T*>(rows.row(i));
        if constexpr (std::is_floating_point_v<T>)
            return distances_of<T>(kernels).within(x, rows.d, std::numeric_limits<T>::lowest(), std::numeric_limits<T>::max(), 0);
        else
            return std::is_integral_v<T> || std::all_of(x, x + rows.d, [](T one) { return std::isfinite(static_cast<double>(one)); });
    });
}

}  // namespace

ManhattanCodes::ManhattanCodes(ManhattanCoding coding) : coding_(std::move(coding)) {
    int begin = 0, most = 1;
    for (const std::int32_t end : coding_.ends) {
        most = std::max(most, end - begin);
        begin = end;
    }
    if (most > 1) sum_rounding_ = most * kRounding;
    for (std::size_t g = 0; g < coding_.bytes.size(); ++g) {
        const std::int32_t bytes = coding_.bytes[g];
        highs_.push_back(coding_.lows[g] + 255.0 * bytes * coding_.step);
        width_ += bytes;
        plain_ = plain_ && bytes == 1;
    }
    width_ = (width_ + kAbsoluteStep - 1) / kAbsoluteStep * kAbsoluteStep;
}

double ManhattanCodes::encode(const Kernels& kernels, const Rows& rows, std::int64_t i, std::uint8_t* out, Scratch& scratch) const {
    const int n = static_cast<int>(coding_.ends.size());
    scratch.sums.resize(static_cast<std::size_t>(n));
    scratch.levels.resize(static_cast<std::size_t>(n));
    double size = 0;
    visit_stored(rows.dtype, [&](auto value) {
        const auto* const x = reinterpret_cast<const decltype(value)*>(rows.row(i));
        const std::int32_t* next = coding_.coordinates.data();
        if (sum_rounding_ == 0)
            for (int g = 0; g < n; ++g) scratch.sums[g] = static_cast<double>(x[next[g]]);
        else
            for (int g = 0; g < n; ++g) {
                double sum = 0;
                for (const std::int32_t* const end = coding_.coordinates.data() + coding_.ends[g]; next < end; ++next) {
                    const double one = static_cast<double>(x[*next]);
                    sum += one;
                    size += std::abs(one);
                }
                scratch.sums[g] = sum;
            }
    });
    const double error = kernels.round_levels(scratch.sums.data(), coding_.lows.data(), highs_.data(), n, 1 / coding_.step, scratch.levels.data());
    std::uint8_t* const begin = out;
    for (int g = 0; g < n && plain_; ++g) *out++ = static_cast<std::uint8_t>(scratch.levels[g]);
    for (int g = 0; g < n && !plain_; ++g)
        for (std::int32_t level = scratch.levels[g], b = 0; b < coding_.bytes[g]; ++b, level -= 255)
            *out++ = static_cast<std::uint8_t>(std::clamp(level, 0, 255));
    std::fill(out, begin + width_, std::uint8_t{0});
    return error + 255.0 * width_ * kRounding + sum_rounding_ * size / coding_.step;
}

bool ManhattanCodes::append(const Kernels& kernels, const Rows& rows, std::int64_t first, int n_threads, const Watch& watch) {
    Aligned<std::int8_t>& panels = panels_.own();
    Aligned<std::int32_t>& penalties = penalties_.own();
    panels.resize(padded(rows.n) * width_);
    penalties.resize(padded(rows.n));
    std::fill(penalties.begin() + rows.n, penalties.end(), kNever);
    Job job;
    std::atomic<bool> are_finite{true};
    // Chunks are whole panels, so that two threads never write to one.
    run_blocks(job, n_threads, (rows.n + kChunk - 1) / kChunk - first / kChunk, [&](const NextBlock& next) {
        Scratch scratch;
        scratch.bytes.resize(static_cast<std::size_t>(width_));
        for (std::int64_t block; (block = next()) >= 0;) {
            const std::int64_t begin = (first / kChunk + block) * kChunk;
            for (std::int64_t row = std::max(first, begin); row < std::min(begin + kChunk, rows.n); ++row) {
                const double error = encode(kernels, rows, row, scratch.bytes.data(), scratch);
                if (!is_finite(kernels, rows, row)) are_finite = false;
                penalties[row] = error < 1 << 28 ? -static_cast<std::int32_t>(std::ceil(error)) : kAlways;
                std::int8_t* to = panels.data() + row / kPanelRows * (kPanelRows * std::int64_t{width_}) + row % kPanelRows * kAbsoluteStep;
                for (int j = 0; j < width_; j += kAbsoluteStep, to += kPanelRows * kAbsoluteStep)
                    std::copy_n(scratch.bytes.data() + j, kAbsoluteStep, reinterpret_cast<std::uint8_t*>(to));
            }
        }
    }, watch);
    return are_finite;
}

std::int32_t ManhattanCodes::threshold(double radius, double error) const {
    // The radius is rounded, in a sum of at most 2^31 terms.
    const double most = radius * (1 + 1e-6) / coding_.step + error;
    return most < -kAcceptAll ? -static_cast<std::int32_t>(std::ceil(most)) : kAcceptAll;
}

}  // namespace lookalike
