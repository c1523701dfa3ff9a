// Every table of kernels against loops that are obviously right, at sizes around the lanes.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "check.hpp"
#include "dispatch.hpp"
#include "index.hpp"
#include "pairs.hpp"
#include "topk.hpp"

using namespace lookalike;

namespace {

std::mt19937_64 random_bits(0);
const std::int64_t kSizes[] = {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 784, 16385};

template <class T> std::vector<T> values(std::int64_t n, int kind) {
    std::vector<T> out(static_cast<std::size_t>(n));
    for (T& value : out) {
        if constexpr (std::is_integral_v<T>) {
            const int low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
            const int any = low + static_cast<int>(random_bits() % static_cast<unsigned>(high - low + 1));
            value = static_cast<T>(kind == 0 ? any : kind == 1 ? (random_bits() & 1 ? low : high) : high);
        } else {
            value = static_cast<T>(std::normal_distribution<double>(kind, kind + 1)(random_bits));
        }
    }
    return out;
}

template <class T, class Sum> void check_distances(const Distances<T, Sum>& kernels, bool exact) {
    for (const std::int64_t d : kSizes)
        for (int kind = 0; kind < 3; ++kind) {
            const auto a = values<T>(d, kind), b = kind == 2 ? values<T>(d, 1) : values<T>(d, kind);
            Sum squared = 0, dot = 0, manhattan = 0, size = 0;
            for (std::int64_t i = 0; i < d; ++i) {
                const Sum x = static_cast<Sum>(a[i]), y = static_cast<Sum>(b[i]);
                squared += (x - y) * (x - y);
                dot += x * y;
                size += x * y < 0 ? -x * y : x * y;
                manhattan += x > y ? x - y : y - x;
            }
            const auto equal = [exact](Sum found, Sum wanted, Sum scale) {
                return exact ? found == wanted
                             : std::abs(static_cast<double>(found - wanted)) <= 1e-12 * static_cast<double>(scale);
            };
            CHECK(equal(kernels.squared(a.data(), b.data(), d), squared, squared));
            CHECK(equal(kernels.dot(a.data(), b.data(), d), dot, size));
            const Sum none = unknown_distance<Sum>();
            CHECK(equal(kernels.manhattan(a.data(), b.data(), d, none), manhattan, manhattan));
            if (manhattan > 2) CHECK(kernels.manhattan(a.data(), b.data(), d, manhattan / 2) > manhattan / 2);
            CHECK(equal(kernels.manhattan(a.data(), b.data(), d, manhattan), manhattan, manhattan));
        }
}

template <class T, class Sum> void check_within(const Distances<T, Sum>& kernels) {
    for (const std::int64_t d : kSizes) {
        auto a = values<T>(d, 0);
        std::replace(a.begin(), a.end(), T{0}, T{1});
        const auto [least, most] = std::minmax_element(a.begin(), a.end());
        const double low = static_cast<double>(*least), high = static_cast<double>(*most), middle = (low + high) / 2;
        CHECK(kernels.within(a.data(), d, low, high, 0));
        CHECK_EQUAL(kernels.within(a.data(), d, middle, high, 0), low == high);
        CHECK_EQUAL(kernels.within(a.data(), d, low, middle, 0), low == high);
        CHECK(!kernels.within(a.data(), d, low, high, std::max(std::abs(low), std::abs(high)) * 2));
        for (const std::int64_t place : {std::int64_t{0}, d / 2, d - 1}) {
            T& value = a[static_cast<std::size_t>(place)];
            const T kept = value;
            value = 0;
            CHECK(kernels.within(a.data(), d, std::min(low, 0.0), std::max(high, 0.0), 1e-9));
            if constexpr (!std::is_integral_v<T>) {
                value = static_cast<T>(1e-9);
                CHECK(!kernels.within(a.data(), d, std::min(low, 0.0), std::max(high, 1.0), 1e-8));
                value = std::numeric_limits<T>::quiet_NaN();
                CHECK(!kernels.within(a.data(), d, -HUGE_VAL, HUGE_VAL, 0));
            }
            value = kept;
        }
    }
}

// One row and many of them: the same bits as in pairs, or anything greater than the limit.
template <class T, class Sum> void check_rows(const Distances<T, Sum>& kernels) {
    const std::int64_t n = 45;
    std::vector<Sum> pairs(n), found(n);
    const auto compare = [&](RowsKernel<T, Sum> of_rows, const T* a, const T* b, std::int64_t d, Sum limit) {
        of_rows(a, b, n, d, limit, found.data());
        for (std::int64_t i = 0; i < n; ++i) CHECK(found[i] == pairs[i] || (found[i] > limit && pairs[i] > limit));
    };
    const Sum none = unknown_distance<Sum>();
    for (std::int64_t d = 1; d < 200; d += d < 40 ? 1 : 37)
        for (int kind = 0; kind < 3; ++kind) {
            const auto a = values<T>(d, kind), b = values<T>(n * d, kind);
            const auto check_limits = [&](RowsKernel<T, Sum> of_rows, auto pair) {
                for (std::int64_t i = 0; i < n; ++i) pairs[i] = pair(a.data(), b.data() + i * d);
                for (const Sum limit : {none, pairs[0], pairs[n / 2], Sum{0}}) compare(of_rows, a.data(), b.data(), d, limit);
            };
            check_limits(kernels.squared_of_rows, [&](const T* x, const T* y) { return kernels.squared(x, y, d); });
            check_limits(kernels.manhattan_of_rows, [&](const T* x, const T* y) { return kernels.manhattan(x, y, d, none); });
            for (std::int64_t i = 0; i < n; ++i) pairs[i] = kernels.dot(a.data(), b.data() + i * d, d);
            compare(kernels.dots_of_rows, a.data(), b.data(), d, none);
        }
}

// Near the ends of the range of floats, squares overflow or underflow; no bound may exceed the exact sum.
void check_rows_near_the_range(const Distances<float, double>& kernels) {
    for (const float scale : {1e-42f, 1e-30f, 1e-22f, 1e18f, 1e19f, 1e38f}) {
        const std::int64_t n = 200, d = 70;
        auto a = values<float>(d, 0), b = values<float>(n * d, 0);
        for (float& x : a) x *= scale;
        for (float& x : b) x = std::clamp(x * scale, -3e38f, 3e38f);
        for (float& x : a) x = std::clamp(x, -3e38f, 3e38f);
        std::vector<double> found(n);
        for (std::int64_t i = 0; i < n; ++i) {
            const double limit = kernels.squared(a.data(), b.data() + i * d, d);
            kernels.squared_of_rows(a.data(), b.data() + i * d, 1, d, limit, found.data());
            CHECK_EQUAL(found[0], limit);
            const double size = kernels.manhattan(a.data(), b.data() + i * d, d, 1e300);
            kernels.manhattan_of_rows(a.data(), b.data() + i * d, 1, d, size, found.data());
            CHECK_EQUAL(found[0], size);
        }
    }
}

// The bits of every float result are those of the portable table.
template <class T> void check_same_bits(const Distances<T, double>& kernels, const Distances<T, double>& portable) {
    for (const std::int64_t d : kSizes) {
        const auto a = values<T>(d, 0), b = values<T>(d, 1);
        CHECK_EQUAL(kernels.squared(a.data(), b.data(), d), portable.squared(a.data(), b.data(), d));
        CHECK_EQUAL(kernels.dot(a.data(), b.data(), d), portable.dot(a.data(), b.data(), d));
        CHECK_EQUAL(kernels.manhattan(a.data(), b.data(), d, 1e300), portable.manhattan(a.data(), b.data(), d, 1e300));
    }
}

void check_words(const Kernels& kernels) {
    for (const int n : {1, 15, 16, 17, 100}) {
        const std::vector<float> x = values<float>(n, 0);
        std::vector<std::int16_t> words(x.size());
        const float step = 1e-4f;
        const double off = kernels.quantise_words(x.data(), n, step, 32767, words.data());
        double expected = 0, square = 0;
        bool right = true;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const double error = static_cast<double>(x[i]) - static_cast<double>(step) * words[i];
            expected += error * error;
            square += static_cast<double>(x[i]) * static_cast<double>(x[i]);
            right &= std::abs(error) < 0.501 * static_cast<double>(step) || std::abs(words[i]) == 32767;
        }
        CHECK(right);
        // A step times a word is rounded to float.
        CHECK(std::abs(std::sqrt(off) - std::sqrt(expected)) <= 1e-5 * std::sqrt(expected) + 2.0 / (1 << 24) * std::sqrt(square));
    }
}

