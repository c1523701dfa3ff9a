#include "labels.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

namespace lookalike {

namespace {

constexpr std::int64_t kRowsAtOnce = 64;

}  // namespace

void find_labels(const std::uint8_t* labels, std::int64_t n, std::int64_t m, int n_threads, std::uint8_t* present,
                 const Watch& watch) {
    const std::size_t size = static_cast<std::size_t>(m) * kByteValues;
    std::fill_n(present, size, std::uint8_t{0});
    std::mutex mutex;
    Job job;
    run_blocks(job, n_threads, (n + kRowsAtOnce - 1) / kRowsAtOnce, [&](const NextBlock& next) {
        std::vector<std::uint8_t> own(size);
        for (std::int64_t block; (block = next()) >= 0;)
            for (std::int64_t i = block * kRowsAtOnce; i < std::min(n, (block + 1) * kRowsAtOnce); ++i)
                for (std::int64_t j = 0; j < m; ++j) own[j * kByteValues + labels[i * m + j]] = 1;
        const std::lock_guard lock(mutex);
        for (std::size_t i = 0; i < size; ++i) present[i] |= own[i];
    }, watch);
}

void replace_labels(const std::uint8_t* labels, std::int64_t n, std::int64_t m, const std::uint8_t* table, int n_threads,
                    std::uint8_t* out, const Watch& watch) {
    Job job;
    run_blocks(job, n_threads, (n + kRowsAtOnce - 1) / kRowsAtOnce, [&](const NextBlock& next) {
        for (std::int64_t block; (block = next()) >= 0;)
            for (std::int64_t i = block * kRowsAtOnce; i < std::min(n, (block + 1) * kRowsAtOnce); ++i)
                for (std::int64_t j = 0; j < m; ++j) out[i * m + j] = table[j * kByteValues + labels[i * m + j]];
    }, watch);
}

}  // namespace lookalike
