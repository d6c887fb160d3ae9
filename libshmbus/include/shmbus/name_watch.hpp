// Tells when names come and go.
//
//   auto watch = bus.watch({"user.create"});       // or bus.watch() for all names
//   watch->poll([](const shmbus::NameChange& change) { ... });   // first: how things are
//   watch->wait(10s);                              // or epoll on watch->fd(), then poll() again
//
// A watch compares what is with what it told last: each poll() tells the changes since the one
// before. What came and went in between is not reported; a name that changed hands is reported
// twice, as gone and as there again. One that was taken over was never gone, and is reported once,
// as there, by its new owner. Members of a group that are taken over are not told: the name is the
// group's.
//
// Threads   One thread at a time may use a watch.
// Lifetime  It keeps its bus open.
// Fork      A forked child gets `forked` from every operation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shmbus/error.hpp"
#include "shmbus/export.hpp"
#include "shmbus/fixed_string.hpp"
#include "shmbus/options.hpp"

namespace shmbus {

namespace detail {
class NameWatchCore;
}

struct NameChange {
  FixedText<128> name;
  bool available = false;   ///< a live handler has it now
  FixedText<64> owner;      ///< the label of its process; empty when nobody has it
  std::uint32_t pid = 0;    ///< as that process sees itself, in its own pid namespace
  bool taken_over = false;  ///< from another, without a gap (Server::take_over); then available too
};

class SHMBUS_API NameWatch {
 public:
  NameWatch() noexcept = default;
  NameWatch(NameWatch&& other) noexcept;
  NameWatch& operator=(NameWatch&& other) noexcept;
  NameWatch(const NameWatch&) = delete;
  NameWatch& operator=(const NameWatch&) = delete;
  ~NameWatch();

  /// Calls `tell(const NameChange&)` for each change since the last poll; returns how many there
  /// were. The first poll tells of each name that was asked for, or of each that has a handler.
  /// Never blocks. `tell` must not throw, nor use this watch.
  template <class F>
  Result<std::size_t> poll(F&& tell) noexcept {
    using Callable = std::remove_reference_t<F>;
    return poll(
        [](void* user, const NameChange& change) { (*static_cast<Callable*>(user))(change); },
        const_cast<void*>(static_cast<const void*>(std::addressof(tell))));
  }
  /// Returns once poll() has something to tell: true; false when `timeout` is over first. Where no
  /// shmbusd watches the bus, a handler's death is noticed within 10 ms.
  Result<bool> wait(Duration timeout = forever) noexcept;

  /// Readable when poll() may have something to tell, at first too. Coalesces; level-triggered
  /// until poll() is called. Starts one helper thread the first time. Where no shmbusd watches the
  /// bus, a death makes nothing readable until somebody notices it: call poll() on a timer too.
  Result<int> fd() noexcept;

  [[nodiscard]] bool valid() const noexcept { return core_ != nullptr; }

  explicit NameWatch(std::unique_ptr<detail::NameWatchCore> core) noexcept;

 private:
  using Tell = void (*)(void* user, const NameChange& change);
  Result<std::size_t> poll(Tell tell, void* user) noexcept;
  struct SHMBUS_API Delete {
    void operator()(detail::NameWatchCore* core) const noexcept;
  };
  std::unique_ptr<detail::NameWatchCore, Delete> core_;
};

}  // namespace shmbus
