// Runs blocks of work in threads that live for one call: nothing survives a fork, nothing is shared
// between calls. The calling thread watches, so that it can report progress and stop.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace lookalike {

struct Job {
    std::atomic<bool> stopped{false};
    std::atomic<std::int64_t> done{0};  // in units of the caller

    bool is_stopped() const { return stopped.load(std::memory_order_relaxed); }
};

// Called by the calling thread about ten times a second with `done`; if it throws an exception, the
// job stops and run_blocks rethrows it. May be empty.
using Watch = std::function<void(std::int64_t done)>;

// Runs work(next) once in each of n_threads threads. `next()` returns blocks 0 … n_blocks - 1, and -1
// if there are no more or the job was stopped. The first exception thrown by a worker is rethrown here.
using NextBlock = std::function<std::int64_t()>;
void run_blocks(Job& job, int n_threads, std::int64_t n_blocks,
                const std::function<void(const NextBlock&)>& work, const Watch& watch);

}  // namespace lookalike
