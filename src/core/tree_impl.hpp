// One query beside kTreeLanes boxes or rows of a k-d tree (tree.hpp), for each number of values.
//
// The terms of a distance are summed in the order of sum_floats (kernels_impl.hpp): term j goes to
// lane j % 8, and lanes are added in pairs. Here every lane is a vector, of so many boxes or rows.
#pragma once

#include <cstdint>

#include "kernels.hpp"

namespace lookalike {
namespace {

template <class V> V tree_term(V difference, bool is_square) {
    return is_square ? V::multiply(difference, difference) : difference;
}

// The sum of the terms of lanes from, from + step … below 8, each lane with its terms j, j + 8 … below d.
template <class V, int d, int from, int step, class Term> V tree_sum(const Term& term) {
    if constexpr (step == 8) {
        V sum = term(from);
        if constexpr (from + 8 < d) sum = V::add(sum, term(from + 8));
        return sum;
    } else {
        const V sum = tree_sum<V, d, from, 2 * step>(term);
        if constexpr (from + step < d)
            return V::add(sum, tree_sum<V, d, from + step, 2 * step>(term));
        else
            return sum;
    }
}

template <class V, int d, bool is_square>
unsigned tree_boxes(const double* query, const double* boxes, double limit, double* bounds) {
    unsigned within = 0;
    for (int i = 0; i < kTreeLanes; i += V::width) {
        const V bound = tree_sum<V, d, 0, 1>([&](int j) {
            const V value = V::broadcast(query[j]), least = V::load(boxes + 2 * j * kTreeLanes + i),
                    most = V::load(boxes + (2 * j + 1) * kTreeLanes + i);
            const V outside = V::max(V::max(V::subtract(least, value), V::subtract(value, most)), V::broadcast(0));
            return tree_term(outside, is_square);
        });
        V::store(bounds + i, bound);
        within |= V::not_above(bound, limit) << i;
    }
    return within;
}

template <class V, int d, bool is_square>
unsigned tree_rows(const double* query, const double* rows, double limit, double* distances) {
    unsigned within = 0;
    for (int block = 0; block < kTreeLeaf; block += kTreeLanes, rows += d * kTreeLanes)
        for (int i = 0; i < kTreeLanes; i += V::width) {
            const V distance = tree_sum<V, d, 0, 1>([&](int j) {
                const V difference = V::subtract(V::broadcast(query[j]), V::load(rows + j * kTreeLanes + i));
                return tree_term(is_square ? difference : V::absolute(difference), is_square);
            });
            V::store(distances + block + i, distance);
            within |= V::not_above(distance, limit) << (block + i);
        }
    return within;
}

template <class V, int d = 1> void set_tree_kernels(TreeKernels* of_width) {
    of_width[d - 1] = {{tree_boxes<V, d, false>, tree_boxes<V, d, true>}, {tree_rows<V, d, false>, tree_rows<V, d, true>}};
    if constexpr (d < kMostTreeWidth) set_tree_kernels<V, d + 1>(of_width);
}

}  // namespace
}  // namespace lookalike
