#include "bus/watch.hpp"

#include <algorithm>
#include <utility>

#include "attach/deadline.hpp"
#include "layout/participant.hpp"
#include "layout/text.hpp"
#include "os/futex.hpp"
#include "recovery/endpoint.hpp"
#include "words/members.hpp"
#include "words/table.hpp"

namespace shmbus {

namespace detail {

using layout::BindingWord;
using layout::ControlWord;
using names::Members;

namespace {
constexpr std::uint64_t slice_ns = 10'000'000;         // alone: we find the dead ourselves
constexpr std::uint64_t watch_slice_ns = 100'000'000;  // the daemon wakes us

/// The owner is another one. The gen also moves when the same goes on, and a group goes on whoever
/// of it was looked at.
bool changed_hands(std::uint64_t now, std::uint64_t before) noexcept {
  const BindingWord to{now};
  const BindingWord from{before};
  if (to.has(BindingWord::group) && from.has(BindingWord::group)) return false;
  return !to.same_slot(from);
}

}  // namespace

NameWatchCore::NameWatchCore(std::shared_ptr<BusCore> bus, std::vector<std::string> names)
    : bus_(std::move(bus)),
      names_(names.empty() ? bus_->view().capacities().names : names.size()),
      all_(names.empty()) {
  for (std::uint32_t i = 0; i < names_.size(); ++i) {
    if (all_) {
      names_[i].record = i;
      names_[i].told.binding = vacant;  // of names that nobody has there is nothing to tell
    } else {
      names_[i].text = std::move(names[i]);
    }
  }
}

void NameWatchCore::recover_endpoints() noexcept {
  for (std::uint32_t i = 0; i < bus_->view().capacities().endpoints; ++i) {
    recovery::recover_endpoint(bus_->attachment(), i);
  }
}

NameWatchCore::Served NameWatchCore::serving(Name& name) noexcept {
  const auto& view = bus_->view();
  if (!name.known && all_) {
    const auto lease = view.name(name.record).lease.load(std::memory_order_acquire);
    name.known = lease == layout::lease_published;
  } else if (!name.known) {
    const auto found = names::find(view, CommandName(name.text));
    name.known = found.has_value();
    if (found) name.record = *found;
  }
  if (!name.known) return {};
  const Members members = names::load_members(view, name.record);
  const auto place = names::taking_place(view, members);
  if (!place) return {};
  const BindingWord word = members.word[*place];
  const ControlWord control = names::control_of(view, word.endpoint());
  return {word.registration(),
          word.served_under(control) ? control.holder() : layout::ParticipantId{}};
}

NameWatchCore::News NameWatchCore::news_of(const Name& name, const Served& now) noexcept {
  const Served& before = name.told;
  const bool both =
      now.binding != vacant && before.binding != vacant && before.binding != never_told;
  if (!both) return now.binding == before.binding ? News::none : News::came_or_went;
  if (changed_hands(now.binding, before.binding)) return News::changed_hands;
  // Whichever of a group was looked at.
  if (BindingWord{now.binding}.has(BindingWord::group)) return News::none;
  const bool known = !now.holder.nobody() && !before.holder.nobody();
  return known && now.holder != before.holder ? News::taken_over : News::none;
}

NameChange NameWatchCore::describe(const Name& name, const Served& now) const noexcept {
  const auto& view = bus_->view();
  NameChange change;
  if (name.text.empty()) {
    change.name = names::text_of(view, name.record).view();
  } else {
    change.name = std::string_view(name.text);
  }
  if (now.binding == vacant) return change;
  change.available = true;
  if (now.holder.nobody() || now.holder.index() >= view.capacities().participants) return change;
  const auto& owner = view.participant(now.holder.index());
  layout::TextBuffer<8> buffer{};
  change.owner = layout::load_text(owner.label, buffer);
  change.pid = owner.pid.load(std::memory_order_relaxed);
  return change;
}

void NameWatchCore::tell_one(Name& name, const Served& now, Tell tell, void* user,
                             std::size_t& told) noexcept {
  const News news = news_of(name, now);
  if (news == News::changed_hands) {
    ++told;
    tell(user, describe(name, {}));
  }
  const layout::ParticipantId holder =
      news == News::none && now.holder.nobody() ? name.told.holder : now.holder;
  name.told = {now.binding, holder};
  if (news == News::none) return;
  ++told;
  NameChange change = describe(name, now);
  change.taken_over = news == News::taken_over;
  tell(user, change);
}

Result<std::size_t> NameWatchCore::poll(Tell tell, void* user) noexcept {
  if (!bus_->attachment().intact()) return bus_->not_intact();
  if (bridge_) bridge_->clear();  // what changes from here on makes it readable again
  recover_endpoints();
  std::size_t told = 0;
  for (auto& name : names_) tell_one(name, serving(name), tell, user, told);
  if (!bus_->attachment().guard->was_intact()) return bus_->not_intact();
  return told;
}

bool NameWatchCore::anything_new() noexcept {
  recover_endpoints();
  return std::any_of(names_.begin(), names_.end(),
                     [this](Name& name) { return news_of(name, serving(name)) != News::none; });
}

Result<bool> NameWatchCore::wait(Duration timeout) noexcept {
  const auto& bus = bus_->attachment();
  Deadline deadline(bus, timeout);
  auto& registrations = bus.view.bus_events().registrations;
  for (;;) {
    if (!bus.intact()) return bus_->not_intact();
    const std::uint32_t seen = registrations.load(std::memory_order_acquire);  // SYNC wait.event
    const bool news = anything_new();
    if (!bus.guard->was_intact()) return bus_->not_intact();
    if (news) return true;
    const std::uint64_t left = deadline.left_ns(wait::ticks());
    if (left == 0) return false;
    const auto slice = bus.prober->daemon_present() ? watch_slice_ns : slice_ns;
    wait::futex_wait(registrations, seen, std::min(left, slice));
  }
}

Result<int> NameWatchCore::fd() {
  const auto& bus = bus_->attachment();
  if (!bus.intact()) return bus_->not_intact();
  if (!bridge_) {
    auto bridge = wait::FdBridge::watch(bus.view.bus_events().registrations, *bus.guard);
    if (!bridge) return tl::unexpected<Error>(bridge.error());
    bridge_ = std::move(*bridge);
  }
  return bridge_->fd();
}

}  // namespace detail

namespace {

tl::unexpected<Error> empty_watch() noexcept {
  return fail(ErrorKind::invalid_argument, "this watch is empty: it was moved from or never made");
}

}  // namespace

NameWatch::NameWatch(std::unique_ptr<detail::NameWatchCore> core) noexcept
    : core_(core.release()) {}
NameWatch::NameWatch(NameWatch&& other) noexcept = default;
NameWatch& NameWatch::operator=(NameWatch&& other) noexcept = default;
NameWatch::~NameWatch() = default;

void NameWatch::Delete::operator()(detail::NameWatchCore* core) const noexcept { delete core; }

Result<std::size_t> NameWatch::poll(Tell tell, void* user) noexcept {
  if (!core_) return empty_watch();
  return core_->poll(tell, user);
}

Result<bool> NameWatch::wait(Duration timeout) noexcept {
  if (!core_) return empty_watch();
  return core_->wait(timeout);
}

Result<int> NameWatch::fd() noexcept {
  if (!core_) return empty_watch();
  return detail::without_throwing([this] { return core_->fd(); });
}

}  // namespace shmbus
