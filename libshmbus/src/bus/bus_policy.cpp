// Policies as part of the public Bus.
#include <unistd.h>

#include "policy/status.hpp"
#include "session/core.hpp"
#include "shmbus/bus.hpp"
#include "words/change.hpp"
#include "words/table.hpp"

namespace shmbus {
namespace {

tl::unexpected<Error> no_bus() noexcept {
  return fail(ErrorKind::invalid_argument, "this bus is empty: open it first");
}

/// Those who could do as they please anyhow, and who answers for the name.
bool may_set(const Attachment& bus, const layout::NameRecord& record) noexcept {
  const std::uint32_t uid = ::geteuid();
  return uid == 0 || uid == bus.creator_uid ||
         record.owner_uid.load(std::memory_order_relaxed) == uid;
}

bool may_make_names(const Attachment& bus) noexcept {
  const std::uint32_t uid = ::geteuid();
  return uid == 0 || uid == bus.creator_uid;
}

tl::unexpected<Error> not_yours() noexcept {
  return fail(ErrorKind::not_permitted,
              "a policy is set by root, by the user who created the bus, or by the one who "
              "registered the name");
}

}  // namespace

Result<void> Bus::set_policy(CommandName name, const Policy& policy) noexcept {
  if (!core_) return no_bus();
  const auto& bus = core_->attachment();
  if (!bus.intact()) return core_->not_intact();
  if (auto valid = names::check(name); !valid) return tl::unexpected<Error>(valid.error());
  const auto words = policy::encode(policy);
  if (!words) return tl::unexpected<Error>(words.error());
  auto record = names::find(bus.view, name);
  if (!record) {
    if (words->ask_nothing()) return {};
    if (!may_make_names(bus)) return not_yours();
    const auto made = names::intern(bus, name, false);
    if (!made) return tl::unexpected<Error>(made.error());
    record = *made;
  }
  if (!may_set(bus, bus.view.name(*record))) return not_yours();
  policy::change(bus, *record, *words);
  if (!bus.guard->was_intact()) return core_->not_intact();
  return {};
}

Result<Policy> Bus::policy(CommandName name) noexcept {
  if (!core_) return no_bus();
  const auto& bus = core_->attachment();
  if (!bus.intact()) return core_->not_intact();
  if (auto valid = names::check(name); !valid) return tl::unexpected<Error>(valid.error());
  const auto record = names::find(bus.view, name);
  const Policy found =
      record ? policy::decode(policy::load(bus.view.policy(*record).asked)) : Policy{};
  if (!bus.guard->was_intact()) return core_->not_intact();
  return found;
}

Result<PolicyStatus> Bus::policy_status(CommandName name) noexcept {
  if (!core_) return no_bus();
  const auto& bus = core_->attachment();
  if (!bus.intact()) return core_->not_intact();
  if (auto valid = names::check(name); !valid) return tl::unexpected<Error>(valid.error());
  const auto record = names::find(bus.view, name);
  const PolicyStatus status =
      record ? policy::status_of(bus.view, bus.rate, *record) : PolicyStatus{};
  if (!bus.guard->was_intact()) return core_->not_intact();
  return status;
}

}  // namespace shmbus
