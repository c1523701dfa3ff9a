// A fast orthogonal transform that makes the coordinates of any row similar in size.
//
// A row with a few coordinates much larger than the others needs large steps when it is quantised, and its
// bound is then loose. Random signs, followed by a Walsh-Hadamard transform, spread every coordinate over all
// (Ailon & Chazelle, 2009). The transform is of the greatest power of two that is at most d; other rows are
// transformed in two overlapping parts, the first of them once more at the end.
#pragma once

#include "kernels.hpp"

namespace lookalike {
namespace {

// The steps of the transform that combine values at least `least` places apart.
inline void combine(float* x, int n, int least) {
    for (int apart = n / 2; apart >= least; apart /= 2)
        for (int begin = 0; begin < n; begin += 2 * apart) {
            float* const a = x + begin;
            float* const b = a + apart;
            for (int i = 0; i < apart; ++i) {
                const float sum = a[i] + b[i], difference = a[i] - b[i];
                a[i] = sum;
                b[i] = difference;
            }
        }
}

// n is a power of two. Values fewer than a vector apart are moved apart first; their new order is of no account.
inline void transform(float* x, const float* signs, int n, float* scratch) {
    constexpr int kNear = 16;
    for (int i = 0; i < n; ++i) x[i] *= signs[i];
    float scale = 1;  // 1 / sqrt(n), rounded down: the transform must not lengthen a row
    for (int i = n; i > 1; i /= 4) scale *= i == 2 ? 0.70710677f : 0.5f;
    if (n < kNear * kNear) {
        combine(x, n, 1);
        for (int i = 0; i < n; ++i) x[i] *= scale;
        return;
    }
    combine(x, n, kNear);
    const int columns = n / kNear;
    for (int i = 0; i < columns; ++i)
        for (int j = 0; j < kNear; ++j) scratch[j * columns + i] = x[i * kNear + j];
    combine(scratch, n, columns);
    for (int i = 0; i < n; ++i) x[i] = scratch[i] * scale;
}

void rotate(float* x, const float* signs, int d, float* scratch) {
    int part = 1;
    while (part <= d / 2) part *= 2;
    transform(x, signs, part, scratch);
    if (part == d) return;
    transform(x + d - part, signs + d - part, part, scratch);
    transform(x, signs, part, scratch);
}

}  // namespace
}  // namespace lookalike
