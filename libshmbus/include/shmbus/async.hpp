// co_await on a reply or an event, and the reactor that resumes who waits.
//
//   shmbus::Detached greet_all(shmbus::Reactor& reactor, shmbus::Caller<Greet>& greet) {
//     for (const Person& person : people) {
//       auto reply = co_await reactor.call(greet, person, 50ms);   // Result<TypedReply<...>>
//       if (!reply) co_return;
//     }
//   }
//   shmbus::Detached follow(shmbus::Reactor& reactor, shmbus::Subscriber<Price>& prices) {
//     while (auto price = co_await reactor.next(prices)) use(**price);  // Result<Received<...>>
//   }
//   greet_all(reactor, greet);
//   reactor.run();             // until nobody waits; or reactor.fd() and poll() in a loop of yours
//
// What waits is a node inside the coroutine's own frame, linked into the reactor's list: to wait
// allocates nothing. Any coroutine type will do; Detached is the smallest.
//
// Threads   A reactor, its callers and the coroutines that wait with it belong to one thread.
// Lifetime  A reactor must outlive what waits with it. A coroutine that is destroyed while it waits
//           leaves the list and gives its reply up.
// Blocking  Sending may wait for room; a caller made with WhenFull::fail and WhenVacant::fail never
//           does, and tells overloaded or not_registered instead.
#pragma once

#include "shmbus/cxx20.hpp"

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "shmbus/caller.hpp"
#include "shmbus/error.hpp"
#include "shmbus/export.hpp"
#include "shmbus/options.hpp"
#include "shmbus/subscriber.hpp"

namespace shmbus {

template <class E>
class Subscriber;

namespace detail {

struct ReactorState;

/// In a list of those that wait; linked to itself when in none.
struct WaitNode {
  WaitNode* before = this;
  WaitNode* after = this;
  std::coroutine_handle<> waiting;
  bool (*ready)(const WaitNode& node) noexcept = nullptr;

  WaitNode() noexcept = default;
  WaitNode(const WaitNode&) = delete;
  WaitNode& operator=(const WaitNode&) = delete;
  ~WaitNode() { unlink(); }

  [[nodiscard]] bool linked() const noexcept { return after != this; }
  void link_before(WaitNode& other) noexcept {
    after = &other;
    before = other.before;
    before->after = this;
    other.before = this;
  }
  void unlink() noexcept {
    before->after = after;
    after->before = before;
    before = after = this;
  }
};

}  // namespace detail

/// What co_await takes: a pending reply that is not there yet. PendingType is Pending or
/// TypedPending<T>; the result is what its wait() returns.
template <class PendingType>
class ReplyAwaiter : private detail::WaitNode {
 public:
  using Outcome = decltype(std::declval<PendingType&>().wait());

  ReplyAwaiter(detail::WaitNode& list, Result<PendingType> pending) noexcept
      : list_(&list), pending_(std::move(pending)) {
    ready = [](const detail::WaitNode& node) noexcept {
      return static_cast<const ReplyAwaiter&>(node).pending_->ready();
    };
    if (pending_) pending_->start_clock();
  }

  [[nodiscard]] bool await_ready() const noexcept { return !pending_ || pending_->ready(); }
  void await_suspend(std::coroutine_handle<> coroutine) noexcept {
    waiting = coroutine;
    link_before(*list_);
  }
  [[nodiscard]] Outcome await_resume() noexcept {
    if (!pending_) return tl::unexpected<Error>(pending_.error());
    return pending_->wait();
  }

 private:
  detail::WaitNode* list_;
  Result<PendingType> pending_;
};

/// What co_await takes: the next event of a subscriber, a Subscriber<E> or a RawSubscriber; the
/// result is what its next() returns.
template <class SubscriberType>
class EventAwaiter : private detail::WaitNode {
 public:
  using Outcome = decltype(std::declval<SubscriberType&>().next(Duration::zero()));

  EventAwaiter(detail::WaitNode& list, SubscriberType& subscriber, Duration timeout) noexcept
      : list_(&list), subscriber_(&subscriber), until_(end_of(timeout)) {
    ready = [](const detail::WaitNode& node) noexcept {
      const auto& self = static_cast<const EventAwaiter&>(node);
      return self.subscriber_->ready() || Clock::now() >= self.until_;
    };
  }

