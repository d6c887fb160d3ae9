// An exchange of handlers under way: what Server::replace() returns, and Server::post()'s task.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shmbus/export.hpp"
#include "shmbus/fixed_string.hpp"
#include "shmbus/options.hpp"
#include "shmbus/unwind.hpp"

namespace shmbus {

namespace detail {
class SwapState;

/// A function without its type, called once: no RTTI, no exceptions needed on either side.
class Task {
 public:
  using What = FixedText<96>;

  Task() noexcept = default;
  /// Empty when there is no memory, or when moving `function` throws: see move_threw().
  template <class F>
  static Task make(F&& function) noexcept {
    using Object = std::decay_t<F>;
    Task task;
#if defined(__cpp_exceptions)
    try {
      task.object_ = new (std::nothrow) Object(std::forward<F>(function));
      task.run_ = &run_object<Object>;
    } catch (...) {  // NOLINT: an empty task without `run_` says so
    }
#else
    task.object_ = new (std::nothrow) Object(std::forward<F>(function));
    task.run_ = &run_object<Object>;
#endif
    task.destroy_ = [](void* object) { delete static_cast<Object*>(object); };
    return task;
  }
  /// REQUIRES: it is empty, and was made by make().
  [[nodiscard]] bool move_threw() const noexcept { return run_ == nullptr; }
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
  /// False when it threw, with what the exception said.
  bool operator()([[maybe_unused]] What& what) const {
#if defined(__cpp_exceptions)
    try {
      run_(object_);
#if defined(SHMBUS_FORCED_UNWIND)
    } catch (abi::__forced_unwind&) {
      throw;  // the thread ends
#endif
    } catch (const std::exception& thrown) {
      what = std::string_view(thrown.what());
      return false;
    } catch (...) {
      what = "of a type of its own";
      return false;
    }
#else
    run_(object_);
#endif
    return true;
  }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  template <class F>
  static void run_object(void* object) {
    (*static_cast<F*>(object))();
  }
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
