// Labels of many outputs, such as the pixels of an image, all of them bytes.
#pragma once

#include <cstdint>

#include "parallel.hpp"

namespace lookalike {

constexpr int kByteValues = 256;

// Which values come in each output: 1, else 0.
//
// labels:  (n, m)
// present: (m, 256)
void find_labels(const std::uint8_t* labels, std::int64_t n, std::int64_t m, int n_threads, std::uint8_t* present,
                 const Watch& watch);

// What a table says that each label is replaced with.
//
// labels, out: (n, m)
// table:       (m, 256)
void replace_labels(const std::uint8_t* labels, std::int64_t n, std::int64_t m, const std::uint8_t* table, int n_threads,
                    std::uint8_t* out, const Watch& watch);

}  // namespace lookalike
