#include "manhattan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "panels.hpp"

namespace lookalike {

namespace {

constexpr int kChunk = 64;  // rows coded at once
constexpr double kRounding = 1.0 / (std::int64_t{1} << 50);
// With a penalty of this size a row always, or never, survives. One survives if its error is beyond all others.
constexpr std::int32_t kAlways = -(1 << 30), kNever = 1 << 30;

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
    visit(rows.dtype, [&](auto value) {
        const auto* const x = static_cast<const decltype(value)*>(rows.data) + i * rows.d;
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

void ManhattanCodes::append(const Kernels& kernels, const Rows& rows, std::int64_t first, int n_threads, const Watch& watch) {
    const std::size_t padded = static_cast<std::size_t>((rows.n + kPanelRows - 1) / kPanelRows * kPanelRows);
    panels_.resize(padded * width_);
    penalties_.resize(padded);
    std::fill(penalties_.begin() + rows.n, penalties_.end(), kNever);
    Job job;
    // Chunks are whole panels, so that two threads never write to one.
    run_blocks(job, n_threads, (rows.n + kChunk - 1) / kChunk - first / kChunk, [&](const NextBlock& next) {
        Scratch scratch;
        scratch.bytes.resize(static_cast<std::size_t>(width_));
        for (std::int64_t block; (block = next()) >= 0;) {
            const std::int64_t begin = (first / kChunk + block) * kChunk;
            for (std::int64_t row = std::max(first, begin); row < std::min(begin + kChunk, rows.n); ++row) {
                const double error = encode(kernels, rows, row, scratch.bytes.data(), scratch);
                penalties_[row] = error < 1 << 28 ? -static_cast<std::int32_t>(std::ceil(error)) : kAlways;
                std::int8_t* to = panels_.data() + row / kPanelRows * (kPanelRows * std::int64_t{width_}) + row % kPanelRows * kAbsoluteStep;
                for (int j = 0; j < width_; j += kAbsoluteStep, to += kPanelRows * kAbsoluteStep)
                    std::copy_n(scratch.bytes.data() + j, kAbsoluteStep, reinterpret_cast<std::uint8_t*>(to));
            }
        }
    }, watch);
}

std::int32_t ManhattanCodes::threshold(double radius, double error) const {
    // The radius is rounded, in a sum of at most 2^31 terms.
    const double most = radius * (1 + 1e-6) / coding_.step + error;
    return most < -kAcceptAll ? -static_cast<std::int32_t>(std::ceil(most)) : kAcceptAll;
}

std::size_t ManhattanCodes::bytes() const { return panels_.capacity() + penalties_.capacity() * sizeof(std::int32_t); }

}  // namespace lookalike
