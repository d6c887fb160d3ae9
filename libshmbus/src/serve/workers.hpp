// The threads that run the handlers of a server with ServeOptions::workers, and what hands commands
// to them: for the endpoints, it is what runs the commands of a lane.
//
//   serving thread   reserve a job ► take the command into it ► queue
//   worker           queue ► handler ► answer through the gate ► the job is free
//
// A command counts as an owed answer of its lane from before it is taken, as a deferred one does:
// its lane and memory stay, and a server that gives its endpoint away goes on to answer it.
// docs/architecture.md, section 16, says who owns what when.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "recorder/recorder.hpp"
#include "serve/job_book.hpp"
#include "serve/job_queue.hpp"
#include "serve/owned_endpoint.hpp"
#include "shmbus/options.hpp"
#include "stats/sampler.hpp"

namespace shmbus::serve {

class Workers;

/// What one of the threads has for itself.
struct Worker {
  explicit Worker(bool time_all) noexcept : sampler(time_all) {}

  Workers* workers = nullptr;
  std::uint32_t producer = 0;  ///< its number in the queue
  stats::Sampler sampler;
  recorder::TapWish wish;
  /// The server, whose handle the handler that runs here has destroyed.
  std::shared_ptr<detail::ServerCore> kept;
  std::thread thread;
};

class Workers final : public CommandRunner {
 public:
  /// Starts the threads. May throw.
  Workers(detail::ServerCore& core, std::uint32_t count);
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers();

  /// Takes commands and hands them over; returns how many.
  std::size_t run_queued(OwnerLane& lane, std::size_t limit) override;
  void handover_wanted() noexcept override;
  /// By the serving thread. REQUIRES: the record is of the bus.
  void set_parallel(std::uint32_t record, Parallel parallel) noexcept {
    parallel_[record] = parallel;
  }
  [[nodiscard]] JobBook& book() noexcept { return book_; }

  /// Commands whose handler has not begun are refused from now on. Any thread.
  void refuse_rest() noexcept { refusing_.store(true, std::memory_order_relaxed); }
  /// True from then on. Lives as long as a handler runs.
  [[nodiscard]] const std::atomic<bool>& refusing() const noexcept { return refusing_; }
  /// The same, and waits for the handlers that run; but for that of the calling thread.
  void stop() noexcept;
  /// The calling thread is one of those of that server, and runs a handler.
  static Worker* on_this_thread(const detail::ServerCore& core) noexcept;

 private:
  bool prepare(OwnerLane& lane, std::uint32_t record) noexcept;
  bool take(OwnerLane& lane, Job& job) noexcept;

  // run_job.cpp
  void work(Worker& worker);
  void run(Worker& worker, Job& job);
  Status call_handler(Worker& worker, Job& job);
  void end(Worker& worker, Job& job, const Status& status, bool sampled, std::uint64_t began);
  void refuse(Job& job, StatusCode why) noexcept;
  void abandon(Worker& worker, Job& job);
  template <class Commit>
  void answer(Job& job, Commit commit) noexcept;
  Job* finish(Worker& worker, Job& job);
  void look_for_taps(Worker& worker) noexcept;
  void start(Worker& worker);

  detail::ServerCore& core_;
  JobBook book_;
  JobQueue queue_;
  std::vector<Parallel> parallel_;  ///< by name
  std::atomic<bool> refusing_{false};
  std::mutex threads_mutex_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace shmbus::serve
