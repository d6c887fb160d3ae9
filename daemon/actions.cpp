#include "daemon/actions.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <limits>
#include <utility>

#include "layout/text.hpp"
#include "recovery/participant.hpp"

namespace shmbus::daemon {
namespace {

using layout::ParticipantState;
using layout::ParticipantWord;

std::uint64_t own_pid_namespace() noexcept {
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

ParticipantWord word_of(const layout::Participant& slot) noexcept {
  return {slot.state.load(std::memory_order_acquire)};  // SYNC slot.alive
}

bool holds(ParticipantWord word, SlotId slot) noexcept {
  return word.state() != ParticipantState::free && word.epoch() == slot.epoch;
}

}  // namespace

ActionExecutor::ActionExecutor(const Tools& tools)
    : tools_(tools),
      publisher_(tools.bus.view, static_cast<std::uint32_t>(::getpid())),
      file_(segment::id_of(tools.path)),
      pid_namespace_(own_pid_namespace()) {}

void ActionExecutor::perform(const Action& action, Nanos now, std::vector<Event>& outcomes) {
  std::visit([&](const auto& inner) { perform(inner, now, outcomes); }, action);
}

void ActionExecutor::perform(const action::TakeCensus&, Nanos, Outcomes& out) {
  event::Census census;
  const auto& view = tools_.bus.view;
  for (std::uint32_t i = 0; i < view.capacities().participants; ++i) {
    if (i == tools_.bus.me.index()) continue;
    const auto& slot = view.participant(i);
    const ParticipantWord word = word_of(slot);
    if (word.state() == ParticipantState::free) continue;
    census.slots.push_back({{i, word.epoch()},
                            useful_pid(slot),
                            slot.start_ticks.load(std::memory_order_relaxed),
                            word.state() != ParticipantState::alive});
  }
  participants_ = static_cast<std::uint32_t>(census.slots.size());
  out.emplace_back(std::move(census));
}

/// The pid, if it means the same process here as where it was written.
std::uint32_t ActionExecutor::useful_pid(const layout::Participant& slot) const noexcept {
  const std::uint32_t pid = slot.pid.load(std::memory_order_relaxed);
  const bool visible =
      pid_namespace_ != 0 && slot.pid_namespace.load(std::memory_order_relaxed) == pid_namespace_;
  constexpr auto pid_max = static_cast<std::uint32_t>(std::numeric_limits<pid_t>::max());
  return visible && pid <= pid_max ? pid : 0;
}

void ActionExecutor::perform(const action::Watch& a, Nanos, Outcomes& out) {
  out.emplace_back(event::Watch{a.slot, tools_.sources.watch(a.slot, a.pid)});
}

void ActionExecutor::perform(const action::Unwatch& a, Nanos, Outcomes&) {
  tools_.sources.unwatch(a.slot);
}

void ActionExecutor::perform(const action::Probe& a, Nanos, Outcomes& out) {
  const auto party = layout::ParticipantId::make(a.slot.index, a.slot.epoch);
  out.emplace_back(event::Verdict{a.slot, tools_.bus.dead(party)});
}

void ActionExecutor::perform(const action::Reclaim& a, Nanos, Outcomes& out) {
  auto& slot = tools_.bus.view.participant(a.slot.index);
  const ParticipantWord before = word_of(slot);
  auto result = event::ReclaimResult::gone;
  if (holds(before, a.slot)) {
    const bool freed = recovery::reclaim_participant(tools_.bus, a.slot.index);
    const ParticipantWord after = word_of(slot);
    if (freed) {
      result = event::ReclaimResult::freed;
    } else if (holds(after, a.slot)) {
      result = event::ReclaimResult::pending;
    }
    // A participant that leaves in good order marks its slot itself.
    const bool still_alive = holds(after, a.slot) && after.state() == ParticipantState::alive;
    if (before.state() == ParticipantState::alive && !still_alive) publisher_.count_death();
  }
  out.emplace_back(event::Reclaim{a.slot, result});
}

void ActionExecutor::perform(const action::PublishStatistics&, Nanos now, Outcomes&) {
  publisher_.publish(now);
  notify_status();
}

void ActionExecutor::perform(const action::CheckBusFile&, Nanos, Outcomes& out) {
  const segment::FileId current = segment::id_of(tools_.path);
  auto state = event::FileState::ours;
  if (current != file_) {
    state = current.inode == 0 ? event::FileState::missing : event::FileState::replaced;
  }
  out.emplace_back(event::BusFile{state});
}

void ActionExecutor::perform(const action::NotifyReady&, Nanos, Outcomes&) {
  tools_.notifier.send("READY=1");
  tools_.log.write(Level::info, "ready",
                   {{"bus", tools_.path}, {"pid", ::getpid()}, {"participants", participants_}});
}

void ActionExecutor::perform(const action::NotifyWatchdog&, Nanos, Outcomes&) {
  tools_.notifier.send("WATCHDOG=1");
}

void ActionExecutor::notify_status() {
  if (participants_ == participants_told_) return;
  participants_told_ = participants_;
  tools_.notifier.send(fmt::format("STATUS={} participants on {}", participants_, tools_.path));
}

void ActionExecutor::perform(const action::Stop& a, Nanos, Outcomes&) {
  ending_ = a.ending;
  publisher_.withdraw();
}

void ActionExecutor::perform(const action::Log& a, Nanos, Outcomes&) {
  tools_.log.write(a.level, a.text, {{"bus", tools_.path}});
}

void ActionExecutor::perform(const action::LogSlot& a, Nanos, Outcomes&) {
  layout::TextBuffer<8> buffer{};
  const auto label = layout::load_text(tools_.bus.view.participant(a.slot.index).label, buffer);
  if (a.took == never) {
    tools_.log.write(a.level, a.text, {{"slot", a.slot.index}, {"pid", a.pid}, {"label", label}});
  } else {
    tools_.log.write(a.level, a.text,
                     {{"slot", a.slot.index},
                      {"pid", a.pid},
                      {"label", label},
                      {"took_us", a.took / microsecond}});
  }
}

}  // namespace shmbus::daemon
