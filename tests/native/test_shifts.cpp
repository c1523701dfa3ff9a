// Rows searched under shifts that are never stored, against a search of the shifted images themselves.
#include <algorithm>
#include <iostream>

#include "check.hpp"
#include "dispatch.hpp"
#include "tables.hpp"

using namespace lookalike;

namespace {

// Every row under every shift, shift by shift.
template <class T> Table<T> expand(const Table<T>& rows, const Shifts& shifts) {
    Table<T> all(0, rows.d, 1);
    all.n = rows.n * shifts.count();
    all.values.resize(static_cast<std::size_t>(all.n * all.d));
    T* out = all.values.data();
    for (const Shift by : shifts.list)
        for (std::int64_t i = 0; i < rows.n; ++i, out += rows.d) shift_image(shifts, by, rows.values.data() + i * rows.d, out);
    return all;
}

template <class T> void check_lost(const Shifts& shifts) {
    const Table<T> rows(10, shifts.height * shifts.width * shifts.channels, 100);
    const auto square = [&](const T* x) {
        SumOf<T> sum = 0;
        for (std::int64_t i = 0; i < rows.d; ++i) sum += static_cast<SumOf<T>>(x[i]) * static_cast<SumOf<T>>(x[i]);
        return static_cast<double>(sum);
    };
    std::vector<T> moved(static_cast<std::size_t>(rows.d));
    for (const Shift by : shifts.list)
        for (std::int64_t i = 0; i < rows.n; ++i) {
            const T* image = rows.values.data() + i * rows.d;
            shift_image(shifts, by, image, moved.data());
            const double wanted = square(image) - square(moved.data());
            CHECK(std::abs(static_cast<double>(lost(shifts, by, image)) - wanted) <= (std::is_integral_v<T> ? 0.0 : 1e-6 * square(image)));
            bool right = true;
            for (int y = 0; y < shifts.height; ++y)
                for (int x = 0; x < shifts.width; ++x)
                    for (int c = 0; c < shifts.channels; ++c) {
                        const int from_y = y - by.dy, from_x = x - by.dx;
                        const bool inside = from_y >= 0 && from_y < shifts.height && from_x >= 0 && from_x < shifts.width;
                        const T value = inside ? image[(from_y * shifts.width + from_x) * shifts.channels + c] : T{0};
                        right &= moved[(y * shifts.width + x) * shifts.channels + c] == value;
                    }
            CHECK(right);
        }
}

// `blank`: how many rows have nothing at their edges, as digits do.
template <class T>
void check_shifts(const Kernels& kernels, const Shifts& shifts, std::int64_t n, int fine, int columns, int spread,
                  double scale, std::int64_t blank) {
    const std::int64_t d = shifts.height * shifts.width * shifts.channels;
    Table<T> rows(n, d, spread), queries(8, d, spread);
    for (std::int64_t i = 0; i < blank; ++i)
        for (int y = 0; y < shifts.height; ++y)
            for (int x = 0; x < shifts.width; ++x)
                if (y < 2 || y >= shifts.height - 2 || x < 2 || x >= shifts.width - 2)
                    std::fill_n(rows.values.begin() + i * d + (y * shifts.width + x) * shifts.channels, shifts.channels, T{0});
    for (std::int64_t i = 0; i < 5; ++i) std::copy_n(rows.values.begin() + i * d, d, queries.values.begin() + i * d);  // radius 0

    Index index(kernels, Metric::squared_euclidean, rows.rows(n * 2 / 3), fine ? axes(d, fine, columns, scale) : nullptr, 2, {},
                std::make_unique<Shifts>(shifts));
    index.append(rows.rows(), 2, {});
    const Table<T> all = expand(rows, shifts);
    const Index expanded(kernels, Metric::squared_euclidean, all.rows(), nullptr, 2, {});

    std::vector<std::int64_t> row_groups, query_groups, all_groups;
    for (std::int64_t i = 0; i < n; ++i) row_groups.push_back(i % 4);
    for (std::int64_t i = 0; i < queries.n; ++i) query_groups.push_back(i % 5);
    for (int s = 0; s < shifts.count(); ++s) all_groups.insert(all_groups.end(), row_groups.begin(), row_groups.end());
    for (const bool grouped : {false, true})
        for (const std::int64_t k : {std::int64_t{6}, n == 30 ? n / 2 : 1}) {
            Request request{queries.rows(), k}, plain{queries.rows(), k};
            if (grouped) {
                request.query_groups = plain.query_groups = query_groups.data();
                request.row_groups = row_groups.data();
                plain.row_groups = all_groups.data();
            }
            const Found found = run(index, request), wanted = run(expanded, plain);
            CHECK(found.distances == wanted.distances);
            CHECK(found.rows == wanted.rows);
            if (k != 6 || !grouped) continue;
            request.n_threads = 3;
            request.working_memory = 1;
            const Found again = run(index, request);
            CHECK(again.distances == wanted.distances && again.rows == wanted.rows);
        }
}

Shifts square(int height, int width, int channels, int reach) {
    Shifts shifts{height, width, channels, {Shift{}}};
    for (int dy = -reach; dy <= reach; ++dy)
        for (int dx = -reach; dx <= reach; ++dx)
            if (dy || dx) shifts.list.push_back({dy, dx});
    return shifts;
}

template <class T> void check_dtype(const Kernels& kernels) {
    const int spread = std::is_integral_v<T> ? 200 : 3;
    const double scale = std::is_integral_v<T> ? 2.0 : 0.1;
    const Shifts one{8, 7, 1, {{}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}}};
    for (const std::int64_t n : {30, 140}) {
        check_shifts<T>(kernels, one, n, 0, 0, spread, scale, 0);
        check_shifts<T>(kernels, one, n, 12, 40, spread, scale, n);
        check_shifts<T>(kernels, one, n, 12, 40, spread, scale / 50, n / 2);
    }
    check_shifts<T>(kernels, one, 520, 12, 40, spread, scale, 400);
    check_shifts<T>(kernels, one, 100, 20, 20, spread, scale, 0);
    check_shifts<T>(kernels, one, 100, 56, 56, spread, scale, 100);
    check_shifts<T>(kernels, one, 150, 12, 40, 2, scale, 100);  // mostly ties
    check_shifts<T>(kernels, square(6, 5, 3, 1), 100, 12, 40, spread, scale, 0);
    check_shifts<T>(kernels, square(8, 7, 1, 6), 12, 12, 40, spread, scale, 6);
}

}  // namespace

int main() {
    for (const Shifts& shifts : {square(5, 6, 1, 2), square(4, 3, 3, 2), square(1, 9, 1, 1), square(7, 1, 2, 3)}) {
        check_lost<std::uint8_t>(shifts);
        check_lost<std::int8_t>(shifts);
        check_lost<std::int16_t>(shifts);
        check_lost<float>(shifts);
        check_lost<double>(shifts);
    }
    for (const Kernels* kernels : kernels_to_search_with()) {
        std::cout << kernels->name << '\n';
        check_dtype<std::uint8_t>(*kernels);
        check_dtype<std::int8_t>(*kernels);
        check_dtype<std::int16_t>(*kernels);
        check_dtype<float>(*kernels);
        check_dtype<double>(*kernels);
    }
    return report();
}
