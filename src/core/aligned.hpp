// Vectors aligned to cache lines: the widest loads then never straddle two lines. Large vectors ask
// for huge pages, so that access to distant rows needs no walk through the page tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace lookalike {

// Starts to read the pages of a mapped file from disk.
inline void read_ahead(const void* data, std::int64_t bytes) {
#ifdef __linux__
    constexpr std::uintptr_t kPage = 4096;
    const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(data) / kPage * kPage;
    madvise(reinterpret_cast<void*>(first), reinterpret_cast<std::uintptr_t>(data) + static_cast<std::size_t>(bytes) - first, MADV_WILLNEED);
#else
    (void)data;
    (void)bytes;
#endif
}

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

// Numbers of an index: owned, or in memory that the caller keeps, for example a mapped file. Only owned ones change;
// a new size makes them owned.
template <class T> class Stored {
public:
    const T* data() const { return kept_ ? kept_ : own_.data(); }
    const T* begin() const { return data(); }
    const T* end() const { return data() + size(); }
    const T& operator[](std::size_t i) const { return data()[i]; }
    std::size_t size() const { return kept_ ? n_kept_ : own_.size(); }
    std::size_t bytes() const { return (kept_ ? n_kept_ : own_.capacity()) * sizeof(T); }

    Aligned<T>& own() {
        if (kept_) {
            own_.assign(kept_, kept_ + n_kept_);
            kept_ = nullptr;
        }
        return own_;
    }
    void refer(const T* numbers, std::size_t n) {
        kept_ = numbers;
        n_kept_ = n;
        own_.clear();
    }

private:
    Aligned<T> own_;
    const T* kept_ = nullptr;
    std::size_t n_kept_ = 0;
};

}  // namespace lookalike
