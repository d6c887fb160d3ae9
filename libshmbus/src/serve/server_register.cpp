// Registering and giving up names. Lock-free: a name is bound by one CAS of its binding word, an
// endpoint is taken by one CAS of its control word, and each is retried from what was seen.
#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/log.hpp"
#include "base/probes.hpp"
#include "base/testpoint.hpp"
#include "layout/participant.hpp"
#include "layout/text.hpp"
#include "os/futex.hpp"
#include "recorder/recorder.hpp"
#include "recovery/endpoint.hpp"
#include "recovery/live_place.hpp"
#include "recovery/participant.hpp"
#include "serve/server_core.hpp"
#include "serve/workers.hpp"
#include "session/check_options.hpp"
#include "words/members.hpp"
#include "words/quota.hpp"
#include "words/store.hpp"
#include "words/table.hpp"

namespace shmbus::detail {

using layout::BindingWord;
using layout::ControlWord;
using serve::OwnedEndpoint;

namespace {

ControlWord load_control(const segment::View& view, std::uint32_t endpoint) noexcept {
  // SYNC endpoint.control
  return {view.endpoint(endpoint).control.control.load(std::memory_order_acquire)};
}

BindingWord load_binding(const segment::View& view, std::uint32_t record) noexcept {
  // SYNC names.binding
  return {view.name(record).binding.load(std::memory_order_acquire)};
}

/// One CAS from exactly what was seen.
bool rebind(const segment::View& view, std::uint32_t record, BindingWord seen,
            BindingWord next) noexcept {
  if (SHMBUS_MISTAKE("binding.blind")) seen = load_binding(view, record);
  // SYNC names.binding
  return view.name(record).binding.compare_exchange_strong(
      seen.bits, next.bits, std::memory_order_acq_rel, std::memory_order_relaxed);
}

/// The types come first, under the binding that is about to be: the process that finds the name
/// bound finds them. Another registrant may have been writing there too, so the winner looks once
/// more.
bool bind_to(const segment::View& view, std::uint32_t record, BindingWord seen,
             const OwnedEndpoint& held, const Schema& types) noexcept {
  const auto next = seen.followed_by(held.gen(), held.index());
  schema::publish(view, record, types, next);
  SHMBUS_TESTPOINT("name.schema");
  if (!rebind(view, record, seen, next)) return false;
  if (!schema::is_published(view, record, next)) schema::publish(view, record, types, next);
  return true;
}

/// Endpoints that nobody owns, those that no name leads to first, each kind from the lowest: a
/// server that is restarted gets its old endpoint, and its callers keep their lanes.
std::vector<std::uint32_t> vacant_endpoints(const segment::View& view) {
  std::vector<bool> named(view.capacities().endpoints);
  for (std::uint32_t record = 0; record < view.capacities().names; ++record) {
    if (view.name(record).lease.load(std::memory_order_acquire) == 0) continue;
    for (const BindingWord word : names::load_members(view, record).word) {
      if (word.bound()) named[word.endpoint()] = true;
    }
  }
  std::vector<std::uint32_t> vacant;
  for (const bool wanted : {false, true}) {
    for (std::uint32_t i = 0; i < named.size(); ++i) {
      if (named[i] == wanted && !load_control(view, i).active()) vacant.push_back(i);
    }
  }
  return vacant;
}

void tell(std::string_view event, std::string_view what, const CommandName& name) noexcept {
  if (!logging::wanted(LogLevel::info)) return;
  logging::write(LogLevel::info, event,
                 logging::Text(what).append("'").append(name.text).append("'"));
}

/// A name that only has a policy so far becomes this user's.
bool may_own(layout::NameRecord& record) noexcept {
  const std::uint32_t uid = ::geteuid();
  std::uint32_t owner = layout::unclaimed_uid;
  return record.owner_uid.compare_exchange_strong(owner, uid, std::memory_order_relaxed,
                                                  std::memory_order_relaxed) ||
         uid == 0 || owner == uid;
}

/// A handler that is in its table before its name leads here, and out of it again should the
/// registration fail, also by an exception.
class Tentative {
 public:
  Tentative(serve::HandlerTable& table, serve::Roster& roster, std::uint32_t record,
            Handler handler, layout::NameStats& stats) noexcept
      : table_(&table), roster_(roster), record_(record) {
    table.set(record, std::move(handler), stats);
  }
  Tentative(const Tentative&) = delete;
  Tentative& operator=(const Tentative&) = delete;
  ~Tentative() {
    if (table_ == nullptr) return;
    table_->withdraw(record_);
    roster_.leave(record_);
  }
  void keep() noexcept { table_ = nullptr; }

