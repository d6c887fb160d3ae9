// A bus: one shared-memory segment that processes open by name.
//
//   name            where
//   "shop"          /dev/shm/shmbus.shop
//   "/run/x/bus"    that file (any value with a '/'): one bind-mounted folder serves containers
//
// The first to open it creates it; no daemon is needed. It stays after the last process has gone
// and is reused, or replaced when its layout is of another version and nobody has it open.
// Processes that were killed leave nothing to clean up.
//
// Threads   A Bus may be shared by threads.
// Fork      Handles do not survive fork(): every operation of the child returns `forked`. exec() is
//           fine.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "shmbus/caller.hpp"
#include "shmbus/error.hpp"
#include "shmbus/event.hpp"
#include "shmbus/export.hpp"
#include "shmbus/name_watch.hpp"
#include "shmbus/options.hpp"
#include "shmbus/policy.hpp"
#include "shmbus/schema.hpp"
#include "shmbus/server.hpp"

namespace shmbus {

namespace detail {
class BusCore;
}

class SHMBUS_API Bus {
 public:
  Bus() noexcept = default;

  /// Opens the bus, creating it unless options.create is false.
  [[nodiscard]] static Result<Bus> open(std::string_view name_or_path,
                                        const OpenOptions& options = {}) noexcept;

  /// An endpoint for handlers. It takes part once its first name is registered.
  [[nodiscard]] Result<Server> serve(const ServeOptions& options = {}) noexcept;

  /// For this thread. The name need not be registered yet: calls tell.
  [[nodiscard]] Result<RawCaller> caller(CommandName name, const CallerOptions& options = {},
                                         const Schema& schema = {}) noexcept;
  /// The same for known types: type_mismatch when the owner of the name has others, here if it has
  /// one already, else with the first call.
  template <class C>
  [[nodiscard]] Result<Caller<C>> caller(const CallerOptions& options = {}) noexcept {
    auto raw = caller(C::name, options, schema_of<C>);
    if (!raw) return tl::unexpected<Error>(raw.error());
    return Caller<C>(std::move(*raw));
  }

  /// Publishes events of that name. The publisher goes on in the lane of one that left or died, if
  /// there is one of the same size. already_registered when the name is a command's; limit_reached
  /// names the capacity that is used up.
  [[nodiscard]] Result<RawPublisher> publisher(CommandName name,
                                               const PublisherOptions& options = {},
                                               const Schema& schema = {}) noexcept;
  /// The same for a known type: type_mismatch when the name has another.
  template <class E>
  [[nodiscard]] Result<Publisher<E>> publisher(const PublisherOptions& options = {}) noexcept {
    auto raw = publisher(E::name, options, event_schema_of<E>);
    if (!raw) return tl::unexpected<Error>(raw.error());
    return Publisher<E>(std::move(*raw));
  }

  /// Reads the events of that name, of all publishers. There need not be any yet.
  [[nodiscard]] Result<RawSubscriber> subscribe(CommandName name,
                                                const SubscriberOptions& options = {},
                                                const Schema& schema = {}) noexcept;
  template <class E>
  [[nodiscard]] Result<Subscriber<E>> subscribe(const SubscriberOptions& options = {}) noexcept {
    auto raw = subscribe(E::name, options, event_schema_of<E>);
    if (!raw) return tl::unexpected<Error>(raw.error());
    return Subscriber<E>(std::move(*raw));
  }

  /// Returns once a live handler has the name; timed_out otherwise.
  Result<void> wait_until_available(CommandName name, Duration timeout) noexcept;

  /// Tells when these names come and go; none: all names of the bus, present and future. See
  /// name_watch.hpp. invalid_argument for a name that no command can have.
  [[nodiscard]] Result<NameWatch> watch(std::span<const std::string_view> names = {}) noexcept;
  [[nodiscard]] Result<NameWatch> watch(std::initializer_list<std::string_view> names) noexcept {
    return watch(std::span(names.begin(), names.size()));
  }

  /// What is asked of everybody who calls or sends to this name, from their next command on, in all
  /// processes; it replaces what was asked before. The name need not be registered. not_permitted
  /// unless this process is root, the user who created the bus, or the one who registered the name.
  Result<void> set_policy(CommandName name, const Policy& policy) noexcept;
  Result<void> clear_policy(CommandName name) noexcept { return set_policy(name, {}); }
  /// An empty one when none was set.
  [[nodiscard]] Result<Policy> policy(CommandName name) noexcept;
  [[nodiscard]] Result<PolicyStatus> policy_status(CommandName name) noexcept;

  /// What the present or last owner of the name said of its types. not_registered when nobody ever
  /// registered it.
  [[nodiscard]] Result<RegisteredTypes> registered_types(CommandName name) noexcept;

  /// Frees what dead participants held; returns how many were reclaimed. Done as needed by others
  /// too: at open, by waiting callers, by the daemon.
  Result<std::size_t> reclaim() noexcept;

  [[nodiscard]] std::string_view path() const noexcept;
  [[nodiscard]] std::uint64_t segment_bytes() const noexcept;
  [[nodiscard]] bool valid() const noexcept { return core_ != nullptr; }

 private:
  friend class Span;
  explicit Bus(std::shared_ptr<detail::BusCore> core) noexcept : core_(std::move(core)) {}
  std::shared_ptr<detail::BusCore> core_;
};

}  // namespace shmbus
