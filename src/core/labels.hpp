// Labels of many outputs in bytes, for example the pixels of an image.
#pragma once

#include <cstdint>

#include "parallel.hpp"

namespace lookalike {

constexpr int kByteValues = 256;

// Marks the values that occur in each output with 1, others with 0.
//
// labels:  (n, m)
// present: (m, 256)
void find_labels(const std::uint8_t* labels, std::int64_t n, std::int64_t m, int n_threads, std::uint8_t* present,
                 const Watch& watch);

// Replaces each label by the value in a table.
//
// labels, out: (n, m)
// table:       (m, 256)
void replace_labels(const std::uint8_t* labels, std::int64_t n, std::int64_t m, const std::uint8_t* table, int n_threads,
                    std::uint8_t* out, const Watch& watch);

}  // namespace lookalike
