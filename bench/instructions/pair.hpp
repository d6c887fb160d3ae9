#pragma once
// A caller and a handler in one process, on a bus of their own, for counting what each executes.
// Nothing runs by itself: either one thread plays both sides in turn, or the handler's thread polls
// exactly when the caller's signal handler asks it to.

#include <atomic>
#include <cstring>
#include <optional>
#include <span>
#include <thread>

#include "bus/private_bus.hpp"
#include "instructions/traps.hpp"

namespace shmbus::bench {

struct PairSetup {
  ServeOptions serve{.wait = WaitMode::spinning};
  CallerOptions caller{.wait = WaitMode::spinning};
  Registration how{};
  std::optional<Policy> policy{};
};

/// A handler that does next to nothing: its reply is as large as the request and begins with the
/// request's first word.
inline Status answer_first_word(Context& context) {
  const auto request = context.request();
  if (context.one_way()) return Status::ok();
  const auto reply = context.reply_buffer(request.size());
  std::uint64_t word = 0;
  std::memcpy(&word, request.data(), sizeof word);
  std::memcpy(reply.data(), &word, sizeof word);
  return Status::ok();
}

class Pair {
 public:
  explicit Pair(const PairSetup& setup)
      : bus_(place_.open()), server_(value_of("serve", bus_.serve(setup.serve))) {
    if (setup.policy) value_of("policy", bus_.set_policy("bench.count", *setup.policy));
  }

  [[nodiscard]] Bus& bus() noexcept { return bus_; }
  [[nodiscard]] Server& server() noexcept { return server_; }
  /// One turn of the loop behind Server::run: runs what is there, then finds nothing once. Returns
  /// how many commands it ran.
  std::size_t turn() {
    const auto ran = server_.run_for(Duration::zero());
    if (!ran) [[unlikely]]
      throw_error("run_for", ran.error());
    return *ran;
  }

 private:
  PrivateBus place_;
  Bus bus_;
  Server server_;
};

/// The handler's thread: takes one turn whenever it is asked to, and does nothing else. Who asks
/// waits, so the two never run at the same time.
class TurningThread {
 public:
  explicit TurningThread(Pair& pair) : pair_(pair), thread_([this] { serve(); }) {}
  TurningThread(const TurningThread&) = delete;
  TurningThread& operator=(const TurningThread&) = delete;
  ~TurningThread() { ask(Order::leave); }

  /// Whether it ran a command. Also from a signal handler.
  bool turn() noexcept { return ask(Order::turn); }

 private:
  enum class Order : std::uint32_t { none, turn, leave };

  bool ask(Order order) noexcept {
    order_.store(order, std::memory_order_release);
    order_.notify_one();
    if (order == Order::leave) return false;
    order_.wait(order, std::memory_order_acquire);
    return ran_;
  }
  void serve() noexcept {
    for (;;) {
      order_.wait(Order::none, std::memory_order_acquire);
      if (order_.load(std::memory_order_acquire) == Order::leave) return;
      ran_ = pair_.turn() != 0;
      order_.store(Order::none, std::memory_order_release);
      order_.notify_one();
    }
  }

  Pair& pair_;
  std::atomic<Order> order_{Order::none};
  bool ran_ = false;
  std::jthread thread_;
};

}  // namespace shmbus::bench
