// Which table of kernels this process uses.
#pragma once

#include <string>
#include <vector>

#include "kernels.hpp"

namespace lookalike {

// Tables that this build has and this CPU can run, fastest first; the last is "portable".
const std::vector<const Kernels*>& available_kernels();

// The table called `name`; throws std::invalid_argument naming those there are.
const Kernels& kernels_named(const std::string& name);

}  // namespace lookalike
