// The public class Bus: opening, and making callers and servers.
#include "shmbus/bus.hpp"

#include <algorithm>
#include <utility>

#include "bus/watch.hpp"
#include "call/caller_core.hpp"
#include "events/publisher_core.hpp"
#include "events/subscriber_core.hpp"
#include "os/futex.hpp"
#include "recovery/endpoint.hpp"
#include "recovery/live_place.hpp"
#include "recovery/participant.hpp"
#include "serve/server_core.hpp"
#include "session/check_options.hpp"
#include "session/core.hpp"
#include "words/members.hpp"
#include "words/table.hpp"

namespace shmbus {

namespace {

constexpr std::uint64_t availability_slice_ns = 50'000'000;

Error empty_bus() noexcept {
  return {ErrorKind::invalid_argument, 0, 0, "this bus is empty: open it first"};
}

bool is_available(const Attachment& bus, const CommandName& name) noexcept {
  const auto record = names::find(bus.view, name);
  if (!record) return false;
  return names::live_place(bus, names::load_members(bus.view, *record)).has_value();
}

}  // namespace

Result<Bus> Bus::open(std::string_view name_or_path, const OpenOptions& options) noexcept {
  return detail::without_throwing([&]() -> Result<Bus> {
    auto core = detail::BusCore::open(name_or_path, {options, false});
    if (!core) return tl::unexpected<Error>(core.error());
    return Bus(std::move(*core));
  });
}

Result<Server> Bus::serve(const ServeOptions& options) noexcept {
  if (!core_) return tl::unexpected<Error>(empty_bus());
  if (!core_->attachment().intact()) return core_->not_intact();
  if (auto sound = detail::check(options); !sound) return tl::unexpected<Error>(sound.error());
  return detail::without_throwing([&]() -> Result<Server> {
    auto core = std::make_shared<detail::ServerCore>(core_, options);
    if (options.workers != 0) core->start_workers(core);
    return Server(std::move(core));
  });
}

Result<RawCaller> Bus::caller(CommandName name, const CallerOptions& options,
                              const Schema& schema) noexcept {
  if (!core_) return tl::unexpected<Error>(empty_bus());
  if (!core_->attachment().intact()) return core_->not_intact();
  if (auto valid = names::check(name); !valid) return tl::unexpected<Error>(valid.error());
  if (auto sound = detail::check(options); !sound) return tl::unexpected<Error>(sound.error());
  return detail::without_throwing([&]() -> Result<RawCaller> {
    auto port = detail::Port::of_this_thread(core_);
    if (!port) return tl::unexpected<Error>(port.error());
    auto caller = std::make_unique<detail::CallerCore>(std::move(*port), name, options, schema);
    if (auto same = caller->check_types(); !same) return tl::unexpected<Error>(same.error());
    detail::CallerRef reference(caller.get(), &caller->count);
    (void)caller.release();  // the references count from here on
    return RawCaller(std::move(reference));
  });
}

Result<RawPublisher> Bus::publisher(CommandName name, const PublisherOptions& options,
                                    const Schema& schema) noexcept {
  if (!core_) return tl::unexpected<Error>(empty_bus());
  if (!core_->attachment().intact()) return core_->not_intact();
  return detail::without_throwing([&]() -> Result<RawPublisher> {
    auto core = detail::PublisherCore::open(core_, name, options, schema);
    if (!core) return tl::unexpected<Error>(core.error());
    return RawPublisher(
        std::unique_ptr<detail::PublisherCore, detail::ClosePublisher>(core->release()));
  });
}

Result<RawSubscriber> Bus::subscribe(CommandName name, const SubscriberOptions& options,
                                     const Schema& schema) noexcept {
  if (!core_) return tl::unexpected<Error>(empty_bus());
  if (!core_->attachment().intact()) return core_->not_intact();
  if (auto sound = detail::check(options); !sound) return tl::unexpected<Error>(sound.error());
  return detail::without_throwing([&]() -> Result<RawSubscriber> {
    auto core = detail::SubscriberCore::open(core_, name, options, schema);
    if (!core) return tl::unexpected<Error>(core.error());
    return RawSubscriber(
        std::unique_ptr<detail::SubscriberCore, detail::CloseSubscriber>(core->release()));
  });
}

Result<void> Bus::wait_until_available(CommandName name, Duration timeout) noexcept {
  if (!core_) return tl::unexpected<Error>(empty_bus());
  const auto& bus = core_->attachment();
  if (!bus.intact()) return core_->not_intact();
  if (auto valid = names::check(name); !valid) return valid;
  detail::Deadline deadline(bus, timeout);
  auto& registrations = bus.view.bus_events().registrations;
  for (;;) {
    const std::uint32_t seen = registrations.load(std::memory_order_acquire);  // SYNC wait.event
    const bool available = is_available(bus, name);
    if (!bus.guard->was_intact()) return core_->not_intact();
    if (available) return {};
    const std::uint64_t left = deadline.left_ns(wait::ticks());
    if (left == 0) {
      Error error{ErrorKind::timed_out, 0, 0, {}};
      error.message.append("no live handler took '").append(name.text).append("' in time");
      return tl::unexpected<Error>(error);
    }
    wait::futex_wait(registrations, seen, std::min(left, availability_slice_ns));
  }
}

Result<NameWatch> Bus::watch(std::span<const std::string_view> names) noexcept {
  if (!core_) return tl::unexpected<Error>(empty_bus());
  if (!core_->attachment().intact()) return core_->not_intact();
  for (const auto name : names) {
    const std::string_view why = why_no_name(name);
    if (!why.empty()) return fail(ErrorKind::invalid_argument, why);
  }
  return detail::without_throwing([&]() -> Result<NameWatch> {
    return NameWatch(std::make_unique<detail::NameWatchCore>(
        core_, std::vector<std::string>(names.begin(), names.end())));
  });
}

Result<std::size_t> Bus::reclaim() noexcept {
  if (!core_) return tl::unexpected<Error>(empty_bus());
  if (!core_->attachment().intact()) return core_->not_intact();
  const std::size_t reclaimed = recovery::reclaim_all(core_->attachment());
  if (!core_->attachment().guard->was_intact()) return core_->not_intact();
  return reclaimed;
}

std::string_view Bus::path() const noexcept {
  return core_ ? std::string_view{core_->path()} : std::string_view{};
}

std::uint64_t Bus::segment_bytes() const noexcept {
  return core_ ? core_->view().geometry().segment_bytes : 0;
}

}  // namespace shmbus
