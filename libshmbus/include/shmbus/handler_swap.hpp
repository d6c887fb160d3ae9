// An exchange of handlers under way: what Server::replace() returns, and Server::post()'s task.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "shmbus/export.hpp"
#include "shmbus/options.hpp"

namespace shmbus {

namespace detail {
class SwapState;

/// A function without its type, called once: no RTTI, no exceptions needed on either side.
class Task {
 public:
  Task() noexcept = default;
  template <class F>
  static Task make(F function) noexcept {
    Task task;
    task.object_ = new (std::nothrow) F(std::move(function));
    task.run_ = [](void* object) { (*static_cast<F*>(object))(); };
    task.destroy_ = [](void* object) { delete static_cast<F*>(object); };
    return task;
  }
  Task(Task&& other) noexcept { swap(other); }
  Task& operator=(Task&& other) noexcept {
    swap(other);
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (object_ != nullptr) destroy_(object_);
  }
  /// What it throws is dropped: it has nobody to tell.
  void operator()() const noexcept {
#if defined(__cpp_exceptions)
    try {
      run_(object_);
    } catch (...) {  // NOLINT: see above
    }
#else
    run_(object_);
#endif
  }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  void swap(Task& other) noexcept {
    std::swap(object_, other.object_);
    std::swap(run_, other.run_);
    std::swap(destroy_, other.destroy_);
  }
  void* object_ = nullptr;
  void (*run_)(void*) = nullptr;
  void (*destroy_)(void*) = nullptr;
};
}  // namespace detail

enum class SwapStage : std::uint8_t {
  posted,     ///< the serving thread has not come to it yet
  installed,  ///< whatever starts from here on is run by the new handler
  gone,       ///< and the old one, with all that it had to answer, is destroyed
  dropped,    ///< the name was given up, or the server destroyed, before it was installed
};

/// One exchange of handlers. May be asked from any thread; copies speak of the same exchange.
class SHMBUS_API Swap {
 public:
  Swap() noexcept = default;
  explicit Swap(std::shared_ptr<detail::SwapState> state) noexcept : state_(std::move(state)) {}

  [[nodiscard]] SwapStage stage() const noexcept;
  /// True once it has come so far; false at once when it was dropped, or when the time is over.
  /// Not on the thread that serves, which would wait for itself.
  bool wait(SwapStage stage, Duration timeout) const noexcept;
  [[nodiscard]] bool valid() const noexcept { return state_ != nullptr; }

 private:
  std::shared_ptr<detail::SwapState> state_;
};

}  // namespace shmbus
