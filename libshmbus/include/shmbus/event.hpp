// Events: one publisher's values to many subscribers, with the last ones for those that come late.
//
//   struct Tick { std::uint64_t instrument; std::int64_t price; };
//   using Price = shmbus::Event<"price.changed", Tick>;
//
//   auto out = bus->publisher<Price>({.keep = 64});
//   out->publish({7, 10'150});
//
//   auto in = bus->subscribe<Price>({.from = shmbus::From::latest});
//   while (auto event = in->next(1s)) use(**event, event->sequence());
//
// An event is written once and read in place by all. Each subscriber gets the events of one
// publisher in their order, each once; between publishers there is no order. A subscriber that is
// slower than a publisher misses some and counts them (WhenSlow::skip), or holds the publisher up
// (WhenSlow::hold). A subscriber that is killed holds up nobody. Of a publisher that is killed,
// everything it published before is there.
//
// A name is a command's or an event's, decided by its first registration, for the life of the bus.
//
// Limits    16 subscribers of one name at a time; Capacities::broadcasts publishers of all names,
//           those included that have left and whose last events are kept; limit_reached names the
//           one that is used up.
// Threads   See publisher.hpp and subscriber.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shmbus/command.hpp"
#include "shmbus/error.hpp"
#include "shmbus/publisher.hpp"
#include "shmbus/schema.hpp"
#include "shmbus/schema/check.hpp"
#include "shmbus/schema/growth.hpp"
#include "shmbus/subscriber.hpp"
#include "shmbus/tsan.hpp"
#include "shmbus/types/in_message.hpp"

namespace shmbus {

template <FixedString Name, class ValueType>
struct Event {
  using Value = ValueType;

  /// The name as a type, for messages of the compiler.
  static constexpr std::string_view text = Name.view();
  using Label = detail::LabelOf<text>;

  static_assert(detail::require_safe<Label, Value>(), "see the member that is named above");
  static_assert(alignof(Value) <= 16, "events are aligned to 16 bytes");
  static_assert(!Name.view().empty() && Name.view().size() <= name_bytes_max,
                "the name of an event has 1 to 128 bytes");
  static_assert(is_valid_name(Name.view()),
                "the name of an event is UTF-8 text without control and format characters: "
                "name.hpp");

  static constexpr CommandName name{text};
};

/// Of an Event.
template <class E>
inline constexpr Schema event_schema_of = detail::make_schema<typename E::Value, Nothing>();

namespace detail {
SHMBUS_API tl::unexpected<Error> event_size_mismatch(std::size_t got, std::size_t want) noexcept;
SHMBUS_API tl::unexpected<Error> event_value_invalid(std::string_view member) noexcept;
}  // namespace detail

/// An event of a known type, in place. See EventView.
template <class T>
class Received {
 public:
  explicit Received(EventView view) noexcept : view_(std::move(view)) {
    if constexpr (may_be_earlier) {
      if (view_.bytes().size() < sizeof(T)) {
        std::memcpy(static_cast<void*>(&earlier_), view_.bytes().data(), view_.bytes().size());
      }
    }
  }
  [[nodiscard]] const T& operator*() const noexcept {
    if constexpr (may_be_earlier) {
      // What a publisher that was built before T grew does not know of is absent.
      if (view_.bytes().size() < sizeof(T)) return earlier_;
    }
    return *reinterpret_cast<const T*>(view_.bytes().data());
  }
  [[nodiscard]] const T* operator->() const noexcept { return &**this; }
  /// All of it: what Text and Array<T> are read with.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return view_.bytes(); }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return view_.sequence(); }
  [[nodiscard]] std::uint32_t publisher() const noexcept { return view_.publisher(); }