void check_select(const Kernels& kernels) {
    for (const int n : {kSelectionStep, 8 * kSelectionStep}) {
        std::vector<std::int32_t> products(static_cast<std::size_t>(n)), found(products.size()), expected;
        for (auto& product : products) product = static_cast<std::int32_t>(random_bits() % 2001) - 1000;
        const std::vector<float> steps = values<float>(n, 0), errors = values<float>(n, 1);
        std::vector<float> squares = values<float>(n, 0);
        squares[3] = std::numeric_limits<float>::infinity();
        squares[5] = -squares[3];
        for (const float least : {-squares[3], -100.0f, 0.0f, 1e9f}) {
            expected.clear();
            for (int i = 0; i < n; ++i)
                if (steps[i] * 0.5f * static_cast<float>(products[i]) + errors[i] * 2.0f - squares[i] - least >= 0) expected.push_back(i);
            found.resize(products.size());
            found.resize(static_cast<std::size_t>(kernels.select({products.data(), steps.data(), errors.data(), squares.data(), n, 0.5f, 2.0f, least}, found.data())));
            CHECK(found == expected);
        }
    }
}

// A rotation changes no distance, and is the same on every table, to the last bit.
void check_rotation(const Kernels& kernels, const Kernels& portable) {
    for (const int d : {1, 2, 3, 16, 40, 255, 256, 300, 768, 1024, 1000}) {
        std::vector<float> x = values<float>(d, 0), signs(x.size()), scratch(x.size());
        for (auto& sign : signs) sign = random_bits() & 1 ? 1.0f : -1.0f;
        std::vector<float> rotated = x, again = x;
        kernels.rotate(rotated.data(), signs.data(), d, scratch.data());
        portable.rotate(again.data(), signs.data(), d, scratch.data());
        CHECK(rotated == again);
        double before = 0, after = 0;
        for (int i = 0; i < d; ++i) {
            before += static_cast<double>(x[i]) * static_cast<double>(x[i]);
            after += static_cast<double>(rotated[i]) * static_cast<double>(rotated[i]);
        }
        CHECK(std::abs(after - before) <= 1e-5 * before);
    }
}

