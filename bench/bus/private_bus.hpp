#pragma once
// A bus of one round's own: a path that nobody else uses, made by the role that opens it first,
// gone with the round. And errors of the bus as exceptions, which make the round fail.

#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <utility>

#include "shmbus/shmbus.hpp"

namespace shmbus::bench {

class PrivateBus {
 public:
  PrivateBus() {
    static std::atomic<int> counter{0};
    path_ = "/dev/shm/shmbus-bench." + std::to_string(owner_) + "." +
            std::to_string(counter.fetch_add(1, std::memory_order_relaxed));
  }
  explicit PrivateBus(const Capacities& capacities) : PrivateBus() { capacities_ = capacities; }
  PrivateBus(const PrivateBus&) = delete;
  PrivateBus& operator=(const PrivateBus&) = delete;
  ~PrivateBus() {
    if (getpid() == owner_) {  // not a forked role
      unlink(path_.c_str());
    }
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] inline Bus open() const;

 private:
  pid_t owner_ = getpid();
  std::string path_;
  Capacities capacities_{};
};

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_error(const char* what,
                                                               const Error& error) {
  throw std::runtime_error(std::string(what) + ": " + std::string(to_string(error.kind)) + ": " +
                           std::string(error.message.view()));
}

/// The value; an error of the bus fails the round.
template <class T>
T value_of(const char* what, Result<T>&& result) {
  if (!result) [[unlikely]] {
    throw_error(what, result.error());
  }
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

Bus PrivateBus::open() const {
  return value_of("open", Bus::open(path_, {.capacities = capacities_, .label = "bench"}));
}

}  // namespace shmbus::bench
