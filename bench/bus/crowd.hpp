#pragma once
// Callers that have a lane and do not use it: one thread each, in one process, asleep.

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "harness/role_group.hpp"
#include "harness/shared_mapping.hpp"

namespace shmbus::bench {

class Crowd {
 public:
  explicit Crowd(std::uint32_t size) : size_(size) {}

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

  /// In the measuring role.
  void wait_until_attached() const {
    while (attached_->load(std::memory_order_acquire) < size_) {
      usleep(200);
    }
  }

  /// In the crowd's role: `attach()` makes a caller, in a thread of its own, that lives until the
  /// group is asked to stop.
  template <class Attach>
  void attach_and_wait(const RoleContext& context, Attach attach) const {
    std::atomic<bool> leave{false};
    std::exception_ptr error;
    std::atomic<bool> failed{false};
    std::vector<std::jthread> threads;
    for (std::uint32_t i = 0; i < size_; ++i) {
      threads.emplace_back([&] {
        try {
          const auto caller = attach();
          attached_->fetch_add(1, std::memory_order_acq_rel);
          leave.wait(false, std::memory_order_acquire);
        } catch (...) {
          if (!failed.exchange(true, std::memory_order_acq_rel)) {
            error = std::current_exception();
          }
        }
      });
    }
    constexpr useconds_t kBetweenLooksUs = 5000;
    while (!context.stop_asked() && !failed.load(std::memory_order_acquire)) {
      usleep(kBetweenLooksUs);
    }
    leave.store(true, std::memory_order_release);
    leave.notify_all();
    threads.clear();
    if (error) {
      std::rethrow_exception(error);
    }
  }

 private:
  std::uint32_t size_;
  SharedObject<std::atomic<std::uint32_t>> attached_;
};

}  // namespace shmbus::bench