// Sums of absolute differences and their thresholds, with every number of queries around the tiles.
void check_absolute_filter(const Kernels& kernels) {
    for (const int width : {0, 8, 16, 40, 784})
        for (const int n_queries : {1, 2, 3, 7, 8, 9, 17})
            for (const bool extreme : {false, true}) {
                constexpr int kPanels = 5, kRows = kPanels * kPanelRows;
                Aligned<std::int8_t> panels(static_cast<std::size_t>(kRows * width));
                Aligned<std::int32_t> penalties(kRows);
                std::vector<std::int32_t> thresholds(static_cast<std::size_t>(n_queries)), chosen(thresholds.size());
                std::vector<std::uint8_t> queries(static_cast<std::size_t>(n_queries * width));
                const auto byte = [=] { return static_cast<std::uint8_t>(extreme ? (random_bits() & 1 ? 255 : 0) : random_bits() % 256); };
                for (auto& value : queries) value = byte();
                for (auto& value : panels) value = static_cast<std::int8_t>(byte());
                for (auto& value : penalties) value = static_cast<std::int32_t>(random_bits() % 500) - 250;
                for (auto& value : thresholds) value = -static_cast<std::int32_t>(random_bits() % static_cast<unsigned>(170 * width + 2));
                for (int i = 0; i < n_queries; ++i) chosen[i] = n_queries - 1 - i;
                for (const int begin : {0, 3}) {
                    std::vector<std::tuple<int, int, int>> wanted, found;
                    for (int q = 0; q < n_queries; ++q)
                        for (int row = begin * kPanelRows; row < kRows; ++row) {
                            int score = -penalties[row - begin * kPanelRows];
                            for (int j = 0; j < width; ++j) {
                                const int at = row / kPanelRows * (kPanelRows * width) + j / kAbsoluteStep * (kPanelRows * kAbsoluteStep) +
                                               row % kPanelRows * kAbsoluteStep + j % kAbsoluteStep;
                                score -= std::abs(queries[q * width + j] - static_cast<std::uint8_t>(panels[at]));
                            }
                            if (score >= thresholds[q]) wanted.emplace_back(q, row, score);
                        }
                    std::vector<Survivor> pairs(static_cast<std::size_t>(n_queries * kRows));
                    std::vector<std::int32_t> scores(pairs.size());
                    const Filter filter{queries.data(), thresholds.data(), n_queries, width, panels.data(), penalties.data(), chosen.data(), true, scores.data()};
                    const std::size_t count = kernels.absolute_filter(filter, begin, kPanels, pairs.data());
                    for (std::size_t i = 0; i < count; ++i) found.emplace_back(pairs[i].query, pairs[i].row, scores[i]);
                    std::sort(found.begin(), found.end());
                    CHECK(found == wanted);
                }
            }
}

