// A chain of handler processes for tests of what a nested call takes over: "front" calls "middle",
// which calls "deep", each in a process of its own.
#pragma once

#include <atomic>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

namespace shmbus::test {

inline std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// What the deepest handler saw and when; shared by all processes of a test.
struct Seen {
  std::atomic<int> started{0};
  std::atomic<int> noticed{0};
  std::atomic<int> gave_up{0};  ///< was never told
  std::atomic<std::uint64_t> noticed_ns{0};
  std::atomic<std::int64_t> remaining_ns{0};
  std::atomic<int> inner_error{0};

  void notice() {
    noticed_ns = now_ns();
    ++noticed;
  }
};

/// Runs until it is cancelled.
inline Status until_cancelled(Context& context, Seen& seen) {
  seen.remaining_ns = context.remaining().count();
  ++seen.started;
  const Stopwatch watch;
  while (!context.cancelled()) {
    if (watch.ms() > 20'000) return ++seen.gave_up, Status::reject(98, "nobody cancelled it");
  }
  seen.notice();
  return Status::reject(99, "stopped in the middle");
}

/// A handler that passes its request on to `next`, and its answer back.
inline Setup pass_on(const std::string& name, const std::string& next, Seen* seen = nullptr,
                     const CallerOptions& options = {}) {
  return [=](Bus& bus, Server& server) {
    auto* caller = new RawCaller(caller_of(bus, next, options));  // as long as the process
    return server
        .on(name,
            [caller, seen](Context& context) {
              const auto got = caller->call(context.request(), {}, forever);
              if (got) return Status::ok();
              if (seen != nullptr) seen->inner_error = static_cast<int>(got.error().kind);
              return Status::reject(static_cast<std::int32_t>(got.error().kind),
                                    got.error().message.view());
            })
        .has_value();
  };
}

inline Child deep_process(const std::string& path, Shared<Seen>& seen) {
  return handler_process(
      path,
      handlers({{"deep", [&](Context& context) { return until_cancelled(context, *seen); }}}));
}

}  // namespace shmbus::test
