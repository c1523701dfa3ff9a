// Bits of masks, for all instruction sets: in an unnamed namespace, for the reason that kernels_impl.hpp gives.
#pragma once

#include <cstdint>
#ifdef _MSC_VER
#include <intrin.h>
#endif

namespace lookalike {
namespace {

inline int lowest_bit(std::uint64_t mask) {
#ifdef _MSC_VER
    unsigned long bit;
    _BitScanForward64(&bit, mask);
    return static_cast<int>(bit);
#else
    return __builtin_ctzll(mask);
#endif
}

inline int count_bits(unsigned mask) {
#ifdef _MSC_VER
    return static_cast<int>(__popcnt(mask));
#else
    return __builtin_popcount(mask);
#endif
}

}  // namespace
}  // namespace lookalike
