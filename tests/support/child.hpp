// A child process that runs a function of the test and dies with it.
#pragma once

#include <sys/mman.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <new>
#include <optional>
#include <utility>

namespace shmbus::test {

using namespace std::chrono_literals;

/// Forks; the child returns its exit code from `body`. Fork while the test has one thread.
class Child {
 public:
  Child() noexcept = default;  ///< nobody
  explicit Child(const std::function<int()>& body);
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();  ///< kills it when it still runs

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void signal(int number) const;
  /// SIGKILL, and waits until the kernel has taken it away.
  void kill();
  /// Its exit code; 128 + the signal that ended it; -1 when it has not ended in time (it is then
  /// killed).
  int wait(std::chrono::milliseconds limit = 60s);

 private:
  std::optional<int> reap(bool block);
  pid_t pid_ = -1;
};

/// Exit code of a child that a signal ended.
constexpr int ended_by(int signal) noexcept { return 128 + signal; }

/// A T that a test and its children share.
template <class T>
class Shared {
 public:
  Shared() {
    void* page =
        ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    value_ = new (page) T{};
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(value_, sizeof(T)); }
  T& operator*() const noexcept { return *value_; }
  T* operator->() const noexcept { return value_; }

 private:
  T* value_;
};

/// Polls until `condition` holds; false when `limit` is over first.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = 5s) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    struct timespec nap {
      0, 200'000
    };
    ::nanosleep(&nap, nullptr);
  }
  return true;
}

inline void nap(std::chrono::nanoseconds time) {
  struct timespec left {
    time.count() / 1'000'000'000, time.count() % 1'000'000'000
  };
  while (::nanosleep(&left, &left) != 0) {
  }
}

/// Processor time that this process has used.
std::chrono::microseconds cpu_time();

}  // namespace shmbus::test
