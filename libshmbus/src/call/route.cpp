// Where the commands of a caller go when several endpoints serve the name: to the canary or not, by
// a number or a label that never changes for this caller; within a group to whichever member has
// least to do, or to one that it stays with.
#include <algorithm>
#include <utility>

#include "call/balance.hpp"
#include "call/caller_core.hpp"
#include "layout/limits.hpp"
#include "os/futex.hpp"
#include "recovery/endpoint.hpp"
#include "recovery/live_place.hpp"
#include "schema/check.hpp"
#include "session/core.hpp"
#include "trace/serving.hpp"

namespace shmbus::detail {

using layout::BindingWord;
using layout::RouteWord;
using names::Members;

namespace {

constexpr std::uint64_t group_drain_slice_ns = 200'000;

/// Of a process and thread, spread evenly over all 32-bit numbers however few callers there are:
/// the multiples of an irrational number never lie close together.
std::uint32_t caller_number(const Attachment& bus) noexcept {
  static std::atomic<std::uint32_t> threads{0};
  thread_local const std::uint32_t thread = threads.fetch_add(1, std::memory_order_relaxed);
  return static_cast<std::uint32_t>(
      (bus.me.index() * 0x9E3779B97F4A7C15ULL + thread * 0xD1B54A32D192ED03ULL) >> 32U);
}

}  // namespace

bool CallerCore::is_canarys(RouteWord route) const noexcept {
  switch (route.rule()) {
    case RouteWord::Rule::share:
      return caller_number(bus()) <= route.value();
    case RouteWord::Rule::label:
      return names::label_hash(port_->bus().label()) == route.value();
    case RouteWord::Rule::nobody:
      break;
  }
  return false;
}

/// REQUIRES: members.routed()
std::optional<CallerCore::Destination> CallerCore::routed_destination(
    const Members& members) noexcept {
  const auto& view = bus().view;
  const auto live = names::live_place(bus(), members);
  Destination to{{}, members.word[0].bits, true, false};
  if (const auto canary = members.canary();
      canary && is_canarys(members.route) && names::takes(view, members.word[*canary])) {
    to.word = members.word[*canary];
    return to;
  }
  if (live) {
    to.word = members.word[*live];
    if (!members.group() || live == members.canary()) return to;
    if (options_.in_group == InGroup::least_busy && !bridge_) {
      to.balanced = true;
      return to;
    }
    // Pinned: it stays where it is.
    if (const auto here = lane_ ? members.place_of(lane_->lane.endpoint_index()) : std::nullopt;
        here && here != members.canary() && names::takes(view, members.word[*here])) {
      to.word = members.word[*here];
      return to;
    }
    return Destination{pick_member(members), to.seen, true, false};
  }
  // Nobody serves it now. The process that comes next takes the endpoint that the binding leads to.
  const bool vacant =
      members.word[0].bound() && !names::control_of(view, members.word[0].endpoint()).active();
  if (!vacant || options_.when_vacant != WhenVacant::wait) return std::nullopt;
  to.word = members.word[0];
  return to;
}

/// For a caller that stays with one member: the one that has least to do now.
BindingWord CallerCore::pick_member(const Members& members) noexcept {
  const auto live = names::taking_place(bus().view, members);
  const BindingWord any = members.word[live.value_or(0)];
  if (!make_balance()) return any;
  balance_->load(members, [](LeasedLane&) {});
  return balance_->empty() ? any : balance_->choose(*port_).word;
}

bool CallerCore::make_balance() noexcept {
  if (balance_) return true;
  (void)without_throwing([this]() -> Result<void> {
    balance_ = std::make_unique<Balance>(bus());
    return {};
  });
  return balance_ != nullptr;
}

/// What is asked of members' types is what any of them registered: they agree with each other.
Result<void> CallerCore::check_routed_types() const noexcept {
  if (schema_.text.empty()) return {};
  const Members members = names::load_members(bus().view, *record_);
  schema::Registered theirs;
  for (const BindingWord word : members.word) {
    if (!names::served(bus().view, word)) continue;
    schema::read(bus().view, *record_, word, theirs);
    if (theirs.known != schema::Known::nothing) return schema::check(name_.text, theirs, schema_);
  }
  return {};
}

/// The endpoints of the group, loaded anew. Nobody comes back to those that are gone: what waits
/// there and was not taken over is withdrawn.
Result<LeasedLane*> CallerCore::spread_over(Deadline& deadline) noexcept {
  if (!make_balance()) return fail(ErrorKind::overloaded, "out of memory for a group's endpoints");
  const Members members = names::load_members(bus().view, *record_);
  balance_->load(members, [&](LeasedLane& gone) {
    if (!gone.retired && !members.place_of(gone.lane.endpoint_index())) {
      port_->withdraw(gone, *record_);
    }
  });
  if (balance_->empty()) return nullptr;
  balanced_ = true;
  return least_busy(deadline);
}

/// The lane of the endpoint that has least to do; null when the endpoints must be loaded anew.
Result<LeasedLane*> CallerCore::least_busy(Deadline& deadline) noexcept {
  auto& member = balance_->choose(*port_);
  if (!member.lane || member.lane->retired) {
    auto lane = lane_to(member.word.endpoint(), deadline);
    if (!lane) return tl::unexpected<Error>(lane.error());
    if (*lane == nullptr) return nullptr;
    member.lane = std::move(*lane);
  }
  if (member.lane->lane.endpoint().attention.attention.load(std::memory_order_relaxed) ==
          static_cast<std::uint32_t>(layout::Attention::vacant) &&
      !names::takes(bus().view, member.word)) {
    return nullptr;
  }
  if (lane_ != member.lane) {
    if (lane_ && !lane_->retired) lane_->lane.notify();  // what was sent with Notify::later
    lane_ = member.lane;
    adopt_lane();
  }
  return lane_.get();
}

/// Waits until everything that was sent to the old lane has been started: what is sent to the new
/// one then comes after it. Bounded by the caller's own deadline.
Result<void> CallerCore::drain(LeasedLane& old, Deadline& deadline) noexcept {
  const auto& view = bus().view;
  const lane::Ticket last{0, old.lane.head().counters.published.load(std::memory_order_relaxed)};
  const std::uint64_t spin_for = bus().rate.from_ns(wait::spin_max_ns);
  const std::uint64_t began = wait::ticks();
  old.lane.notify();
  while (!old.lane.maybe_started(last)) {
    if (!bus().intact()) return unusable();
    const std::uint32_t endpoint = old.lane.endpoint_index();
    const Members members = names::load_members(view, *record_);
    const bool vacant = !names::control_of(view, endpoint).active();
    if (!members.place_of(endpoint) ||
        (vacant && !names::awaits_adoption(view, members, endpoint))) {
      port_->withdraw(old, *record_);
      return {};
    }
    const std::uint64_t now = wait::ticks();
    if (deadline.over(now)) {
      return tl::unexpected<Error>(
          Error{ErrorKind::timed_out,
                0,
                0,
                "its callers were moved to another handler, and the one before has not yet begun "
                "what this caller had sent: this command was not sent",
                {},
                true});
    }
    if (!enclosing_wanted()) return cancelled_error();
    if (serves_now(bus(), endpoint)) return in_circle();
    if (now - began < spin_for) {
      wait::cpu_relax();
      continue;
    }
    recovery::recover_endpoint(bus(), endpoint);
    wait::pause_for(std::min(deadline.left_ns(now), group_drain_slice_ns));
  }
  return {};
}

/// For nobody_will_serve(), of an endpoint without owner.
bool CallerCore::nobody_takes_over(const LeasedLane& lane) const noexcept {
  const Members members = names::load_members(bus().view, *record_);
  const std::uint32_t endpoint = lane.lane.endpoint_index();
  if (!members.place_of(endpoint)) return true;
  if (names::awaits_adoption(bus().view, members, endpoint)) return false;
  return options_.when_vacant == WhenVacant::fail;
}

}  // namespace shmbus::detail
