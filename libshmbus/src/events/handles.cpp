// The public classes of events: thin handles on their cores.
#include "events/publisher_core.hpp"
#include "events/subscriber_core.hpp"
#include "session/empty_handle.hpp"
#include "shmbus/event.hpp"

namespace shmbus {

namespace detail {

void let_go(SubscriberCore* core) noexcept { core->let_go(); }
void CloseSubscriber::operator()(SubscriberCore* core) const noexcept { core->close(); }
void ClosePublisher::operator()(PublisherCore* core) const noexcept { delete core; }

tl::unexpected<Error> event_size_mismatch(std::size_t got, std::size_t want) noexcept {
  Error error{ErrorKind::type_mismatch, 0, 0, {}};
  error.message.append("the event has ")
      .append(got)
      .append(" bytes, its type ")
      .append(want)
      .append(": both sides must be built with the same Event");
  return tl::unexpected<Error>(error);
}

tl::unexpected<Error> event_value_invalid(std::string_view member) noexcept {
  Error error{ErrorKind::corrupted, 0, 0, {}};
  error.message.append("'").append(member).append("' of the event holds no value of its type");
  return tl::unexpected<Error>(error);
}

}  // namespace detail

Result<std::uint64_t> EventLoan::publish() noexcept {
  if (core_ == nullptr) return detail::empty_handle<std::uint64_t>();
  return core_->publish_loaned(bytes_.size());
}

Result<std::uint64_t> RawPublisher::publish(std::span<const std::byte> event,
                                            Duration timeout) noexcept {
  if (core_ == nullptr) [[unlikely]]
    return detail::empty_handle<std::uint64_t>();
  return core_->publish(event, timeout);
}

Result<EventLoan> RawPublisher::loan(std::size_t bytes, Duration timeout) noexcept {
  if (core_ == nullptr) return detail::empty_handle<EventLoan>();
  const auto memory = core_->loan(bytes, timeout);
  if (!memory) return tl::unexpected<Error>(memory.error());
  return EventLoan(core_.get(), *memory);
}

Result<EventView> RawSubscriber::next(Duration timeout) noexcept {
  if (core_ == nullptr) [[unlikely]]
    return detail::empty_handle<EventView>();
  return core_->next(timeout);
}

bool RawSubscriber::ready() noexcept { return core_ == nullptr || core_->ready(); }
std::uint64_t RawSubscriber::missed() const noexcept {
  return core_ == nullptr ? 0 : core_->missed();
}

Result<int> RawSubscriber::fd() noexcept {
  if (core_ == nullptr) return detail::empty_handle<int>();
  return core_->fd();
}

Result<void> RawSubscriber::poll() noexcept {
  if (core_ == nullptr) return detail::empty_handle<void>();
  return core_->poll();
}

}  // namespace shmbus
