#include "panels.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lookalike {

namespace {

constexpr std::int64_t kGroupRows = kPanelRows * kPanelGroup;
constexpr int kRowLevels = 127;
// With a penalty of this size a row always, or never, survives, whatever its dot product.
constexpr std::int32_t kAlways = -(1 << 30), kNever = 1 << 30;

}  // namespace

void Panels::shape(const Kernels& kernels, int coordinates_, float step_) {
    coordinates = coordinates_;
    width = (coordinates + kPanelStep - 1) / kPanelStep * kPanelStep;
    step = step_;
    query_step = step * kRowLevels / static_cast<float>(kernels.query_levels);
}

std::size_t Panels::padded(std::int64_t n) { return static_cast<std::size_t>((n + kGroupRows - 1) / kGroupRows * kGroupRows); }

void Panels::resize(std::int64_t n) {
    rows.own().resize(padded(n) * width);
    Aligned<std::int32_t>& own = penalties.own();
    own.resize(padded(n));
    std::fill(own.begin() + n, own.end(), kNever);
}

void Panels::put(std::int64_t position, const std::int8_t* levels, std::int32_t penalty) {
    std::int8_t* panel = rows.own().data() + position / kPanelRows * (kPanelRows * width) + position % kPanelRows * kPanelStep;
    for (int j = 0; j < width; j += kPanelStep, panel += kPanelRows * kPanelStep)
        std::copy(levels + j, levels + j + kPanelStep, panel);
    penalties.own()[static_cast<std::size_t>(position)] = penalty;
}

std::int32_t Panels::penalty(const Kernels& kernels, std::int32_t square, std::int32_t sum) const {
    // s |x^|^2 / (2 s_q): the part of a row's penalty that comes from its own length.
    const double ratio = static_cast<double>(step) / (2 * static_cast<double>(query_step));
    return static_cast<std::int32_t>(std::floor(ratio * square)) + kernels.query_offset * sum;
}

void Panels::penalise(const Kernels& kernels, std::int64_t n) {
    Aligned<std::int32_t>& own = penalties.own();
    for (std::int64_t position = 0; position < n; ++position) {
        if (own[static_cast<std::size_t>(position)] == kAlways) continue;
        const std::int8_t* panel = rows.data() + position / kPanelRows * (kPanelRows * width) + position % kPanelRows * kPanelStep;
        std::int32_t square = 0, sum = 0;
        for (int j = 0; j < width; j += kPanelStep, panel += kPanelRows * kPanelStep)
            for (int i = 0; i < kPanelStep; ++i) {
                square += panel[i] * panel[i];
                sum += panel[i];
            }
        own[static_cast<std::size_t>(position)] = penalty(kernels, square, sum);
    }
}

std::int32_t Panels::quantise_row(const Kernels& kernels, const float* z, double rounding, std::int8_t* levels,
                                  double& largest_error) const {
    // Rounding to whole steps hardly ever has a larger error: its square has mean d / 12 and variance d / 180. A
    // larger one means clipped coordinates. Few such rows would make the bounds of all others worse.
    const double usual = std::sqrt(coordinates / 12.0 + 0.3 * std::sqrt(coordinates));
    const double unclipped = static_cast<double>(step) * std::min(0.5001 * std::sqrt(coordinates), 0.5 + usual) + 1e-30;
    const double off = length_of(kernels.quantise(z, coordinates, step, kRowLevels, levels), coordinates);
    std::int32_t square = 0, sum = 0;
    for (int j = 0; j < coordinates; ++j) {
        square += levels[j] * levels[j];
        sum += levels[j];
    }
    if (!(off <= unclipped && rounding <= unclipped && square <= kMostSquares)) {
        std::fill_n(levels, coordinates, std::int8_t{0});
        return kAlways;
    }
    largest_error = std::max(largest_error, off + rounding);
    return penalty(kernels, square, sum);
}

std::int32_t Panels::threshold(double query_square, double limit) const {
    const double score = (query_square - limit * limit) / step_product();
    if (!(score > kAcceptAll)) return kAcceptAll;
    return static_cast<std::int32_t>(std::floor(std::min<double>(score, kRejectMost))) - 1;
}

QueryLevels::QueryLevels(const Kernels& kernels, const Panels& panels, std::int64_t n) {
    const std::size_t count = panels.coordinates ? static_cast<std::size_t>(n) : 0;
    bytes.assign(count * panels.width, static_cast<std::uint8_t>(kernels.query_offset));
    squares.resize(count);
    errors.resize(count);
}

void QueryLevels::put(const Kernels& kernels, const Panels& panels, std::int64_t at, const float* z, double rounding) {
    std::int8_t levels[kMostFine];
    const double off = kernels.quantise(z, panels.coordinates, panels.query_step, static_cast<float>(kernels.query_levels), levels);
    std::uint8_t* const out = bytes.data() + at * panels.width;
    std::int64_t square = 0;
    for (int j = 0; j < panels.coordinates; ++j) {
        out[j] = static_cast<std::uint8_t>(levels[j] + kernels.query_offset);
        square += levels[j] * levels[j];
    }
    squares[at] = static_cast<double>(square) * static_cast<double>(panels.query_step) * static_cast<double>(panels.query_step);
    errors[at] = square <= kMostSquares ? length_of(off, panels.coordinates) + rounding : std::numeric_limits<double>::infinity();
}

}  // namespace lookalike
