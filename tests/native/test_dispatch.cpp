// The choice of a path: this build runs the paths it was made to run.
#include <stdexcept>
#include <string>

#include "check.hpp"
#include "dispatch.hpp"

using lookalike::available_kernels;
using lookalike::kernels_named;

int main() {
    const auto& kernels = available_kernels();
    CHECK_EQUAL(std::string(kernels.back()->name), "portable");
#if defined(LOOKALIKE_EMULATE_AVX512)
    CHECK_EQUAL(std::string(kernels.front()->name), "avx512vnni");
#elif defined(__aarch64__) && defined(__linux__)
    CHECK_EQUAL(std::string(kernels.front()->name), "neon");  // QEMU has the dot products
#endif
    for (const auto* table : kernels) CHECK(&kernels_named(table->name) == table);

    std::string message;
    try {
        kernels_named("avx1024");
    } catch (const std::invalid_argument& error) {
        message = error.what();
    }
    CHECK(message.find("'avx1024'") != std::string::npos);
    CHECK(message.find("portable") != std::string::npos);
    return report();
}
