// Vectors that start where a cache line does: the widest loads then never straddle two lines.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace lookalike {

template <class T> struct AlignedAllocator {
    using value_type = T;
    AlignedAllocator() = default;
    template <class U> AlignedAllocator(const AlignedAllocator<U>&) {}
    T* allocate(std::size_t n) {
        return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{64}));
    }
    void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t{64}); }
    template <class U> bool operator==(const AlignedAllocator<U>&) const { return true; }
    template <class U> bool operator!=(const AlignedAllocator<U>&) const { return false; }
};
template <class T> using Aligned = std::vector<T, AlignedAllocator<T>>;

}  // namespace lookalike
