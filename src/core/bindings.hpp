// What the files of bindings share.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "parallel.hpp"

namespace lookalike {

// NumPy's arrays of so many dimensions, to read and to write.
template <class T, std::size_t Dimensions>
using Stack = nanobind::ndarray<const T, nanobind::ndim<Dimensions>, nanobind::c_contig, nanobind::device::cpu>;
template <class T, std::size_t Dimensions>
using MutableStack = nanobind::ndarray<T, nanobind::ndim<Dimensions>, nanobind::c_contig, nanobind::device::cpu>;

inline void require(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

// Lets Ctrl-C through; watches every job that can be long.
inline void check_signals(std::int64_t) {
    const nanobind::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw nanobind::python_error();
}

// The watch of a job of so many steps, a nanosecond each or a few. What takes some milliseconds need not be interrupted,
// and to be watched it would need a thread of its own, which takes longer to start than a single image to compare.
inline Watch watch_of(std::size_t n_steps) {
    constexpr std::size_t kLittle = std::size_t{1} << 20;
    return n_steps <= kLittle ? Watch{} : Watch{check_signals};
}

void bind_cleaning(nanobind::module_& m);
void bind_matching(nanobind::module_& m);

}  // namespace lookalike
