// Processes that serve and call a name whose policy a test sets.
#pragma once

#include <atomic>
#include <thread>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

namespace shmbus::test {

/// A handler of "work": its request's first byte says what to do.
enum class Do : char { answer = 'a', reject = 'r', stall = 's', hold = 'h' };

inline Setup worker() {
  return handlers({{"work", [](Context& context) {
                      const auto request = context.request();
                      const auto what = request.empty() ? Do::answer : static_cast<Do>(request[0]);
                      if (what == Do::reject) return Status::reject(7, "no");
                      if (what == Do::stall) nap(20ms);
                      if (what == Do::hold) nap(300ms);
                      return Status::ok();
                    }}});
}
inline Child worker_process(const std::string& path) { return handler_process(path, worker()); }

inline Result<std::size_t> call(RawCaller& caller, Do what = Do::answer,
                                Duration timeout = default_timeout) {
  const char request = static_cast<char>(what);
  return caller.call(raw(request), {}, timeout);
}

/// How calls of several processes went; they add to it.
struct Tally {
  std::atomic<std::uint64_t> ok{0};
  std::atomic<std::uint64_t> overloaded{0};
  std::atomic<std::uint64_t> not_permitted{0};
  std::atomic<std::uint64_t> other{0};
  std::atomic<std::int64_t> first_refusal_ns{0};
  std::atomic<std::uint32_t> ready{0};
  std::atomic<bool> go{false};
  std::atomic<bool> stop{false};

  template <class T>
  void note(const Result<T>& result) {
    if (result) {
      ++ok;
    } else if (result.error().kind == ErrorKind::overloaded) {
      ++overloaded;
    } else if (result.error().kind == ErrorKind::not_permitted) {
      ++not_permitted;
    } else {
      ++other;
    }
  }
};

inline std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

/// A process that calls "work" until it is told to stop; `pause` after each call.
inline Child caller_process(const std::string& path, Tally& tally, Do what = Do::answer,
                            Duration timeout = default_timeout,
                            std::chrono::nanoseconds pause = 0ns) {
  return Child([&tally, path, what, timeout, pause] {
    auto bus = Bus::open(path, {.label = "caller"});
    if (!bus || !bus->wait_until_available("work", 10s)) return 20;
    auto caller = bus->caller("work");
    if (!caller || !call(*caller)) return 21;
    ++tally.ready;
    while (!tally.go) nap(100us);
    while (!tally.stop) {
      const auto result = call(*caller, what, timeout);
      if (!result && tally.first_refusal_ns == 0) tally.first_refusal_ns = now_ns();
      tally.note(result);
      if (pause > 0ns) nap(pause);
    }
    return 0;
  });
}

}  // namespace shmbus::test