void check_levels(const Kernels& kernels) {
    for (const int n : {1, 7, 15, 16, 17, 33, 100}) {
        const std::vector<double> sums = values<double>(n, 2), lows(sums.size(), -1.0), highs(sums.size(), 3.0);
        std::vector<std::int32_t> levels(sums.size());
        const double step = 0.01, error = kernels.round_levels(sums.data(), lows.data(), highs.data(), n, 1 / step, levels.data());
        double wanted = 0;
        for (int i = 0; i < n; ++i) {
            const double exact = (std::min(std::max(sums[i], -1.0), 3.0) + 1.0) * (1 / step);
            CHECK_EQUAL(levels[i], static_cast<std::int32_t>(std::nearbyint(exact)));
            wanted += std::abs(exact - std::nearbyint(exact));
        }
        CHECK(std::abs(error - wanted) <= 1e-9 * (1 + wanted));
    }
}

void check_filter(const Kernels& kernels) {
    for (const int width : {4, 8, 12, 16, 40, 64, 512})
        for (const int n_queries : {1, 2, 3, 4, 5, 6, 7, 13})
            for (const int extreme : {0, 1}) {
                constexpr int kRows = 2 * kPanelRows * kPanelGroup;
                Aligned<std::int8_t> panels(static_cast<std::size_t>(kRows * width));
                Aligned<std::int32_t> penalties(kRows), thresholds(static_cast<std::size_t>(n_queries));
                std::vector<std::uint8_t> queries(static_cast<std::size_t>(n_queries * width));
                std::vector<int> level(queries.size());
                for (auto& byte : panels)
                    byte = static_cast<std::int8_t>(extreme ? (random_bits() & 1 ? 127 : -127)
                                                            : static_cast<int>(random_bits() % 255) - 127);
                for (std::size_t i = 0; i < queries.size(); ++i) {
                    const int most = kernels.query_levels;
                    level[i] = extreme ? (random_bits() & 1 ? most : -most)
                                       : static_cast<int>(random_bits() % static_cast<unsigned>(2 * most + 1)) - most;
                    queries[i] = static_cast<std::uint8_t>(level[i] + kernels.query_offset);
                }
                const auto coordinate = [&](int row, int j) {
                    return panels[static_cast<std::size_t>(row / kPanelRows * (kPanelRows * width) +
                                                           j / kPanelStep * (kPanelRows * kPanelStep) +
                                                           row % kPanelRows * kPanelStep + j % kPanelStep)];
                };
                std::vector<std::int32_t> own(kRows);
                for (int row = 0; row < kRows; ++row) {
                    own[row] = static_cast<std::int32_t>(random_bits() % 5000);
                    penalties[row] = own[row];
                    for (int j = 0; j < width; ++j) penalties[row] += kernels.query_offset * coordinate(row, j);
                }
                for (auto& t : thresholds) t = static_cast<std::int32_t>(random_bits() % 20000) - 10000;
                thresholds[0] = -(1 << 29) - (1 << 28);  // accept all

                const Filter filter{queries.data(), thresholds.data(), n_queries, width, panels.data(), penalties.data()};
                std::vector<Survivor> found(static_cast<std::size_t>(n_queries * kRows));
                // In two parts: the penalties start with the first row that a call visits.
                constexpr std::int64_t kPanels = kRows / kPanelRows, kMiddle = kPanels / kPanelGroup / 2 * kPanelGroup;
                std::size_t count = kernels.filter(filter, 0, kMiddle, found.data());
                Filter rest = filter;
                rest.penalties += kMiddle * kPanelRows;
                count += kernels.filter(rest, kMiddle, kPanels, found.data() + count);
                found.resize(count);
                Filter with_scores = filter;
                std::vector<std::int32_t> scores(static_cast<std::size_t>(n_queries * kRows));
                with_scores.scores = scores.data();
                std::vector<Survivor> scored_pairs(scores.size());
                scored_pairs.resize(kernels.filter(with_scores, 0, kPanels, scored_pairs.data()));
                CHECK_EQUAL(scored_pairs.size(), count);
                std::map<std::tuple<int, int>, std::int32_t> score_of_pair;
                for (std::size_t i = 0; i < scored_pairs.size(); ++i)
                    score_of_pair[std::make_tuple(scored_pairs[i].query, scored_pairs[i].row)] = scores[i];
                // Of some queries, the same.
                std::vector<std::int32_t> chosen;
                for (int q = n_queries - 1; q >= 0; q -= 2) chosen.push_back(q);
                Filter some = filter;
                some.n_queries = static_cast<int>(chosen.size());
                some.chosen = chosen.data();
                std::vector<Survivor> of_some(static_cast<std::size_t>(n_queries * kRows));
                of_some.resize(kernels.filter(some, 0, kPanels, of_some.data()));
                std::size_t wanted = 0;
                for (const Survivor s : found) wanted += static_cast<std::size_t>(s.query % 2 == (n_queries - 1) % 2);
                CHECK_EQUAL(of_some.size(), wanted);
                for (const Survivor s : of_some)
                    CHECK(std::any_of(found.begin(), found.end(), [&](Survivor t) { return s.query == t.query && s.row == t.row; }));

                // Without pairs, one at least of each query and group of panels that has any.
                some.pairs = false;
                std::vector<Survivor> of_groups(static_cast<std::size_t>(n_queries * kRows));
                of_groups.resize(kernels.filter(some, 0, kPanels, of_groups.data()));
                const auto group_of = [](Survivor s) { return std::make_tuple(s.query, s.row / (kPanelRows * kPanelGroup)); };
                std::set<std::tuple<int, int>> groups, wanted_groups;
                for (const Survivor s : of_groups) groups.insert(group_of(s));
                for (const Survivor s : of_some) wanted_groups.insert(group_of(s));
                CHECK(groups == wanted_groups);

                std::vector<char> kept(static_cast<std::size_t>(n_queries * kRows), 0);
                bool right = true;
                std::vector<std::int32_t> last_panel(static_cast<std::size_t>(n_queries), 0);
                for (const Survivor s : found) {
                    ++kept[static_cast<std::size_t>(s.query * kRows + s.row)];
                    right &= s.row / kPanelRows >= last_panel[s.query];
                    last_panel[s.query] = s.row / kPanelRows;
                }
                for (int q = 0; q < n_queries; ++q) {
                    std::vector<Scored> scored(kRows);
                    scored.resize(kernels.scores(filter, q, 0, kMiddle, thresholds[q], scored.data()));
                    const auto total = scored.size();
                    scored.resize(kRows);
                    scored.resize(total + kernels.scores(rest, q, kMiddle, kPanels, thresholds[q], scored.data() + total));
                    std::map<std::int32_t, std::int32_t> score_of;
                    for (const Scored& s : scored) score_of[s.row] = s.score;
                    right &= score_of.size() == scored.size();
                    for (int row = 0; row < kRows; ++row) {
                        std::int32_t score = -own[row];
                        for (int j = 0; j < width; ++j) score += level[q * width + j] * coordinate(row, j);
                        right &= kept[q * kRows + row] == (score >= thresholds[q]);
                        right &= score_of.count(row) == static_cast<std::size_t>(score >= thresholds[q]);
                        if (score_of.count(row)) right &= score_of[row] == score;
                        if (kept[q * kRows + row]) right &= score_of_pair.at(std::make_tuple(q, row)) == score;
                    }
                }
                CHECK(right);
            }
}

