// How a server that stands by gets its endpoint: from an owner that gives it away (hand_over.cpp),
// from one that has died or left, or, if it is asked to, from one that it kills.
//
//   {owner, nobody, gen, slot} ──CAS──► {owner, me, gen, slot}     and the owner is rung
//   {me, nobody, gen, other slot}                                  the owner gave it: it is ours
//   {owner, me, ..} ──CAS──► {owner, nobody, ..}                   the time is over
//
// A kill of the one that asks leaves its name in the standby field: the owner takes it out when it
// looks, any reclaimer before the endpoint of the dead goes free, another standby in its place.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "attach/kill.hpp"
#include "base/log.hpp"
#include "base/probes.hpp"
#include "base/testpoint.hpp"
#include "layout/text.hpp"
#include "os/futex.hpp"
#include "recovery/endpoint.hpp"
#include "schema/check.hpp"
#include "serve/server_core.hpp"
#include "words/draining.hpp"
#include "words/inbox.hpp"
#include "words/store.hpp"
#include "words/table.hpp"

namespace shmbus::detail {

using layout::BindingWord;
using layout::ControlWord;

namespace {

constexpr int take_over_spins = 2'000;
constexpr std::uint64_t asking_slice_ns = 1'000'000;
constexpr std::uint64_t standby_slice_ns = 10'000'000;                // alone
constexpr std::uint64_t standby_slice_under_daemon_ns = 100'000'000;  // the daemon wakes us
constexpr Duration death_takes = std::chrono::seconds(5);             // of a large process

ControlWord control_of(const segment::View& view, std::uint32_t endpoint) noexcept {
  // SYNC endpoint.control
  return {view.endpoint(endpoint).control.control.load(std::memory_order_acquire)};
}

BindingWord binding_of(const segment::View& view, std::uint32_t record) noexcept {
  // SYNC names.binding
  return {view.name(record).binding.load(std::memory_order_acquire)};
}

bool move_control(const segment::View& view, std::uint32_t endpoint, ControlWord seen,
                  ControlWord next) noexcept {
  // SYNC endpoint.control
  return view.endpoint(endpoint).control.control.compare_exchange_strong(
      seen.bits, next.bits, std::memory_order_acq_rel, std::memory_order_relaxed);
}

/// Takes us out of the standby field; false when the endpoint was given to us meanwhile.
bool withdraw(const Attachment& bus, std::uint32_t endpoint) noexcept {
  for (;;) {
    const ControlWord seen = control_of(bus.view, endpoint);
    if (seen.active() && seen.holder() == bus.me) return false;
    if (seen.standby() != bus.me) return true;
    if (move_control(bus.view, endpoint, seen, seen.with_standby({}))) return true;
  }
}

/// A ticket that names no lane, since the owner looks into its inbox anyway; and a bell, in case it
/// sleeps. Both are hints: it looks at its control word every now and then.
void ring(const segment::View& view, std::uint32_t endpoint) noexcept {
  auto& target = view.endpoint(endpoint);
  (void)inbox::push(view.inbox(endpoint), target.inbox_tail, inbox::no_lane, inbox::any_command);
  wait::bump_and_wake(target.events.count);
}

void append_process(Error& error, const segment::View& view, layout::ParticipantId party) noexcept {
  if (party.index() >= view.capacities().participants) return;
  const auto& process = view.participant(party.index());
  layout::TextBuffer<8> buffer{};
  error.message.append(layout::load_text(process.label, buffer))
      .append(", pid ")
      .append(process.pid.load(std::memory_order_relaxed));
}

}  // namespace

Result<void> ServerCore::stage(std::uint32_t record, const Schema& schema) {
  staged_.push_back({record, schema});
  return {};
}

/// Where living others serve names that we have handlers for.
std::vector<std::uint32_t> ServerCore::endpoints_to_take() {
  const auto& view = bus_->view();
  std::vector<std::uint32_t> endpoints;
  for (const Staged& staged : staged_) {
    const BindingWord binding = binding_of(view, staged.record);
    if (!binding.bound() || binding.endpoint() >= view.capacities().endpoints) continue;
    if (owned(binding.endpoint()) != nullptr) continue;
    recovery::recover_endpoint(attachment(), binding.endpoint());
    if (!binding.served_under(control_of(view, binding.endpoint()))) continue;
    if (std::find(endpoints.begin(), endpoints.end(), binding.endpoint()) == endpoints.end()) {
      endpoints.push_back(binding.endpoint());
    }
  }
  return endpoints;
}

/// The process that calls what that endpoint serves must find it here.
Result<void> ServerCore::check_fit(std::uint32_t endpoint) {
  const auto& view = bus_->view();
  const ControlWord control = control_of(view, endpoint);
  if (control.holder() == attachment().me && owned(endpoint) == nullptr) {
    return fail(ErrorKind::invalid_argument,
                "another server of this very Bus has these names: the one that takes over needs a "
                "Bus of its own");
  }
  Error missing{ErrorKind::already_registered, 0, 0, {}};
  missing.message.append("the server to be replaced also serves ");
  bool all_here = true;
  for (std::uint32_t record = 0; record < view.capacities().names; ++record) {
    const BindingWord binding = binding_of(view, record);
    if (!binding.bound() || binding.endpoint() != endpoint) continue;
    if (!binding.served_under(control)) continue;
    if (handlers_.find(record) == nullptr) {
      missing.message.append(all_here ? "'" : ", '")
          .append(names::text_of(view, record).view())
          .append("'");
      all_here = false;
    }
  }
  if (!all_here) {
    missing.message.append(": register these too before you take over");
    return tl::unexpected<Error>(missing);
  }
  for (const Staged& staged : staged_) {
    const BindingWord binding = binding_of(view, staged.record);
    if (binding.endpoint() != endpoint || !binding.served_under(control)) continue;
    schema::Registered theirs;
    schema::read(view, staged.record, binding, theirs);
    auto fits = schema::check(names::text_of(view, staged.record).view(), theirs, staged.schema);
    if (fits) continue;
    fits.error().message.append(" (\"caller\" is who takes over)");
    return fits;
  }
  return {};
}

Result<void> ServerCore::ask_for(std::uint32_t endpoint, ControlWord seen) noexcept {
  const auto& view = bus_->view();
  if (!move_control(view, endpoint, seen, seen.with_standby(attachment().me))) return {};
  SHMBUS_TESTPOINT("take_over.asked");
  // Names that were registered there after we looked, before it could see that we ask.
  const auto fits = without_throwing([&] { return check_fit(endpoint); });
  if (!fits && withdraw(attachment(), endpoint)) return fits;
  ring(view, endpoint);
  SHMBUS_TESTPOINT("take_over.rung");
  return {};
}

tl::unexpected<Error> ServerCore::not_given(std::uint32_t endpoint) const noexcept {
  const auto& view = bus_->view();
  const ControlWord control = control_of(view, endpoint);
  const auto draining = recovery::draining_at(view, endpoint);
  Error error{ErrorKind::timed_out, 0, 0, {}};
  if (!control.standby().nobody() && control.standby() != attachment().me) {
    append_process(error, view, control.standby());
    error.message.append(", is taking over from ");
    error.code = EBUSY;  // nobody is stuck
    append_process(error, view, control.holder());
  } else if (!draining.nobody()) {
    append_process(error, view, draining.party());
    error.message.append(", was replaced earlier and still owes answers, and so would ");
    append_process(error, view, control.holder());
  } else {
    append_process(error, view, control.holder());
    error.message.append(
        ", did not give way in time: it is stuck or stopped, or a handler of it "
        "takes long; IfUnresponsive::kill does not ask");
  }
  return tl::unexpected<Error>(error);
}

/// True: the endpoint is ours, and served from now on. False: the world moved, look again.
Result<bool> ServerCore::take_from(std::uint32_t endpoint, Deadline& deadline) {
  const auto& bus = attachment();
  auto& registrations = bus.view.bus_events().registrations;
  {
    const std::scoped_lock lock(endpoints_mutex_);
    endpoints_.reserve(endpoints_.size() + 1);
  }
  layout::ParticipantId from;
  for (std::uint32_t round = 0;; ++round) {
    const std::uint32_t rung = registrations.load(std::memory_order_acquire);  // SYNC wait.event
    const ControlWord seen = control_of(bus.view, endpoint);
    if (!bus.intact()) return bus_->not_intact();
    if (!seen.active()) return false;
    if (seen.holder() == bus.me) break;
    from = seen.holder();
    SHMBUS_TESTPOINT("take_over.looked");
    if (bus.dead(from)) {
      if (withdraw(bus, endpoint)) return false;
      break;  // it gave the endpoint and died
    }
    (void)recovery::recover_draining(bus, endpoint);
    if (seen.standby() != bus.me && (seen.standby().nobody() || bus.dead(seen.standby()))) {
      if (auto asked = ask_for(endpoint, seen); !asked) return tl::unexpected<Error>(asked.error());
      for (int i = 0; i < take_over_spins; ++i) {
        if (control_of(bus.view, endpoint).holder() == bus.me) break;
        wait::cpu_relax();
      }
      continue;
    }
    const std::uint64_t left = deadline.left_ns(wait::ticks());
    if (left == 0) {
      const auto why = not_given(endpoint);
      if (withdraw(bus, endpoint)) return why;
      break;  // at the last moment
    }
    wait::futex_wait(registrations, rung, std::min(left, asking_slice_ns));
    if (round % 64 == 63) ring(bus.view, endpoint);
  }
  SHMBUS_TESTPOINT("take_over.given");
  try {
    mailbox_.expect_bell();
    auto held = serve::OwnedEndpoint::succeed(bus, endpoint, control_of(bus.view, endpoint),
                                              options_, label_);
    SHMBUS_TESTPOINT("take_over.moved_in");
    probes::take_over(endpoint, from.bits, bus.me.bits, 0);
    const auto kept = keep(std::move(held));
    if (!kept) return tl::unexpected<Error>(kept.error());
  } catch (...) {
    recovery::vacate_own_endpoint(bus, endpoint);  // nobody would serve it
    throw;
  }
  return true;
}

/// Registered there after we asked, and unknown here.
void ServerCore::drop_unknown_names(const serve::OwnedEndpoint& held) noexcept {
  for (std::uint32_t record = 0; record < bus_->view().capacities().names; ++record) {
    const BindingWord binding = binding_of(bus_->view(), record);
    if (!binding.bound() || binding.endpoint() != held.index() || binding.owner() != held.gen()) {
      continue;
    }
    if (handlers_.find(record) == nullptr) unbind(record);
  }
}

/// A name that already leads to an endpoint of ours stays as it is, and no caller looks it up anew,
/// unless its types have grown.
Result<bool> ServerCore::bind_one_staged(const Staged& staged) {
  const BindingWord binding = binding_of(bus_->view(), staged.record);
  const auto* held = binding.bound() ? owned(binding.endpoint()) : nullptr;
  if (held != nullptr && held->gen() == binding.owner()) {
    schema::Registered known;
    schema::read(bus_->view(), staged.record, binding, known);
    if (known.known != schema::Known::nothing && known.hash == staged.schema.hash) return true;
  }
  return bind(staged.record, staged.schema);
}

Result<void> ServerCore::bind_staged() {
  for (const auto& held : endpoints_) drop_unknown_names(*held);
  for (const Staged& staged : staged_) {
    for (;;) {
      const auto done = bind_one_staged(staged);
      if (!done) return tl::unexpected<Error>(done.error());
      if (*done) break;
    }
  }
  SHMBUS_TESTPOINT("take_over.bound");
  standing_by_ = false;
  staged_.clear();
  return {};
}

Result<void> ServerCore::take_over(Duration timeout, IfUnresponsive if_unresponsive) {
  if (!attachment().intact()) return bus_->not_intact();
  if (!standing_by_ || running_) {
    return fail(ErrorKind::invalid_argument,
                "only a server that stands by (ServeOptions::stand_by) takes over, once");
  }
  Deadline deadline(attachment(), timeout);
  bool killed = false;
  for (;;) {
    const auto endpoints = endpoints_to_take();
    if (endpoints.empty()) {
      auto bound = bind_staged();
      if (bound || bound.error().kind != ErrorKind::already_registered) return bound;
      give_back_unnamed_endpoints();
      if (deadline.over(wait::ticks())) return bound;
      continue;  // somebody was quicker than we: then from them
    }
    for (const std::uint32_t held : endpoints) {
      if (auto fits = check_fit(held); !fits) return fits;
    }
    for (const std::uint32_t held : endpoints) {
      const layout::ParticipantId holder = control_of(bus_->view(), held).holder();
      const auto taken = take_from(held, deadline);
      if (taken) continue;
      if (taken.error().kind != ErrorKind::timed_out || if_unresponsive != IfUnresponsive::kill ||
          taken.error().code == EBUSY || killed) {
        return tl::unexpected<Error>(taken.error());
      }
      if (control_of(bus_->view(), held).holder() != holder) continue;
      if (auto shot = liveness::kill_process_of(attachment(), holder); !shot) return shot;
      killed = true;
      deadline = Deadline(attachment(), death_takes);
      break;
    }
  }
}

Result<bool> ServerCore::stand_by(Duration timeout) {
  if (!attachment().intact()) return bus_->not_intact();
  if (!standing_by_ || running_) {
    return fail(ErrorKind::invalid_argument, "this server does not stand by, or not any more");
  }
  const auto& bus = attachment();
  Deadline deadline(bus, timeout);
  auto& registrations = bus.view.bus_events().registrations;
  for (;;) {
    const std::uint32_t seen = registrations.load(std::memory_order_acquire);  // SYNC wait.event
    if (endpoints_to_take().empty()) {
      const auto bound = bind_staged();
      if (bound) return true;
      if (bound.error().kind != ErrorKind::already_registered) {
        return tl::unexpected<Error>(bound.error());
      }
      // Another was quicker with one of the names: let go of the others, none is served by halves,
      // and what waits at their endpoints is not ours to run. They go on leading there, vacant:
      // the process that takes them next takes the endpoint, with what waits.
      while (!endpoints_.empty()) give_back(endpoints_.back()->index());
    }
    if (!bus.intact()) return bus_->not_intact();
    const std::uint64_t left = deadline.left_ns(wait::ticks());
    if (left == 0) return false;
    const auto slice =
        bus.prober->daemon_present() ? standby_slice_under_daemon_ns : standby_slice_ns;
    wait::futex_wait(registrations, seen, std::min(left, slice));
  }
}

}  // namespace shmbus::detail
