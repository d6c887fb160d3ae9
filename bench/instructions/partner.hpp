#pragma once
// A thread that does one job after the other; the thread that asks for a job waits for its end:
// the two never run at the same time. So caller and handler, which belong to two threads, can be
// played in any order, also from a signal handler of one of them.

#include <atomic>
#include <functional>
#include <thread>

namespace shmbus::bench {

class Partner {
 public:
  using Job = std::function<bool()>;

  Partner() : thread_([this] { work(); }) {}
  Partner(const Partner&) = delete;
  Partner& operator=(const Partner&) = delete;
  ~Partner() { give(&leave_); }

  /// Returns what the job returns. A job that throws is rethrown by the next check().
  bool ask(const Job& job) noexcept {
    give(&job);
    job_.wait(&job, std::memory_order_acquire);
    return result_;
  }
  void check() {
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  void give(const Job* job) noexcept {
    job_.store(job, std::memory_order_release);
    job_.notify_one();
  }
  void work() noexcept {
    for (;;) {
      job_.wait(nullptr, std::memory_order_acquire);
      const Job* job = job_.load(std::memory_order_acquire);
      if (job == &leave_) return;
      try {
        result_ = (*job)();
      } catch (...) {
        error_ = std::current_exception();
        result_ = true;  // nobody shall go on asking
      }
      give(nullptr);
    }
  }

  const Job leave_;
  std::atomic<const Job*> job_{nullptr};
  bool result_ = false;
  std::exception_ptr error_;
  std::jthread thread_;
};

}  // namespace shmbus::bench
