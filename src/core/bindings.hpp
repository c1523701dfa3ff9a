// What the files of bindings share.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <stdexcept>

namespace lookalike {

inline void require(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

// Lets Ctrl-C through; watches every job that can be long.
inline void check_signals(std::int64_t) {
    const nanobind::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw nanobind::python_error();
}

void bind_cleaning(nanobind::module_& m);
void bind_matching(nanobind::module_& m);

}  // namespace lookalike
