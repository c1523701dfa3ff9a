// Vectors aligned to cache lines: the widest loads then never straddle two lines. Large vectors ask
// for huge pages, so that access to distant rows needs no walk through the page tables.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace lookalike {

template <class T> struct AlignedAllocator {
    using value_type = T;
    AlignedAllocator() = default;
    template <class U> AlignedAllocator(const AlignedAllocator<U>&) {}
    T* allocate(std::size_t n) {
        const std::size_t bytes = n * sizeof(T);
        void* p = ::operator new(bytes, alignment(bytes));
#ifdef __linux__
        if (bytes >= kHugePage) madvise(p, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);  // optional
#endif
        return static_cast<T*>(p);
    }
    void deallocate(T* p, std::size_t n) { ::operator delete(p, alignment(n * sizeof(T))); }
    template <class U> bool operator==(const AlignedAllocator<U>&) const { return true; }
    template <class U> bool operator!=(const AlignedAllocator<U>&) const { return false; }

private:
    static constexpr std::size_t kHugePage = std::size_t{1} << 21;
    static std::align_val_t alignment(std::size_t bytes) { return std::align_val_t{bytes >= kHugePage ? kHugePage : 64}; }
};
template <class T> using Aligned = std::vector<T, AlignedAllocator<T>>;

}  // namespace lookalike
