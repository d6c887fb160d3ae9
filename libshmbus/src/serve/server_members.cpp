// Looking after the names that are served together: taking over the endpoints of fellows that died
// or left, with what is queued there, and giving back what is not needed any more.
//
// It runs between commands: whenever a registration changes anywhere, since the process that finds
// an owner dead says so, and with every sweep, should nobody have said so.
#include <algorithm>

#include "base/testpoint.hpp"
#include "os/futex.hpp"
#include "recovery/endpoint.hpp"
#include "serve/server_core.hpp"
#include "serve/workers.hpp"
#include "words/members.hpp"
#include "words/store.hpp"

namespace shmbus::detail {

using layout::BindingWord;
using layout::ControlWord;
using layout::RouteWord;
using names::Members;
using names::Place;
using serve::ServedName;
using serve::SharedEndpoint;

namespace {

// An endpoint that was taken over is kept for this long after its last command: a caller that was
// just about to send there may have been slow.
constexpr std::uint64_t linger_ns = 200'000'000;

}  // namespace

bool ServerCore::membership_changed() const noexcept {
  if (served_.empty() && shared_endpoints_.empty()) return false;
  const auto& registrations = bus_->view().bus_events().registrations;
  return registrations.load(std::memory_order_acquire) != seen_registrations_;  // SYNC wait.event
}

void ServerCore::maintain_groups(std::uint64_t now) noexcept try {
  if (served_.empty() && shared_endpoints_.empty()) return;
  // SYNC wait.event: before the look, so that what changes meanwhile is seen the next time.
  seen_registrations_ = bus_->view().bus_events().registrations.load(std::memory_order_acquire);
  add_counts();
  for (auto& name : served_) tend(name);
  retire_endpoints(now);
} catch (...) {
  // Out of memory: the next sweep looks again.
}

layout::NameStats& ServerCore::counts_of(std::uint32_t record, Sharing sharing) {
  if (sharing == Sharing::exclusive) return bus_->view().name_stats(record);
  shared_counts_.push_back(std::make_unique<serve::SharedCounts>(record));
  return shared_counts_.back()->mine;
}

/// REQUIRES: no handler of ours runs: one that gave up its name still counts there.
void ServerCore::add_counts() noexcept {
  const std::scoped_lock lock(gate_->mutex);  // workers count under it
  for (auto& counts : shared_counts_) counts->add_to(bus_->view().name_stats(counts->record));
  if (workers_ && !workers_->book().idle_within(0)) return;
  std::erase_if(shared_counts_, [this](const auto& counts) {
    const auto* entry = handlers_.find(counts->record);
    return entry == nullptr || entry->stats != &counts->mine;
  });
}

bool ServerCore::is_mine(BindingWord word) noexcept {
  const auto* held = word.bound() ? owned(word.endpoint()) : nullptr;
  return held != nullptr && held->gen() == word.owner();
}

void ServerCore::tend(ServedName& name) {
  const auto& view = bus_->view();
  const Members members = names::load_members(view, name.record);
  if (!members.routed()) return;
  // A change of the route whose author did not come to announce it.
  if (members.route.bits != 0 && members.route.from() == members.word[0].gen()) {
    names::announce(view, name.record);
  }
  if (is_only_on_trial(members)) return;
  for (Place place = 0; place < names::places; ++place) {
    const BindingWord word = members.word[place];
    if (!word.bound() || is_mine(word)) continue;
    // Other names may lead to the endpoint of one who serves alone: its successor runs what waits
    // there.
    if (place == 0 && !word.has(BindingWord::group)) continue;
    recovery::recover_endpoint(attachment(), word.endpoint());
    const ControlWord control = names::control_of(view, word.endpoint());
    if (word.served_under(control)) continue;
    if (!control.active()) {
      adopt_endpoint(name, place, word);
    } else if (std::exchange(name.stale[place], word.bits) == word.bits) {
      drop(name, place, word);  // the process that sits there does not serve this name
    }
  }
  keep_binding(name);
}

/// Whether our endpoints of this name are those of a canary, and others are there to look after it.
bool ServerCore::is_only_on_trial(const Members& members) noexcept {
  const auto canary = members.canary();
  if (!canary || members.route.promoted() || !is_mine(members.word[*canary])) return false;
  for (Place place = 0; place < names::places; ++place) {
    const BindingWord word = members.word[place];
    if (place == *canary) continue;
    if (is_mine(word)) return false;
    if (names::takes(bus_->view(), word) &&
        !bus_->attachment().dead(names::control_of(bus_->view(), word.endpoint()).holder())) {
      return true;
    }
  }
  return false;
}

/// An endpoint without owner. What is queued there runs here from now on.
void ServerCore::adopt_endpoint(ServedName& name, Place place, BindingWord word) {
  const auto& view = bus_->view();
  // Its owner left it in order: once nothing waits there, it is only a word to clear.
  if (word.has(BindingWord::leaving) && !names::anything_queued(view, word.endpoint())) {
    drop(name, place, word);
    return;
  }
  shared_endpoints_.reserve(shared_endpoints_.size() + 1);
  auto held = acquire(word.endpoint());
  if (!held) return;
  SHMBUS_TESTPOINT("member.endpoint_taken");
  shared_endpoints_.push_back({name.record, word.endpoint(), place != 0});
  // The binding goes on with this endpoint, and the endpoints that we had before retire instead of
  // it: each step is one CAS, and no step leaves what is queued without a word that leads there.
  const std::uint32_t leaving = place == 0 ? 0 : BindingWord::leaving;
  bool moved = false;
  for (int tries = 0; tries < 2 && !moved; ++tries) {
    const auto next = word.followed_by(held->gen(), word.endpoint(),
                                       (word.flags() & BindingWord::group) | leaving);
    if (place == 0) schema::publish(view, name.record, name.schema, next);
    moved = names::move_place(view, name.record, place, word, next);
    if (moved) break;
    // Its owner may have said that it leaves since we looked: another word, the same endpoint.
    const BindingWord now{names::place_word(view, name.record, place)
                              .load(std::memory_order_acquire)};  // SYNC names.binding
    if (!now.bound() || !now.same_slot(word)) break;
    word = now;
  }
  if (!moved) shared_endpoints_.back().retiring = true;
  SHMBUS_TESTPOINT("member.taken_over");
  (void)keep(std::move(held));
  if (moved && place == 0) leave_places(name.record, place);
  names::announce(view, name.record);
}

/// A stale word. The binding is never left without an owner while the name has one.
void ServerCore::drop(ServedName& name, Place place, BindingWord word) noexcept {
  if (place == 0) return;  // keep_binding() replaces it
  names::clear_place(bus_->view(), name.record, place, word);
  names::announce(bus_->view(), name.record);
}

/// When the binding leads to nobody, it is to lead to an endpoint of ours, if we have the right.
void ServerCore::keep_binding(ServedName& name) noexcept {
  const auto& view = bus_->view();
  const Members members = names::load_members(view, name.record);
  const BindingWord primary = members.word[0];
  const bool stands =
      names::served(view, primary) || (primary.bound() && primary.has(BindingWord::group) &&
                                       names::anything_queued(view, primary.endpoint()));
  for (Place place = 1; place < names::places; ++place) {
    const BindingWord mine = members.word[place];
    if (!is_mine(mine) || mine.has(BindingWord::leaving)) continue;
    if (primary.same_slot(mine)) {  // it stands twice: somebody was stopped between two steps
      names::clear_place(view, name.record, place, mine);
      names::announce(view, name.record);
      continue;
    }
    const bool stable = members.group()
                            ? members.canary() != place
                            : members.route.promoted() && members.route.stable() == place;
    if (stands || !stable) continue;
    const auto next = primary.followed_by(mine.owner(), mine.endpoint(), mine.flags());
    schema::publish(view, name.record, name.schema, next);
    if (!names::move_place(view, name.record, 0, primary, next)) return;
    SHMBUS_TESTPOINT("member.rebound");
    names::clear_place(view, name.record, place, mine);
    names::announce(view, name.record);
    return;
  }
}

/// Says of our endpoints of this name, but for one place, that they take no more.
void ServerCore::leave_places(std::uint32_t record, Place but) noexcept {
  const auto& view = bus_->view();
  for (Place place = 0; place < names::places; ++place) {
    const Members members = names::load_members(view, record);
    const BindingWord word = members.word[place];
    if (place == but || !is_mine(word) || word.has(BindingWord::leaving)) continue;
    const auto next =
        word.followed_by(word.owner(), word.endpoint(), word.flags() | BindingWord::leaving);
    if (!names::move_place(view, record, place, word, next)) continue;
    SHMBUS_TESTPOINT("member.leaving");
    for (auto& held : shared_endpoints_) {
      if (held.endpoint == word.endpoint()) held.retiring = true;
    }
  }
}

// --- leaving ---------------------------------------------------------------------------------

/// True when others go on with the name: they run what is queued at our endpoints of it.
bool ServerCore::hand_to_members(std::uint32_t record) noexcept {
  const auto& view = bus_->view();
  const Members members = names::load_members(view, record);
  bool others = false;
  for (Place place = 0; place < names::places; ++place) {
    const BindingWord word = members.word[place];
    if (is_mine(word) || !names::takes(view, word)) continue;
    others = others || !attachment().dead(names::control_of(view, word.endpoint()).holder());
  }
  const bool shared =
      std::any_of(shared_endpoints_.begin(), shared_endpoints_.end(),
                  [&](const SharedEndpoint& held) { return held.record == record; });
  if (!shared) return false;  // alone, perhaps with a canary that has its callers elsewhere
  if (others) {
    leave_places(record, names::places);
  } else {
    for (Place place = 0; place < names::places; ++place) {
      const BindingWord word = members.word[place];
      if (is_mine(word)) names::clear_place(view, record, place, word);
    }
  }
  names::announce(view, record);
  return others;
}

/// REQUIRES: no handler of ours runs.
void ServerCore::release_endpoint(std::uint32_t endpoint, bool run_queue) noexcept {
  const auto at = std::find_if(endpoints_.begin(), endpoints_.end(),
                               [&](const auto& held) { return held->index() == endpoint; });
  if (at == endpoints_.end()) {
    std::erase_if(shared_endpoints_,
                  [&](const SharedEndpoint& s) { return s.endpoint == endpoint; });
    return;
  }
  const std::uint32_t gen = (*at)->gen();
  wait_for_workers(**at);
  hide_workers(**at);
  (*at)->vacate(*this, run_queue);
  {
    const std::scoped_lock lock(endpoints_mutex_);
    const auto index = at - endpoints_.begin();
    if (index < static_cast<std::ptrdiff_t>(bridges_.size())) {
      bridges_.erase(bridges_.begin() + index);
    }
    endpoints_.erase(at);
  }
  SHMBUS_TESTPOINT("member.released");
  forget_word(endpoint, gen);
}

/// The word of an endpoint that we have vacated goes when nothing is left there; else our fellows
/// see to it.
void ServerCore::forget_word(std::uint32_t endpoint, std::uint32_t gen) noexcept {
  const auto& view = bus_->view();
  const auto held = std::find_if(shared_endpoints_.begin(), shared_endpoints_.end(),
                                 [&](const SharedEndpoint& s) { return s.endpoint == endpoint; });
  if (held == shared_endpoints_.end()) return;
  const std::uint32_t record = held->record;
  shared_endpoints_.erase(held);
  const Members members = names::load_members(view, record);
  for (Place place = 1; place < names::places; ++place) {
    const BindingWord word = members.word[place];
    if (word.bound() && word.endpoint() == endpoint && word.owner() == gen &&
        !names::anything_queued(view, endpoint)) {
      names::clear_place(view, record, place, word);
    }
  }
  names::announce(view, record);
  names::wake_fellows(view, endpoint);
}

void ServerCore::retire_endpoints(std::uint64_t now) noexcept {
  const std::uint64_t linger = attachment().rate.from_ns(linger_ns);
  for (std::size_t i = shared_endpoints_.size(); i-- > 0;) {
    SharedEndpoint& held = shared_endpoints_[i];
    if (held.at_once) {
      const std::uint32_t record = held.record;
      release_endpoint(held.endpoint, false);
      handlers_.clear(record);
      loop_flags_.fetch_or(serve::loop_flag::removed, std::memory_order_relaxed);
      continue;
    }
    if (!held.retiring) continue;
    const auto* mine = owned(held.endpoint);
    if (mine == nullptr) continue;
    const auto commands = mine->shared().owner.commands.load(std::memory_order_relaxed);
    if (held.quiet_since == 0 || commands != held.commands || mine->owes_answers()) {
      held.commands = commands;
      held.quiet_since = now;
    } else if (now - held.quiet_since >= linger) {
      release_endpoint(held.endpoint, false);
    }
  }
}

/// An endpoint that could not be put into its place, or whose name another was quicker with: what
/// waits there for a name that leads elsewhere by now fails.
void ServerCore::give_back(std::uint32_t endpoint) noexcept {
  if (auto* held = owned(endpoint)) reject_leftover_commands(*held);
  release_endpoint(endpoint, false);
}

}  // namespace shmbus::detail
