#include "parallel.hpp"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace lookalike {

void run_blocks(Job& job, int n_threads, std::int64_t n_blocks,
                const std::function<void(const NextBlock&)>& work, const Watch& watch) {
    std::atomic<std::int64_t> issued{0};
    const NextBlock next = [&]() -> std::int64_t {
        const std::int64_t block = issued.fetch_add(1, std::memory_order_relaxed);
        return block < n_blocks && !job.is_stopped() ? block : -1;
    };
    if (n_threads > n_blocks) n_threads = static_cast<int>(n_blocks);
    if (n_threads <= 1 && !watch) {
        work(next);
        return;
    }

    std::mutex mutex;
    std::condition_variable finished;
    int running = 0;
    std::exception_ptr failure;
    std::vector<std::thread> threads;
    const auto guarded = [&] {
        try {
            work(next);
        } catch (...) {
            const std::lock_guard lock(mutex);
            if (!failure) failure = std::current_exception();
            job.stopped = true;
        }
        const std::lock_guard lock(mutex);
        --running;
        finished.notify_one();
    };
    const auto fail = [&](std::exception_ptr error) {
        job.stopped = true;
        for (std::thread& thread : threads) thread.join();
        threads.clear();
        std::rethrow_exception(error);
    };

    try {
        for (int i = 0; i < n_threads; ++i) {
            {
                const std::lock_guard lock(mutex);
                ++running;
            }
            threads.emplace_back(guarded);
        }
        std::unique_lock lock(mutex);
        while (!finished.wait_for(lock, std::chrono::milliseconds(100), [&] { return running == 0; })) {
            lock.unlock();
            if (watch) watch(job.done.load(std::memory_order_relaxed));
            lock.lock();
        }
    } catch (...) {
        fail(std::current_exception());
    }
    for (std::thread& thread : threads) thread.join();
    if (failure) std::rethrow_exception(failure);
}

}  // namespace lookalike
