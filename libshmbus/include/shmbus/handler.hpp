// A handler of any type, kept without that type.
#pragma once

#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "shmbus/context.hpp"
#include "shmbus/error.hpp"
#include "shmbus/tsan.hpp"
#include "shmbus/unwind.hpp"

namespace shmbus {

namespace detail {

/// A handler without its type: no RTTI, no exceptions needed on either side.
class Handler {
 public:
  using Run = Status (*)(void* object, Context& context);

  Handler() noexcept = default;
  /// Empty when there is no memory, or when moving `function` throws: see move_threw().
  template <class F>
  static Handler make(F&& function, Run run) noexcept {
    using Object = std::decay_t<F>;
    Handler handler;
#if defined(__cpp_exceptions)
    try {
      handler.object_ = new (std::nothrow) Object(std::forward<F>(function));
      handler.run_ = run;
    } catch (...) {  // NOLINT: an empty handler without `run_` says so
    }
#else
    handler.object_ = new (std::nothrow) Object(std::forward<F>(function));
    handler.run_ = run;
#endif
    handler.destroy_ = [](void* object) { delete static_cast<Object*>(object); };
    return handler;
  }
  /// REQUIRES: it is empty, and was made by make().
  [[nodiscard]] bool move_threw() const noexcept { return run_ == nullptr; }
  Handler(Handler&& other) noexcept { swap(other); }
  Handler& operator=(Handler&& other) noexcept {
    swap(other);
    return *this;
  }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  ~Handler() {
    if (object_ != nullptr) destroy_(object_);
  }
  Status operator()(Context& context) const { return run_(object_, context); }
  /// To be run while the handler lives, wherever it is moved meanwhile.
  class Ref {
   public:
    Ref() noexcept = default;
    Status operator()(Context& context) const { return run_(object_, context); }
    explicit operator bool() const noexcept { return object_ != nullptr; }

   private:
    friend class Handler;
    Ref(void* object, Run run) noexcept : object_(object), run_(run) {}
    void* object_ = nullptr;
    Run run_ = nullptr;
  };
  [[nodiscard]] Ref ref() const noexcept { return {object_, run_}; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  void swap(Handler& other) noexcept {
    std::swap(object_, other.object_);
    std::swap(run_, other.run_);
    std::swap(destroy_, other.destroy_);
  }
  void* object_ = nullptr;
  Run run_ = nullptr;
  void (*destroy_)(void*) = nullptr;
};

/// The code a caller sees when a handler threw.
inline constexpr std::int32_t handler_threw = -1;

/// Lets nothing through but the end of the thread itself (pthread_exit, pthread_cancel), which is
/// no exception and must not be stopped.
template <class F>
Status guarded(F&& body) {
  tsan_observe();
  struct Publish {
    ~Publish() { tsan_publish(); }
  };
  [[maybe_unused]] const Publish at_the_end;
#if defined(__cpp_exceptions)
  try {
    return std::forward<F>(body)();
#if defined(SHMBUS_FORCED_UNWIND)
  } catch (abi::__forced_unwind&) {
    throw;
#endif
  } catch (...) {
    return Status::reject(handler_threw, "the handler threw an exception");
  }
#else
  return std::forward<F>(body)();
#endif
}

/// Runs a handler of bytes: Status handler(Context&).
template <class F>
Status run_raw(void* object, Context& context) {
  return guarded([&]() -> Status { return (*static_cast<F*>(object))(context); });
}

}  // namespace detail
}  // namespace shmbus
