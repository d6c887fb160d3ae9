#include "serve/job_queue.hpp"

#include <blockingconcurrentqueue.h>

#include <atomic>
#include <vector>

namespace shmbus::serve {

struct JobQueue::Parts {
  struct Traits : moodycamel::ConcurrentQueueDefaultTraits {
    static const int MAX_SEMA_SPINS = 1000;  // NOLINT: the name is theirs
  };
  using Queue = moodycamel::BlockingConcurrentQueue<Job*, Traits>;

  /// What is allocated here is all that it ever needs: put() allocates nothing.
  Parts(std::size_t jobs, std::uint32_t count) : queue(jobs, count, 0) {
    producers.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) producers.emplace_back(queue);
  }
  Queue queue;
  std::vector<moodycamel::ProducerToken> producers;
  /// What the queue orders, in words that ThreadSanitizer understands: the queue's own order rests
  /// on fences, which it does not see.
  std::atomic<std::uint64_t> order{0};
};

JobQueue::JobQueue(std::size_t jobs, std::uint32_t producers)
    : parts_(std::make_unique<Parts>(jobs, producers)) {}

JobQueue::~JobQueue() = default;

void JobQueue::put(std::uint32_t producer, Job* job) {
#if defined(__SANITIZE_THREAD__)
  parts_->order.fetch_add(1, std::memory_order_acq_rel);
#endif
  parts_->queue.enqueue(parts_->producers[producer], job);
}

Job* JobQueue::take() noexcept {
  Job* job = nullptr;
  parts_->queue.wait_dequeue(job);
#if defined(__SANITIZE_THREAD__)
  parts_->order.fetch_add(1, std::memory_order_acq_rel);
#endif
  return job;
}

bool JobQueue::empty() const noexcept { return parts_->queue.size_approx() == 0; }

}  // namespace shmbus::serve
