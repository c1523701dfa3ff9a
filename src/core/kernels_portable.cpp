// The filter in plain C++: the reference for all other paths, and the path for other CPUs.
#include "kernels_impl.hpp"

namespace lookalike {
namespace {

struct Floats {
    using Word = float;
    using Sum = float;
    static constexpr int width = 8;
    float value[width];

    static Floats broadcast(float x) {
        Floats v;
        for (float& value : v.value) value = x;
        return v;
    }
    static Floats load(const float* p) {
        Floats v;
        for (int i = 0; i < width; ++i) v.value[i] = p[i];
        return v;
    }
    static void store(float* p, const Floats& v) {
        for (int i = 0; i < width; ++i) p[i] = v.value[i];
    }
    static Floats add(const Floats& a, const Floats& b) {
        Floats v;
        for (int i = 0; i < width; ++i) v.value[i] = a.value[i] + b.value[i];
        return v;
    }
    static Floats min(const Floats& a, const Floats& b) {
        Floats v;
        for (int i = 0; i < width; ++i) v.value[i] = a.value[i] < b.value[i] ? a.value[i] : b.value[i];
        return v;
    }
    static float least(const Floats& v) {
        float least = v.value[0];
        for (int i = 1; i < width; ++i) least = v.value[i] < least ? v.value[i] : least;
        return least;
    }
    static Floats multiply(const Floats& a, const Floats& b) {
        Floats v;
        for (int i = 0; i < width; ++i) v.value[i] = a.value[i] * b.value[i];
        return v;
    }
    static Floats multiply_add(const Floats& a, const Floats& b, const Floats& c) {
        Floats v;
        for (int i = 0; i < width; ++i) v.value[i] = a.value[i] * b.value[i] + c.value[i];
        return v;
    }
};

struct Doubles {
    static constexpr int width = 1;
    double value;
    static Doubles broadcast(double x) { return {x}; }
    static Doubles load(const double* p) { return {*p}; }
    static void store(double* p, Doubles v) { *p = v.value; }
    static Doubles add(Doubles a, Doubles b) { return {a.value + b.value}; }
    static Doubles subtract(Doubles a, Doubles b) { return {a.value - b.value}; }
    static Doubles multiply(Doubles a, Doubles b) { return {a.value * b.value}; }
    static Doubles max(Doubles a, Doubles b) { return {a.value > b.value ? a.value : b.value}; }
    static Doubles absolute(Doubles a) { return {a.value < 0 ? -a.value : a.value}; }
    static unsigned not_above(Doubles a, double limit) { return a.value <= limit; }
};

struct Pairs {
    using Word = std::int32_t;  // two 16-bit values
    using Sum = std::int32_t;
    static constexpr int width = 8;
    std::int32_t value[width];

    static Pairs broadcast(Word x) {
        Pairs v;
        for (std::int32_t& value : v.value) value = x;
        return v;
    }
    static Pairs load(const Word* p) {
        Pairs v;
        for (int i = 0; i < width; ++i) v.value[i] = p[i];
        return v;
    }
    static void store(Sum* p, const Pairs& v) {
        for (int i = 0; i < width; ++i) p[i] = v.value[i];
    }
    static Pairs add(const Pairs& a, const Pairs& b) {
        Pairs v;
        for (int i = 0; i < width; ++i) v.value[i] = a.value[i] + b.value[i];
        return v;
    }
    static std::int32_t first(Word x) { return static_cast<std::int16_t>(x); }
    static Pairs multiply_add(const Pairs& a, const Pairs& b, const Pairs& c) {
        Pairs v;
        for (int i = 0; i < width; ++i)
            v.value[i] = c.value[i] + first(a.value[i]) * first(b.value[i]) + (a.value[i] >> 16) * (b.value[i] >> 16);
        return v;
    }
};

void panel_dots(const std::uint8_t* query_bytes, int steps, const std::int8_t* panel, std::int32_t* dots) {
    const auto* query = reinterpret_cast<const std::int8_t*>(query_bytes);
    for (int row = 0; row < kPanelRows; ++row) dots[row] = 0;
    for (int step = 0; step < steps; ++step, query += kPanelStep)
        for (int row = 0; row < kPanelRows; ++row)
            for (int i = 0; i < kPanelStep; ++i) dots[row] += query[i] * *panel++;
}

struct Absolute {
    static constexpr int tile = 2;

    template <int n> static void sums(const std::uint8_t* const* queries, int steps, const std::int8_t* panel, std::int32_t* sums) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(panel);
        for (int i = 0; i < n * kPanelRows; ++i) sums[i] = 0;
        for (int step = 0; step < steps * kAbsoluteStep; step += kAbsoluteStep)
            for (int row = 0; row < kPanelRows; ++row, bytes += kAbsoluteStep)
                for (int i = 0; i < n; ++i)
                    for (int j = 0; j < kAbsoluteStep; ++j) {
                        const std::int32_t difference = queries[i][step + j] - bytes[j];
                        sums[i * kPanelRows + row] += difference < 0 ? -difference : difference;
                    }
    }
};

std::size_t filter(const Filter& f, std::int64_t begin, std::int64_t end, Survivor* out) {
    Survivor* const first = out;
    const std::int64_t panel_bytes = static_cast<std::int64_t>(f.width) * kPanelRows;
    for (int i = 0; i < f.n_queries; ++i) {
        const int q = f.query(i);
        const std::uint8_t* query = f.queries + static_cast<std::int64_t>(q) * f.width;
        for (std::int64_t panel = begin; panel < end; ++panel) {
            std::int32_t dots[kPanelRows];
            panel_dots(query, f.width / kPanelStep, f.panels + panel * panel_bytes, dots);
            for (int row = 0; row < kPanelRows; ++row) {
                const std::int64_t position = panel * kPanelRows + row;
                const std::int32_t score = dots[row] - f.penalties[position - begin * kPanelRows];
                if (score < f.thresholds[q]) continue;
                if (f.scores) f.scores[out - first] = score;
                *out++ = {q, static_cast<std::int32_t>(position)};
            }
        }
    }
    return static_cast<std::size_t>(out - first);
}

}  // namespace

const Kernels& portable_kernels() {
    static const Kernels kernels = [] {
        Kernels k = common_kernels<Floats, Doubles, Pairs, 2>();
        k.name = "portable";
        k.query_levels = 127;
        k.query_offset = 0;
        k.filter = filter;
        k.absolute_filter = absolute_filter<Absolute>;
        k.scores = scores_of_panels<panel_dots>;
        return k;
    }();
    return kernels;
}

}  // namespace lookalike