void check_coarse(const Kernels& kernels) {
    for (const int head : {1, 2, 3})
        for (const int tail : {1, 6}) {
            const int coordinates = (head + tail) * kCoarseStep;
            const int width = (coordinates + kCoarseLine - 1) / kCoarseLine * kCoarseLine;
            constexpr int kRows = 21;
            auto queries = values<std::int8_t>(3 * width, 0), rows = values<std::int8_t>(kRows * width, 0);
            for (auto* bytes : {&queries, &rows})
                for (std::size_t i = 0; i < bytes->size(); ++i)
                    if (static_cast<int>(i) % width >= coordinates) (*bytes)[i] = 0;
            const float radii[] = {0.0f, 900.0f, std::numeric_limits<float>::infinity()};
            std::vector<float> errors(kRows, 1.0f);
            const CoarseFilter filter{queries.data(), radii, rows.data(), errors.data(), kRows, width, head, tail, 1.0f, 0.25f};
            std::vector<Survivor> pairs;
            for (int q = 0; q < 3; ++q)
                for (int row = 0; row < kRows + 2; ++row) pairs.push_back({q, row});  // two of padding
            const auto all = pairs;
            std::vector<float> squares(pairs.size());
            pairs.resize(kernels.coarse_filter(filter, pairs.data(), pairs.size(), squares.data()));
            std::size_t next = 0;
            for (const Survivor pair : all) {
                if (pair.row >= kRows) continue;
                double square = 0;
                for (int j = 0; j < width; ++j) {
                    const double difference = queries[pair.query * width + j] - rows[pair.row * width + j];
                    square += (j < head * kCoarseStep ? 1.0 : 0.25) * difference * difference;
                }
                if (std::sqrt(square) > radii[pair.query] + 1.001) continue;
                CHECK(next < pairs.size() && pairs[next].query == pair.query && pairs[next].row == pair.row);
                CHECK(std::abs(squares[next] - square) <= 1e-5 * square);
                ++next;
            }
            CHECK_EQUAL(next, pairs.size());
        }
}

