#include "shifts.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace lookalike {

namespace {

// If there are more bands than this, some share a deeper one's sums, which limits memory.
constexpr std::size_t kMostBands = 16;

struct Rectangle {
    int top, bottom, left, right;  // bottom and right are exclusive
};

template <class T> SumOf<T> sum_of_squares(const Shifts& s, Rectangle part, const T* image) {
    SumOf<T> total = 0;
    for (int y = part.top; y < part.bottom; ++y) {
        const T* row = image + (static_cast<std::int64_t>(y) * s.width + part.left) * s.channels;
        for (int i = 0; i < (part.right - part.left) * s.channels; ++i)
            total += static_cast<SumOf<T>>(row[i]) * static_cast<SumOf<T>>(row[i]);
    }
    return total;
}

Rectangle band_of(const Shifts& s, int edge, int depth) {
    switch (edge) {
        case 0: return {0, depth, 0, s.width};
        case 1: return {s.height - depth, s.height, 0, s.width};
        case 2: return {0, s.height, 0, depth};
        default: return {0, s.height, s.width - depth, s.width};
    }
}

// The edges over which a shift moves pixels out of the frame; -1: none.
int vertical_edge(Shift by) { return by.dy == 0 ? -1 : by.dy < 0 ? 0 : 1; }
int horizontal_edge(Shift by) { return by.dx == 0 ? -1 : by.dx < 0 ? 2 : 3; }

}  // namespace

template <class T> void shift_image(const Shifts& s, Shift by, const T* image, T* out) {
    std::fill_n(out, static_cast<std::int64_t>(s.height) * s.width * s.channels, T{0});
    const int from = std::max(0, -by.dx), to = s.width - std::max(0, by.dx);
    if (from >= to) return;
    for (int y = std::max(0, -by.dy); y < s.height - std::max(0, by.dy); ++y) {
        const T* source = image + (static_cast<std::int64_t>(y) * s.width + from) * s.channels;
        T* target = out + (static_cast<std::int64_t>(y + by.dy) * s.width + from + by.dx) * s.channels;
        std::copy_n(source, (to - from) * s.channels, target);
    }
}

template <class T> SumOf<T> lost(const Shifts& s, Shift by, const T* image) {
    SumOf<T> total = 0;
    const int rows = std::min(std::abs(by.dy), s.height);
    if (rows) total += sum_of_squares(s, band_of(s, vertical_edge(by), rows), image);
    const int columns = std::min(std::abs(by.dx), s.width);
    if (columns) {
        Rectangle side = band_of(s, horizontal_edge(by), columns);
        (by.dy < 0 ? side.top : side.bottom) += by.dy < 0 ? rows : -rows;  // count the corner once
        total += sum_of_squares(s, side, image);
    }
    return total;
}

EdgeInk::EdgeInk(const Shifts& shifts) : of_shift_(shifts.list.size()) {
    std::set<int> depths[4];
    for (const Shift by : shifts.list) {
        if (by.dy) depths[vertical_edge(by)].insert(std::min(std::abs(by.dy), shifts.height));
        if (by.dx) depths[horizontal_edge(by)].insert(std::min(std::abs(by.dx), shifts.width));
    }
    for (int edge = 0; edge < 4; ++edge) {
        // If there are too many, the shallower ones go: the sum of a deeper band bounds theirs.
        const std::vector<int> all(depths[edge].begin(), depths[edge].end());
        const std::size_t most = kMostBands / 4, kept = std::min(most, all.size());
        for (std::size_t i = 1; i <= kept; ++i) bands_.push_back({edge, all[all.size() * i / kept - 1], {}});
    }
    for (std::size_t i = 0; i < shifts.list.size(); ++i) {
        const Shift by = shifts.list[i];
        if (by.dy) of_shift_[i].vertical = band(vertical_edge(by), std::min(std::abs(by.dy), shifts.height));
        if (by.dx) of_shift_[i].horizontal = band(horizontal_edge(by), std::min(std::abs(by.dx), shifts.width));
    }
}

int EdgeInk::band(int edge, int depth) const {
    for (std::size_t i = 0; i < bands_.size(); ++i)  // bands of an edge are ordered by depth
        if (bands_[i].edge == edge && bands_[i].depth >= depth) return static_cast<int>(i);
    return -1;
}

void EdgeInk::add(const Shifts& shifts, const Rows& rows, const Stored<std::int32_t>& order, std::int64_t first) {
    const std::size_t n = order.size() - static_cast<std::size_t>(first);
    std::vector<double> sums(n * bands_.size());
    visit(rows.dtype, [&](auto type) {
        using T = decltype(type);
        for (std::size_t i = 0; i < n; ++i) {
            const T* image = static_cast<const T*>(rows.data) + order[static_cast<std::size_t>(first) + i] * rows.d;
            for (std::size_t b = 0; b < bands_.size(); ++b)
                sums[b * n + i] = static_cast<double>(
                    sum_of_squares(shifts, band_of(shifts, bands_[b].edge, bands_[b].depth), image));
        }
    });
    if (first == 0) unit_ = sums.empty() ? 0 : *std::max_element(sums.begin(), sums.end()) * (1 + 1e-9) / (kMostUnits - 1);
    for (std::size_t b = 0; b < bands_.size(); ++b) {
        Aligned<std::uint8_t>& out = bands_[b].sums.own();
        out.resize(order.size());
        for (std::size_t i = 0; i < n; ++i) {
            // Rows added later may hold more than a byte can express: they have no bound.
            const double sum = sums[b * n + i], level = sum > 0 ? std::ceil(sum * (1 + 1e-9) / unit_) : 0;
            out[static_cast<std::size_t>(first) + i] = static_cast<std::uint8_t>(level < kMostUnits ? level : kMostUnits);
        }
    }
}

bool EdgeInk::bounds(int which, std::int64_t begin, std::int64_t n, int* out) const {
    const Bands& bands = of_shift_[static_cast<std::size_t>(which)];
    int any = 0;
    for (const int band : {bands.vertical, bands.horizontal})
        if (band >= 0)
            for (std::int64_t i = begin; i < begin + n; ++i) any |= bands_[static_cast<std::size_t>(band)].sums[static_cast<std::size_t>(i)];
    if (!any) return false;
    for (std::int64_t i = 0; i < n; ++i) out[i] = bound(which, begin + i);
    return true;
}

#define LOOKALIKE_SHIFTS_OF(T)                                                    \
    template void shift_image<T>(const Shifts&, Shift, const T*, T*); \
    template SumOf<T> lost<T>(const Shifts&, Shift, const T*);
LOOKALIKE_SHIFTS_OF(std::uint8_t)
LOOKALIKE_SHIFTS_OF(std::int8_t)
LOOKALIKE_SHIFTS_OF(std::int16_t)
LOOKALIKE_SHIFTS_OF(float)
LOOKALIKE_SHIFTS_OF(double)
#undef LOOKALIKE_SHIFTS_OF

}  // namespace lookalike
