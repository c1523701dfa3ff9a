#include "dispatch.hpp"

#include <stdexcept>

#if defined(_M_X64) || defined(__x86_64__)
#define LOOKALIKE_X86
#if defined(_MSC_VER)
#include <intrin.h>
#include <immintrin.h>
#else
#include <cpuid.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace lookalike {

const Kernels& portable_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512vnni_kernels();
const Kernels& neon_kernels();

namespace {

#ifdef LOOKALIKE_X86
struct Registers {
    unsigned a, b, c, d;
};

Registers cpuid(unsigned leaf) {
    Registers r{};
#if defined(_MSC_VER)
    int out[4];
    __cpuidex(out, static_cast<int>(leaf), 0);
    r = {static_cast<unsigned>(out[0]), static_cast<unsigned>(out[1]), static_cast<unsigned>(out[2]),
         static_cast<unsigned>(out[3])};
#else
    __get_cpuid_count(leaf, 0, &r.a, &r.b, &r.c, &r.d);
#endif
    return r;
}

// Registers that the operating system saves on a context switch (XCR0).
unsigned saved_registers() {
    if (!(cpuid(1).c >> 27 & 1)) return 0;  // OSXSAVE
#if defined(_MSC_VER)
    return static_cast<unsigned>(_xgetbv(0));
#else
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
#endif
}

bool has_avx2() {
    const bool fma = cpuid(1).c >> 12 & 1;
    return fma && (cpuid(7).b >> 5 & 1) && (cpuid(7).b >> 3 & 1) && (saved_registers() & 0x6) == 0x6;
}

bool has_avx512vnni() {
#ifdef LOOKALIKE_EMULATE_AVX512
    return true;
#else
    const Registers r = cpuid(7);
    const bool f = r.b >> 16 & 1, bw = r.b >> 30 & 1, vl = r.b >> 31 & 1, vnni = r.c >> 11 & 1;
    return has_avx2() && f && bw && vl && vnni && (saved_registers() & 0xe6) == 0xe6;
#endif
}
#endif

#ifdef __aarch64__
bool has_dot_product() {
#if defined(__linux__)
    return getauxval(AT_HWCAP) >> 20 & 1;  // HWCAP_ASIMDDP
#elif defined(__APPLE__)
    int value = 0;
    std::size_t size = sizeof value;
    return sysctlbyname("hw.optional.arm.FEAT_DotProd", &value, &size, nullptr, 0) == 0 && value;
#else
    return false;
#endif
}
#endif

std::vector<const Kernels*> find_kernels() {
    std::vector<const Kernels*> found;
#ifdef LOOKALIKE_X86
    if (has_avx512vnni()) found.push_back(&avx512vnni_kernels());
    if (has_avx2()) found.push_back(&avx2_kernels());
#endif
#ifdef __aarch64__
    if (has_dot_product()) found.push_back(&neon_kernels());
#endif
    found.push_back(&portable_kernels());
    return found;
}

}  // namespace

const std::vector<const Kernels*>& available_kernels() {
    static const std::vector<const Kernels*> found = find_kernels();
    return found;
}

const Kernels& kernels_named(const std::string& name) {
    std::string names;
    for (const Kernels* kernels : available_kernels()) {
        if (name == kernels->name) return *kernels;
        names += names.empty() ? kernels->name : std::string(", ") + kernels->name;
    }
    throw std::invalid_argument("no CPU path '" + name + "' here; available: " + names);
}

}  // namespace lookalike