void check_project(const Kernels& kernels, const Kernels& portable) {
    for (const std::int64_t d : {1, 15, 128, 129, 700})
        for (const int n_rows : {1, 3, 4, 6, 13})
            for (const int columns : {kColumnStep, 3 * kColumnStep}) {
                const auto rows = values<float>(n_rows * d, 0), basis = values<float>(d * columns, 0);
                std::vector<float> out(static_cast<std::size_t>(n_rows * columns));
                kernels.project(rows.data(), n_rows, d, basis.data(), columns, out.data());
                bool right = true;
                for (int i = 0; i < n_rows; ++i)
                    for (int j = 0; j < columns; ++j) {
                        double sum = 0, size = 0;
                        for (std::int64_t k = 0; k < d; ++k) {
                            const double term = static_cast<double>(rows[i * d + k]) * static_cast<double>(basis[basis_place(k, j, d)]);
                            sum += term;
                            size += std::abs(term);
                        }
                        right &= std::abs(out[i * columns + j] - sum) <= 300 * 6e-8 * size;
                    }
                CHECK(right);
                // Rounded one by one, each row by itself.
                std::vector<float> all(out.size()), alone(out.size());
                kernels.multiply(rows.data(), n_rows, d, basis.data(), columns, all.data());
                for (int i = 0; i < n_rows; ++i) portable.multiply(rows.data() + i * d, 1, d, basis.data(), columns, alone.data() + i * columns);
                CHECK(all == alone);
            }
}

