// Choice of the table of kernels for this process.
#pragma once

#include <string>
#include <vector>

#include "kernels.hpp"

namespace lookalike {

// Tables of this build that this CPU can run, fastest first; the last is "portable".
const std::vector<const Kernels*>& available_kernels();

// The table called `name`; throws std::invalid_argument that lists the available ones.
const Kernels& kernels_named(const std::string& name);

}  // namespace lookalike