  [[nodiscard]] bool await_ready() const noexcept { return subscriber_->ready(); }
  void await_suspend(std::coroutine_handle<> coroutine) noexcept {
    waiting = coroutine;
    link_before(*list_);
  }
  [[nodiscard]] Outcome await_resume() noexcept { return subscriber_->next(Duration::zero()); }

 private:
  using Clock = std::chrono::steady_clock;
  static Clock::time_point end_of(Duration timeout) noexcept {
    const auto now = Clock::now();
    return timeout >= Clock::time_point::max() - now ? Clock::time_point::max() : now + timeout;
  }

  detail::WaitNode* list_;
  SubscriberType* subscriber_;
  Clock::time_point until_;
};

/// Resumes coroutines when what they wait for is there.
class SHMBUS_API Reactor {
 public:
  /// Makes the descriptor that fd() gives.
  [[nodiscard]] static Result<Reactor> create() noexcept;

  Reactor(Reactor&& other) noexcept;
  Reactor& operator=(Reactor&&) = delete;
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  ~Reactor();

  /// Lets the reactor sleep until this caller has an answer, and notice that its handler died.
  /// Without it answers are found up to 1 ms late, and a death by a running shmbusd alone. Once for
  /// each caller; starts one helper thread for it when the reactor first sleeps.
  Result<void> watch(const RawCaller& caller) noexcept;
  template <class C>
  Result<void> watch(Caller<C>& caller) noexcept {
    return watch(caller.raw());
  }

  /// The same for events, which are found up to 1 ms late without it. The subscriber must outlive
  /// the reactor, and stay where it is.
  Result<void> watch(RawSubscriber& subscriber) noexcept;
  template <class E>
  Result<void> watch(Subscriber<E>& subscriber) noexcept {
    return watch(subscriber.raw());
  }

  /// Waits for the next event without blocking the thread: timed_out when none comes in time. One
  /// coroutine at a time waits for a subscriber. `subscriber`: a Subscriber<E> or a RawSubscriber.
  template <class SubscriberType>
  [[nodiscard]] EventAwaiter<SubscriberType> next(SubscriberType& subscriber,
                                                  Duration timeout = forever) noexcept {
    return {list(), subscriber, timeout};
  }

  /// Sends, and waits without blocking the thread.
  template <class C>
  [[nodiscard]] ReplyAwaiter<TypedPending<typename C::Reply>> call(
      Caller<C>& caller, const typename C::Request& request,
      Duration timeout = default_timeout) noexcept {
    return {list(), caller.start(request, timeout)};
  }
  /// Waits for what was sent before, from a loan perhaps.
  template <class T>
  [[nodiscard]] ReplyAwaiter<TypedPending<T>> reply(TypedPending<T> pending) noexcept {
    return {list(), std::move(pending)};
  }
  [[nodiscard]] ReplyAwaiter<Pending> reply(Pending pending) noexcept {
    return {list(), std::move(pending)};
  }

  /// Resumes each coroutine that need not wait any longer; returns how many. Never blocks. What it
  /// resumes may wait again.
  Result<std::size_t> poll() noexcept;
  /// Until nobody waits, or until a stop is requested. Spinning never sleeps, adaptive spins for
  /// some microseconds first.
  Result<void> run(const std::stop_token& stop = {}, WaitMode wait = WaitMode::adaptive) noexcept;
  /// For an event loop of the program's own: readable when poll() has something to do, at the
  /// latest 10 ms after a deadline or a death. Idle, it stays quiet.
  [[nodiscard]] int fd() const noexcept;
  [[nodiscard]] bool idle() const noexcept;  ///< nobody waits

 private:
  explicit Reactor(std::unique_ptr<detail::ReactorState> state) noexcept;
  [[nodiscard]] detail::WaitNode& list() noexcept;
  std::unique_ptr<detail::ReactorState> state_;
};

/// A coroutine that nobody waits for: it begins at once and is gone when it has ended. An exception
/// that leaves it ends the process, as one that leaves a std::thread does.
struct Detached {
  struct promise_type {  // NOLINT: the name is the language's
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};

}  // namespace shmbus