 private:
  static constexpr bool may_be_earlier = detail::grows<T> || detail::wire_bytes<T> == 0;
  EventView view_;
  [[no_unique_address]] std::conditional_t<may_be_earlier, T, detail::Unused> earlier_{};
};

namespace detail {
template <class T>
Result<Received<T>> typed_event(Result<EventView> view) noexcept {
  if (!view) [[unlikely]]
    return tl::unexpected<Error>(view.error());
  tsan_observe();
  const std::size_t bytes = view->bytes().size();
  bool fits = bytes == wire_bytes<T>;
  if constexpr (wire_bytes<T> != 0) fits = fits || fits_message<T>(bytes);
  if (!fits) [[unlikely]]
    return event_size_mismatch(bytes, wire_bytes<T>);
  Received<T> event(std::move(*view));
  if constexpr (is_checkable<T>()) {
    if (const auto bad = first_bad(*event); !bad.empty()) [[unlikely]]
      return event_value_invalid(bad);
  }
  return event;
}
}  // namespace detail

/// Memory for an event of a known type. See EventLoan.
template <class E>
class TypedEventLoan {
 public:
  using Value = typename E::Value;

  explicit TypedEventLoan(EventLoan loan) noexcept : loan_(loan) {}
  [[nodiscard]] Value& operator*() noexcept {
    return *reinterpret_cast<Value*>(loan_.bytes().data());
  }
  [[nodiscard]] Value* operator->() noexcept { return &**this; }
  /// Places what Text and Array<T> of the event name; what is not used is not published.
  [[nodiscard]] Tail& tail() noexcept {
    if (tail_.used() == 0) tail_ = Tail(loan_.bytes(), detail::wire_bytes<Value>);
    return tail_;
  }
  Result<std::uint64_t> publish() noexcept {
    if constexpr (detail::has_tail<Value>()) loan_.shrink(tail().used());
    detail::tsan_publish();
    return loan_.publish();
  }

 private:
  EventLoan loan_;
  Tail tail_;
};

/// Publishes one event whose type is known. A thin layer on RawPublisher.
template <class E>
class Publisher {
 public:
  using Value = typename E::Value;

  Publisher() noexcept = default;
  explicit Publisher(RawPublisher raw) noexcept : raw_(std::move(raw)) {}

  Result<std::uint64_t> publish(const Value& value, Duration timeout = default_timeout) noexcept {
    static_assert(!detail::has_tail<Value>(),
                  "Text and Array<T> lie behind their struct: publish such events with loan()");
    detail::tsan_publish();
    return raw_.publish(detail::bytes_of(value), timeout);
  }
  /// The event is default-constructed in the segment. `tail_bytes` more lie behind it, for its Text
  /// and Array<T>: PublisherOptions::event_bytes must have room for both.
  [[nodiscard]] Result<TypedEventLoan<E>> loan(std::size_t tail_bytes = 0,
                                               Duration timeout = default_timeout) noexcept {
    auto loan = raw_.loan(detail::wire_bytes<Value> + tail_bytes, timeout);
    if (!loan) return tl::unexpected<Error>(loan.error());
    ::new (static_cast<void*>(loan->bytes().data())) Value;
    return TypedEventLoan<E>(*loan);
  }
  [[nodiscard]] RawPublisher& raw() noexcept { return raw_; }

 private:
  RawPublisher raw_;
};

/// Reads one event whose type is known. A thin layer on RawSubscriber.
template <class E>
class Subscriber {
 public:
  using Value = typename E::Value;

  Subscriber() noexcept = default;
  explicit Subscriber(RawSubscriber raw) noexcept : raw_(std::move(raw)) {}

  /// As RawSubscriber::next(). type_mismatch and corrupted also for an event that is no Value: it
  /// is let go of, and the next call goes on behind it.
  [[nodiscard]] Result<Received<Value>> next(Duration timeout = default_timeout) noexcept {
    return detail::typed_event<Value>(raw_.next(timeout));
  }
  [[nodiscard]] bool ready() noexcept { return raw_.ready(); }
  [[nodiscard]] std::uint64_t missed() const noexcept { return raw_.missed(); }
  [[nodiscard]] Result<int> fd() noexcept { return raw_.fd(); }
  Result<void> poll() noexcept { return raw_.poll(); }
  [[nodiscard]] RawSubscriber& raw() noexcept { return raw_; }

 private:
  RawSubscriber raw_;
};

}  // namespace shmbus
