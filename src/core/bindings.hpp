// Helpers that all binding files share.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "parallel.hpp"

namespace lookalike {

// NumPy arrays with this many dimensions, read-only and writable.
template <class T, std::size_t Dimensions>
using Stack = nanobind::ndarray<const T, nanobind::ndim<Dimensions>, nanobind::c_contig, nanobind::device::cpu>;
template <class T, std::size_t Dimensions>
using MutableStack = nanobind::ndarray<T, nanobind::ndim<Dimensions>, nanobind::c_contig, nanobind::device::cpu>;

inline void require(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

// Handles Ctrl-C; watches every job that can take long.
inline void check_signals(std::int64_t) {
    const nanobind::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw nanobind::python_error();
}

// The watch of a job of this many steps, each a few nanoseconds. A job of some milliseconds needs no interruption, and
// starting the thread for the watch would take longer than comparing a single image.
inline Watch watch_of(std::size_t n_steps) {
    constexpr std::size_t kLittle = std::size_t{1} << 20;
    return n_steps <= kLittle ? Watch{} : Watch{check_signals};
}

void bind_cleaning(nanobind::module_& m);
void bind_matching(nanobind::module_& m);

}  // namespace lookalike
