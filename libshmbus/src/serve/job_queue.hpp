// From the serving thread to the workers, within one process: moodycamel's concurrent queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace shmbus::serve {

struct Job;

class JobQueue {
 public:
  /// For up to `jobs` at a time, put in by producers 0 to `producers` - 1. May throw.
  JobQueue(std::size_t jobs, std::uint32_t producers);
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;
  ~JobQueue();

  /// One thread at a time for each producer. Null ends a worker.
  void put(std::uint32_t producer, Job* job);
  /// Waits for one, asleep after a short while.
  Job* take() noexcept;
  /// As it seems at the moment.
  [[nodiscard]] bool empty() const noexcept;

 private:
  struct Parts;  // the macros of moodycamel's headers stay out of ours
  std::unique_ptr<Parts> parts_;
};

}  // namespace shmbus::serve