void check_project_pairs(const Kernels& kernels) {
    for (const std::int64_t d : {1, 15, 128, 129, 350})
        for (const int n_rows : {1, 3, 4, 6, 13})
            for (const int columns : {kColumnStep, 3 * kColumnStep}) {
                const auto word = [](int most) {
                    const auto one = [=] { return static_cast<int>(random_bits() % static_cast<unsigned>(2 * most + 1)) - most; };
                    const int first = one();
                    return pair_of(first, one());
                };
                std::vector<std::int32_t> rows(static_cast<std::size_t>(n_rows * d)), basis(static_cast<std::size_t>(d * columns));
                for (auto& w : rows) w = word(255);
                for (auto& w : basis) w = word(32767 / 4);  // so that no sum leaves 32 bits
                std::vector<std::int32_t> out(static_cast<std::size_t>(n_rows * columns));
                kernels.project_pairs(rows.data(), n_rows, d, basis.data(), columns, out.data());
                bool right = true;
                for (int i = 0; i < n_rows; ++i)
                    for (int j = 0; j < columns; ++j) {
                        std::int64_t sum = 0;
                        for (std::int64_t k = 0; k < d; ++k) {
                            std::int16_t a[2], b[2];
                            std::memcpy(a, &rows[i * d + k], sizeof a);
                            std::memcpy(b, &basis[basis_place(k, j, d)], sizeof b);
                            sum += a[0] * b[0] + a[1] * b[1];
                        }
                        right &= out[i * columns + j] == sum;
                    }
                CHECK(right);
            }
}

}  // namespace

int main() {
    const Kernels& portable = *available_kernels().back();
    for (const Kernels* kernels : available_kernels()) {
        std::cout << kernels->name << '\n';
        check_distances(kernels->u8, true);
        check_within(kernels->u8);
        check_rows(kernels->u8);
        check_distances(kernels->i8, true);
        check_within(kernels->i8);
        check_rows(kernels->i8);
        check_distances(kernels->i16, true);
        check_within(kernels->i16);
        check_rows(kernels->i16);
        check_distances(kernels->f32, false);
        check_within(kernels->f32);
        check_rows(kernels->f32);
        check_distances(kernels->f64, false);
        check_within(kernels->f64);
        check_rows(kernels->f64);
        check_rows_near_the_range(kernels->f32);
        check_same_bits(kernels->f32, portable.f32);
        check_same_bits(kernels->f64, portable.f64);
        check_words(*kernels);
        check_select(*kernels);
        check_filter(*kernels);
        check_absolute_filter(*kernels);
        check_levels(*kernels);
        check_rotation(*kernels, portable);
        check_coarse(*kernels);
        check_project(*kernels, portable);
        check_project_pairs(*kernels);
    }
    return report();
}