 private:
  serve::HandlerTable* table_;
  serve::Roster& roster_;
  std::uint32_t record_;
};

}  // namespace

Result<void> ServerCore::add(const CommandName& name, Handler handler, const Schema& schema,
                             const Registration& how) {
  if (!attachment().intact()) return bus_->not_intact();
  if (!handler && handler.move_threw()) return move_threw("handler");
  if (!handler) return fail(ErrorKind::overloaded, "out of memory for the handler");
  if (auto sound = check(how); !sound) return sound;
  const auto record = names::intern(attachment(), name);
  if (!record) return tl::unexpected<Error>(record.error());
  if (handlers_.find(*record) != nullptr) {
    return fail(ErrorKind::already_registered, "this server has that name already");
  }
  if (!may_own(bus_->view().name(*record))) {
    return fail(ErrorKind::not_permitted, "another user registered this name first");
  }
  roster_.enter(*record, schema);
  // Before the name leads here: a command may follow at once.
  Tentative here(handlers_, roster_, *record, std::move(handler), counts_of(*record, how.sharing));
  if (workers_) workers_->set_parallel(*record, how.parallel);
  served_.reserve(served_.size() + 1);
  if (standing_by_) {
    if (how.sharing != Sharing::exclusive) {
      return fail(ErrorKind::invalid_argument,
                  "a server that stands by takes over names, it cannot join those of others");
    }
    if (auto staged = stage(*record, schema); !staged) return staged;
    here.keep();
    served_.push_back({*record, schema, how.sharing});
    return {};
  }
  for (;;) {
    const auto done = how.sharing == Sharing::exclusive ? bind(*record, schema)
                                                        : try_join(*record, schema, how.sharing);
    if (!done) {
      give_back_unnamed_endpoints();
      return tl::unexpected<Error>(done.error());
    }
    if (*done) break;
  }
  here.keep();
  served_.push_back({*record, schema, how.sharing});
  if (how.sharing != Sharing::exclusive) announce(*record, schema);
  if (!attachment().intact()) return bus_->not_intact();
  tell("name.registered", "registered ", name);
  return {};
}

/// One attempt, from what stands there now.
Result<bool> ServerCore::bind(std::uint32_t record, const Schema& schema) {
  if (load_binding(bus_->view(), record).is_event()) return is_event(record);
  const auto done = try_bind(record, load_binding(bus_->view(), record), schema);
  if (done && *done) announce(record, schema);
  return done;
}

void ServerCore::announce(std::uint32_t record, const Schema& schema) noexcept {
  auto& shared = bus_->view().name(record);
  shared.schema_hash.store(schema.hash, std::memory_order_relaxed);
  shared.request_bytes.store(schema.request_bytes, std::memory_order_relaxed);
  shared.reply_bytes.store(schema.reply_bytes, std::memory_order_relaxed);
  wait::bump_and_wake(bus_->view().bus_events().registrations);
  SHMBUS_TESTPOINT("name.registered");
  const std::uint32_t endpoint = load_binding(bus_->view(), record).endpoint();
  probes::registered(record, endpoint, attachment().me.bits);
  recorder::record_name(attachment(), recorder::Kind::registered, record, endpoint);
}

/// Taken for a name that another was quicker with.
void ServerCore::give_back_unnamed_endpoints() noexcept {
  if (running_) return;
  for (std::size_t i = endpoints_.size(); i-- > 0;) {
    const auto& held = *endpoints_[i];
    const bool named = std::any_of(served_.begin(), served_.end(), [&](const auto& name) {
      const BindingWord binding = load_binding(bus_->view(), name.record);
      return binding.bound() && binding.endpoint() == held.index() && binding.owner() == held.gen();
    });
    if (!named && !is_shared(held.index())) give_back(held.index());
  }
}

/// True when the name leads to an endpoint of ours, false when the world moved: look again.
Result<bool> ServerCore::try_bind(std::uint32_t record, BindingWord seen, const Schema& schema) {
  const auto held = endpoint_for(record, seen);
  if (!held) {
    // The process that took the last endpoint may have taken the name with it: then that is what to
    // tell.
    if (load_binding(bus_->view(), record).bits != seen.bits) return false;
    return tl::unexpected<Error>(held.error());
  }
  return *held != nullptr && bind_to(bus_->view(), record, seen, **held, schema);
}

/// The endpoint to serve this name from: where commands may still wait for its next owner, if that
/// endpoint is free, else our own. Null when the world moved.
Result<OwnedEndpoint*> ServerCore::endpoint_for(std::uint32_t record, BindingWord seen) {
  const auto& view = bus_->view();
  const auto members = names::load_members(view, record);
  if (members.routed()) {  // somebody else may serve it though the binding leads to nobody
    const auto live = names::live_place(attachment(), members);
    if (live) return already_registered(record, load_control(view, members.word[*live].endpoint()));
  }
  if (seen.is_event()) return is_event(record);
  if (!seen.bound() || seen.endpoint() >= view.capacities().endpoints) return own_slot();
  if (auto* mine = owned(seen.endpoint()); mine != nullptr && !is_shared(seen.endpoint())) {
    return mine;
  }
  recovery::recover_endpoint(attachment(), seen.endpoint());
  const ControlWord control = load_control(view, seen.endpoint());
  if (seen.served_under(control)) return already_registered(record, control);
  // Its owner is gone, and somebody sits there by now who does not serve this name.
  if (control.active()) return own_slot();
  if (quota::exceeded(attachment(), quota::Of::endpoints, 1)) {
    return quota::reached(attachment(), quota::Of::endpoints);
  }
  auto taken = acquire(seen.endpoint());
  if (!taken) return nullptr;
  return keep(std::move(taken));
}

tl::unexpected<Error> ServerCore::is_event(std::uint32_t record) const {
  Error error{ErrorKind::already_registered, 0, 0, {}};
  error.message.append("'")
      .append(names::text_of(bus_->view(), record).view())
      .append("' is an event: a name is a command's or an event's, choose another");
  return tl::unexpected<Error>(error);
}

tl::unexpected<Error> ServerCore::already_registered(std::uint32_t record,
                                                     ControlWord control) const {
  const auto& view = bus_->view();
  Error error{ErrorKind::already_registered, 0, 0, {}};
  error.message.append("'").append(names::text_of(view, record).view()).append("' belongs to ");
  const std::uint32_t index = control.holder().index();
  if (index < view.capacities().participants) {
    const auto& owner = view.participant(index);
    layout::TextBuffer<8> buffer{};
    error.message.append(layout::load_text(owner.label, buffer))
        .append(", pid ")
        .append(owner.pid.load(std::memory_order_relaxed));
  }
  error.message.append(", which is alive: stop it first, or take over");
  return tl::unexpected<Error>(error);
}

OwnedEndpoint* ServerCore::owned(std::uint32_t endpoint) noexcept {
  for (auto& mine : endpoints_) {
    if (mine->index() == endpoint) return mine.get();
  }
  return nullptr;
}

Result<OwnedEndpoint*> ServerCore::own_slot() {
  for (auto& mine : endpoints_) {
    if (!is_shared(mine->index())) return mine.get();
  }
  for (int round = 0; round < 2; ++round) {
    if (auto taken = acquire_vacant()) return keep(std::move(taken));
    recovery::reclaim_all(attachment());
  }
  return no_endpoint();
}

std::unique_ptr<OwnedEndpoint> ServerCore::acquire_vacant() {
  if (quota::exceeded(attachment(), quota::Of::endpoints, 1)) return nullptr;
  for (const std::uint32_t index : vacant_endpoints(bus_->view())) {
    if (auto taken = acquire(index)) return taken;
  }
  return nullptr;
}

tl::unexpected<Error> ServerCore::no_endpoint() const noexcept {
  if (quota::exceeded(attachment(), quota::Of::endpoints, 1)) {
    return quota::reached(attachment(), quota::Of::endpoints);
  }
  return fail(ErrorKind::limit_reached,
              "no free endpoint: create the bus with larger capacities.endpoints");
}

bool ServerCore::is_shared(std::uint32_t endpoint) const noexcept {
  return std::any_of(shared_endpoints_.begin(), shared_endpoints_.end(),
                     [&](const serve::SharedEndpoint& held) { return held.endpoint == endpoint; });
}

/// All that may throw comes before the endpoint is taken: nobody would let go of it.
std::unique_ptr<OwnedEndpoint> ServerCore::acquire(std::uint32_t endpoint) {
  {
    const std::scoped_lock lock(endpoints_mutex_);
    endpoints_.reserve(endpoints_.size() + 1);
  }
  mailbox_.expect_bell();
  auto taken = OwnedEndpoint::acquire(attachment(), endpoint, options_, label_);
  if (taken) reject_leftover_commands(*taken);
  return taken;
}

Result<OwnedEndpoint*> ServerCore::keep(std::unique_ptr<OwnedEndpoint> endpoint) {
  {
    const std::scoped_lock lock(endpoints_mutex_);
    endpoints_.push_back(std::move(endpoint));  // acquire() made room for it
  }
  mailbox_.add_bell(endpoints_.back()->shared().events.count);
  show_workers();
  may_loop();
  if (fd_ >= 0) {
    if (auto watched = fd(); !watched) return tl::unexpected<Error>(watched.error());
  }
  return endpoints_.back().get();
}

Result<void> ServerCore::remove(const CommandName& name) {
  if (!attachment().intact()) return bus_->not_intact();
  const auto record = names::find(bus_->view(), name);
  if (!record || handlers_.find(*record) == nullptr) {
    return fail(ErrorKind::not_registered, "this server does not have that name");
  }
  give_up(*record);
  wait::bump_and_wake(bus_->view().bus_events().registrations);
  tell("name.given_up", "gave up ", name);
  return {};
}

/// The name's handler has other types from now on. Under a new binding, so that every caller
/// compares again. A kill in between leaves a name whose types nobody knows, and whose owner is
/// dead.
void ServerCore::publish_types(std::uint32_t record, const Schema& schema) noexcept {
  for (;;) {
    const BindingWord seen = load_binding(bus_->view(), record);
    if (!seen.bound()) return;
    const auto* held = owned(seen.endpoint());
    if (held == nullptr || held->gen() != seen.owner()) return;
    if (bind_to(bus_->view(), record, seen, *held, schema)) break;
  }
  auto& shared = bus_->view().name(record);
  shared.schema_hash.store(schema.hash, std::memory_order_relaxed);
  shared.request_bytes.store(schema.request_bytes, std::memory_order_relaxed);
  shared.reply_bytes.store(schema.reply_bytes, std::memory_order_relaxed);
  wait::bump_and_wake(bus_->view().bus_events().registrations);
}

void ServerCore::give_up(std::uint32_t record) {
  std::erase_if(served_, [&](const serve::ServedName& name) { return name.record == record; });
  roster_.leave(record);
  loop_flags_.fetch_or(serve::loop_flag::removed, std::memory_order_relaxed);
  const bool others = hand_to_members(record);
  if (!others) unbind(record);
  if (!others || !running_) handlers_.clear(record);
  for (std::size_t i = shared_endpoints_.size(); i-- > 0;) {
    auto& held = shared_endpoints_[i];
    if (held.record != record) continue;
    if (running_) {
      held.at_once = true;  // its lane may be the one that the running command came from
    } else {
      release_endpoint(held.endpoint, !others);
    }
  }
}

void ServerCore::unbind(std::uint32_t record) noexcept {
  for (;;) {
    const BindingWord seen = load_binding(bus_->view(), record);
    if (!seen.bound()) return;
    const auto* held = owned(seen.endpoint());
    if (held == nullptr || held->gen() != seen.owner()) return;
    const auto none = seen.followed_by(0, BindingWord::none);
    if (rebind(bus_->view(), record, seen, none)) {
      recorder::record_name(attachment(), recorder::Kind::unregistered, record, seen.endpoint());
      return;
    }
  }
}

}  // namespace shmbus::detail
