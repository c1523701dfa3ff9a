#include "strokes.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace lookalike {
namespace {

constexpr std::int64_t kBlock = 64;
constexpr double kLeastVariance = 1e-4;

struct Moments {
    double mass, cx, cy, slant, vx, vy;
};

Moments moments_of(const Strokes& s, const std::uint8_t* image) {
    std::int64_t m = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0;
    for (std::int64_t i = 0; i < s.height; ++i) {
        std::int64_t row_m = 0, row_x = 0, row_xx = 0;
        for (std::int64_t j = 0; j < s.width; ++j) {
            std::int64_t value = 0;
            for (int c = 0; c < s.n_channels; ++c) value += *image++;
            row_m += value, row_x += value * j, row_xx += value * j * j;
        }
        m += row_m, x += row_x, xx += row_xx;
        y += row_m * i, yy += row_m * i * i, xy += row_x * i;
    }
    if (m == 0) return {};
    const auto real = [](std::int64_t value) { return static_cast<double>(value); };
    const double mass = real(m), cx = real(x) / mass, cy = real(y) / mass;
    const double sxx = real(xx) / mass - cx * cx, sxy = real(xy) / mass - cx * cy, syy = std::max(real(yy) / mass - cy * cy, kLeastVariance);
    const double slant = sxy / syy;
    return {mass, cx, cy, slant, std::max(sxx - 2 * slant * sxy + slant * slant * syy, kLeastVariance), syy};
}

// The two values of the frame on both sides of a position, and the weight of the second.
struct Between {
    std::int64_t first;
    float weight;
    explicit Between(double place) : first(static_cast<std::int64_t>(std::floor(place))) {
        weight = static_cast<float>(place - static_cast<double>(first));
    }
};

void normalize(const Strokes& s, const std::uint8_t* image, float* row, std::uint8_t* out) {
    const Moments moments = moments_of(s, image);
    const std::int64_t width = s.width, channels = s.n_channels, pitch = width * channels;
    if (moments.mass == 0) {
        std::copy(image, image + s.height * pitch, out);
        return;
    }
    const double sx = std::sqrt(std::sqrt(moments.vx) / s.target_x), sy = std::sqrt(std::sqrt(moments.vy) / s.target_y);
    for (int i = 0; i < s.height; ++i, out += pitch) {
        const double down = (i - 0.5 * (s.height - 1)) * sy;
        const Between y(moments.cy + down);
        std::fill(out, out + pitch, std::uint8_t{0});
        if (y.first < -1 || y.first >= s.height) continue;
        const std::uint8_t* const above = y.first >= 0 ? image + y.first * pitch : nullptr;
        const std::uint8_t* const below = y.first + 1 < s.height ? image + (y.first + 1) * pitch : nullptr;
        for (std::int64_t k = 0; k < pitch; ++k) {
            const float a = above ? static_cast<float>(above[k]) : 0.0f, b = below ? static_cast<float>(below[k]) : 0.0f;
            row[k] = a + y.weight * (b - a);
        }
        const double begin = moments.cx + moments.slant * down;
        for (std::int64_t j = 0; j < width; ++j) {
            const Between x(begin + (static_cast<double>(j) - 0.5 * static_cast<double>(width - 1)) * sx);
            if (x.first < -1 || x.first >= width) continue;
            for (std::int64_t c = 0; c < channels; ++c) {
                const float a = x.first >= 0 ? row[x.first * channels + c] : 0.0f;
                const float b = x.first + 1 < width ? row[(x.first + 1) * channels + c] : 0.0f;
                out[j * channels + c] = static_cast<std::uint8_t>(a + x.weight * (b - a) + 0.5f);
            }
        }
    }
}

template <class Each> void each_image(const Strokes& s, const std::uint8_t* images, std::int64_t n, int n_threads, const Watch& watch, Each each) {
    const std::int64_t size = static_cast<std::int64_t>(s.height) * s.width * s.n_channels;
    Job job;
    run_blocks(job, n_threads, (n + kBlock - 1) / kBlock, [&](const NextBlock& next) {
        std::vector<float> row(static_cast<std::size_t>(s.width) * static_cast<std::size_t>(s.n_channels));
        for (std::int64_t block; (block = next()) >= 0; job.done += kBlock)
            for (std::int64_t i = block * kBlock; i < std::min(n, (block + 1) * kBlock); ++i) each(i, images + i * size, row.data());
    }, watch);
}

}  // namespace

void normalize_strokes(const Strokes& s, const std::uint8_t* images, std::int64_t n, int n_threads, std::uint8_t* out, const Watch& watch) {
    const std::int64_t size = static_cast<std::int64_t>(s.height) * s.width * s.n_channels;
    each_image(s, images, n, n_threads, watch, [&](std::int64_t i, const std::uint8_t* image, float* row) { normalize(s, image, row, out + i * size); });
}

void stroke_extents(const Strokes& s, const std::uint8_t* images, std::int64_t n, int n_threads, double* out, const Watch& watch) {
    each_image(s, images, n, n_threads, watch, [&](std::int64_t i, const std::uint8_t* image, float*) {
        const Moments moments = moments_of(s, image);
        out[2 * i] = std::sqrt(moments.vx), out[2 * i + 1] = std::sqrt(moments.vy);
    });
}

}  // namespace lookalike
