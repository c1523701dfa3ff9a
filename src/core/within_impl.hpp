// Whether all values lie within limits, for all instruction sets; see kernels_impl.hpp.
#pragma once

#include <cstdint>

namespace lookalike {
namespace {

constexpr std::int64_t kWithinStep = 1024;  // values between two looks at the outcome, a loop without branches

// A type that holds the values of T and their negatives, and a mask of its size.
template <class T> struct WideOf { using Value = std::int32_t; using Mask = std::int32_t; };
template <> struct WideOf<float> { using Value = float; using Mask = std::int32_t; };
template <> struct WideOf<double> { using Value = double; using Mask = std::int64_t; };

template <class T> constexpr typename WideOf<T>::Value limit_of(double x) {
    if (sizeof(T) < 4) x = x < -65536 ? -65536 : x > 65536 ? 65536 : x;  // integers have 16 bits at most
    return static_cast<typename WideOf<T>::Value>(x);
}

template <class T> bool all_within(const T* values, std::int64_t n, double low, double high, double least) {
    using Wide = typename WideOf<T>::Value;
    const Wide first = limit_of<T>(low), last = limit_of<T>(high), smallest = limit_of<T>(least);
    for (std::int64_t start = 0; start < n; start += kWithinStep) {
        const std::int64_t stop = n < start + kWithinStep ? n : start + kWithinStep;
        typename WideOf<T>::Mask is_within = 1;
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
