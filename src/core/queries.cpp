#include "queries.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lookalike {

namespace {

int shifts_of(const Index& index) { return index.shifts() ? index.shifts()->count() : 1; }

// The queries, each under all shifts in sequence.
Rows move_back(const Shifts& shifts, const Rows& queries, std::int64_t first, int n, Preparation& preparation,
               double* lost_of) {
    return visit(queries.dtype, [&](auto type) -> Rows {
        using T = decltype(type);
        const std::int64_t d = queries.d, n_shifts = shifts.count();
        preparation.shifted.resize(static_cast<std::size_t>(n * n_shifts * d) * sizeof(T) / sizeof(std::uint64_t) + 1);
        T* out = reinterpret_cast<T*>(preparation.shifted.data());
        for (int i = 0; i < n; ++i) {
            const T* image = static_cast<const T*>(queries.data) + (first + i) * d;
            for (const Shift by : shifts.list) {
                shift_image(shifts, by.back(), image, out);
                *lost_of++ = static_cast<double>(lost(shifts, by.back(), image));
                out += d;
            }
        }
        return {preparation.shifted.data(), n * n_shifts, d, queries.dtype};
    });
}

// Half the squared distances of projected queries to the centroids of all leaves, up to a constant per
// query: n x leaves.stride.
void leaf_distances(const Index& index, const Projected& projected, int n, std::vector<float>& out) {
    const Leaves& leaves = index.filter().leaves;
    const Projection& p = *index.projection();
    out.resize(static_cast<std::size_t>(n) * leaves.stride);
    index.kernels().project(projected.fine.data(), n, p.fine, leaves.centroids.data(), leaves.stride, out.data());
    const float unit = 1 / p.fine_scale;
    for (int i = 0; i < n; ++i) {
        float* const row = out.data() + static_cast<std::int64_t>(i) * leaves.stride;
        for (int leaf = 0; leaf < leaves.stride; ++leaf) row[leaf] = leaves.half_squares[leaf] - row[leaf] * unit;
    }
}

// The n_leaves nearest of `count` leaves, nearest first.
void nearest_leaves(const float* distances, int count, int n_leaves, std::vector<float>& least, std::vector<std::int32_t>& near,
                    std::int32_t* out) {
    // Deal the leaves to n_leaves hands in turn: no wanted leaf is farther than the farthest of the hands'
    // nearest ones. This bound leaves few to sort.
    least.assign(distances, distances + n_leaves);
    for (int start = n_leaves; start < count; start += n_leaves) {
        const int dealt = std::min(n_leaves, count - start);
        for (int i = 0; i < dealt; ++i) least[i] = std::min(least[i], distances[start + i]);
    }
    const float bound = *std::max_element(least.begin(), least.end());
    near.resize(static_cast<std::size_t>(count));
    int kept = 0;
    for (int leaf = 0; leaf < count; ++leaf) {
        near[kept] = leaf;
        kept += !(distances[leaf] > bound);
    }
    std::partial_sort_copy(near.begin(), near.begin() + kept, out, out + n_leaves,
                           [&](std::int32_t a, std::int32_t b) { return distances[a] < distances[b]; });
}

}  // namespace

FilterQueries::FilterQueries(const Index& index, std::int64_t n, int n_leaves_)
    : n_shifts(shifts_of(index)), n_leaves(n_leaves_), fine(index.kernels(), index.filter().fine, n * n_shifts),
      wide(index.kernels(), index.filter().wide, n * n_shifts) {
    const std::size_t count = static_cast<std::size_t>(n * n_shifts);
    coarse.resize(count * index.filter().coarse_width);
    coarse_errors.resize(count);
    lost.resize(index.shifts() ? count : 0);
    leaves.resize(count * n_leaves);
}

std::int64_t FilterQueries::bytes_of_one(const Index& index, int n_leaves) {
    const FilterRows& filter = index.filter();
    const std::int64_t each = QueryLevels::bytes_of_one(filter.fine) + QueryLevels::bytes_of_one(filter.wide) + filter.coarse_width +
                              2 * static_cast<int>(sizeof(double)) + n_leaves * static_cast<int>(sizeof(std::int32_t));
    return shifts_of(index) * each;
}

std::int64_t Preparation::bytes_of_one(const Index& index) {
    const std::int64_t floats = index.rows().d + 3 * index.projection()->stride + index.filter().leaves.stride;
    const std::int64_t copies = index.shifts() ? index.rows().d * static_cast<std::int64_t>(sizeof(double)) : 0;
    return shifts_of(index) * (floats * static_cast<std::int64_t>(sizeof(float)) + copies);
}

void prepare(const Index& index, const Rows& queries, std::int64_t first, std::int64_t begin, int n,
             Preparation& preparation, FilterQueries& out) {
    const Projection& p = *index.projection();
    const Kernels& kernels = index.kernels();
    const FilterRows& filter = index.filter();
    const std::int64_t place = begin * out.n_shifts, count = static_cast<std::int64_t>(n) * out.n_shifts;
    Rows rows = queries;
    preparation.ids.resize(static_cast<std::size_t>(count));
    std::iota(preparation.ids.begin(), preparation.ids.end(), index.shifts() ? 0 : first + begin);
    if (index.shifts()) rows = move_back(*index.shifts(), queries, first + begin, n, preparation, out.lost.data() + place);

    Projected& projected = preparation.projected;
    project(kernels, p, index.metric(), rows, preparation.ids.data(), static_cast<int>(count), projected);
    for (int i = 0; i < count; ++i) {
        const std::int64_t to = place + i;
        out.fine.put(kernels, filter.fine, to, projected.fine.data() + static_cast<std::int64_t>(i) * p.fine, projected.fine_rounding[i]);
        if (filter.wide.coordinates) {
            preparation.centred.resize(static_cast<std::size_t>(rows.d));
            centre(kernels, p, index.metric(), rows, preparation.ids[i], preparation.centred.data());
            out.wide.put(kernels, filter.wide, to, preparation.centred.data(), kOwnRounding * std::sqrt(projected.squares[i]));
        }
        if (filter.coarse_width)
            out.coarse_errors[to] = quantise_coarse(kernels, p, filter, projected, i, out.coarse.data() + to * filter.coarse_width);
    }
    leaf_distances(index, projected, static_cast<int>(count), preparation.leaf_distances);
    for (int i = 0; i < count; ++i)
        nearest_leaves(preparation.leaf_distances.data() + static_cast<std::int64_t>(i) * filter.leaves.stride,
                       static_cast<int>(filter.leaves.count()), out.n_leaves, preparation.least, preparation.leaves,
                       out.leaves.data() + (place + i) * out.n_leaves);
}

}  // namespace lookalike
