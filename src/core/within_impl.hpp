// Whether all values lie within limits, for all instruction sets; see kernels_impl.hpp.
#pragma once

#include <cstdint>

namespace lookalike {
namespace {

constexpr std::int64_t kWithinStep = 1024;  // values between two looks at the outcome, a loop without branches

template <class T, class Wide> constexpr Wide limit_of(double x) {
    if (sizeof(Wide) > sizeof(T)) x = x < -65536 ? -65536 : x > 65536 ? 65536 : x;  // integers of up to 16 bits
    return static_cast<Wide>(x);
}

// Wide holds the values of T and their negatives, and Mask has its size.
template <class T, class Wide, class Mask>
bool all_within(const T* values, std::int64_t n, double low, double high, double least) {
    const Wide first = limit_of<T, Wide>(low), last = limit_of<T, Wide>(high), smallest = limit_of<T, Wide>(least);
    for (std::int64_t start = 0; start < n; start += kWithinStep) {
        const std::int64_t stop = n < start + kWithinStep ? n : start + kWithinStep;
        Mask is_within = 1;
        for (std::int64_t i = start; i < stop; ++i) {
            const Wide x = static_cast<Wide>(values[i]), magnitude = x < 0 ? -x : x;
            is_within &= (x >= first) & (x <= last) & ((magnitude >= smallest) | (x == 0));
        }
        if (!is_within) return false;
    }
    return true;
}

}  // namespace
}  // namespace lookalike
