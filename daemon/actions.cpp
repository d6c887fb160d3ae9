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

ParticipantWord word_of(const layout::Participant& seat) noexcept {
  return {seat.state.load(std::memory_order_acquire)};  // SYNC seat.alive
}

bool holds(ParticipantWord word, SeatId seat) noexcept {
  return word.state() != ParticipantState::free && word.epoch() == seat.epoch;
}

}  // namespace

Performer::Performer(const Tools& tools)
    : tools_(tools),
      publisher_(tools.bus.view, static_cast<std::uint32_t>(::getpid())),
      file_(segment::id_of(tools.path)),
      pid_namespace_(own_pid_namespace()) {}

void Performer::perform(const Action& action, Nanos now, std::vector<Event>& outcomes) {
  std::visit([&](const auto& inner) { perform(inner, now, outcomes); }, action);
}

void Performer::perform(const action::TakeCensus&, Nanos, Outcomes& out) {
  event::Census census;
  const auto& view = tools_.bus.view;
  for (std::uint32_t i = 0; i < view.capacities().participants; ++i) {
    if (i == tools_.bus.me.index()) continue;
    const auto& seat = view.participant(i);
    const ParticipantWord word = word_of(seat);
    if (word.state() == ParticipantState::free) continue;
    census.seats.push_back({{i, word.epoch()},
                            useful_pid(seat),
                            seat.start_ticks.load(std::memory_order_relaxed),
                            word.state() != ParticipantState::alive});
  }
  participants_ = static_cast<std::uint32_t>(census.seats.size());
  out.emplace_back(std::move(census));
}

/// The pid, if it means the same process here as where it was written.
std::uint32_t Performer::useful_pid(const layout::Participant& seat) const noexcept {
  const std::uint32_t pid = seat.pid.load(std::memory_order_relaxed);
  const bool visible =
      pid_namespace_ != 0 && seat.pid_namespace.load(std::memory_order_relaxed) == pid_namespace_;
  constexpr auto pid_max = static_cast<std::uint32_t>(std::numeric_limits<pid_t>::max());
  return visible && pid <= pid_max ? pid : 0;
}

void Performer::perform(const action::Watch& a, Nanos, Outcomes& out) {
  out.emplace_back(event::Watch{a.seat, tools_.sources.watch(a.seat, a.pid)});
}

void Performer::perform(const action::Unwatch& a, Nanos, Outcomes&) {
  tools_.sources.unwatch(a.seat);
}

void Performer::perform(const action::Probe& a, Nanos, Outcomes& out) {
  const auto party = layout::Party::make(a.seat.index, a.seat.epoch);
  out.emplace_back(event::Verdict{a.seat, tools_.bus.dead(party)});
}

void Performer::perform(const action::Reclaim& a, Nanos, Outcomes& out) {
  auto& seat = tools_.bus.view.participant(a.seat.index);
  const ParticipantWord before = word_of(seat);
  auto result = event::ReclaimResult::gone;
  if (holds(before, a.seat)) {
    const bool freed = recovery::reclaim_participant(tools_.bus, a.seat.index);
    const ParticipantWord after = word_of(seat);
    if (freed) {
      result = event::ReclaimResult::freed;
    } else if (holds(after, a.seat)) {
      result = event::ReclaimResult::pending;
    }
    // Whoever leaves properly marks its seat itself.
    const bool still_alive = holds(after, a.seat) && after.state() == ParticipantState::alive;
    if (before.state() == ParticipantState::alive && !still_alive) publisher_.count_death();
  }
  out.emplace_back(event::Reclaim{a.seat, result});
}

void Performer::perform(const action::PublishStatistics&, Nanos now, Outcomes&) {
  publisher_.publish(now);
  notify_status();
}

void Performer::perform(const action::CheckBusFile&, Nanos, Outcomes& out) {
  const segment::FileId current = segment::id_of(tools_.path);
  auto state = event::FileState::ours;
  if (current != file_) {
    state = current.inode == 0 ? event::FileState::missing : event::FileState::replaced;
  }
  out.emplace_back(event::BusFile{state});
}

void Performer::perform(const action::NotifyReady&, Nanos, Outcomes&) {
  tools_.notifier.send("READY=1");
  tools_.log.write(Level::info, "ready",
                   {{"bus", tools_.path}, {"pid", ::getpid()}, {"participants", participants_}});
}

void Performer::perform(const action::NotifyWatchdog&, Nanos, Outcomes&) {
  tools_.notifier.send("WATCHDOG=1");
}

void Performer::notify_status() {
  if (participants_ == participants_told_) return;
  participants_told_ = participants_;
  tools_.notifier.send(fmt::format("STATUS={} participants on {}", participants_, tools_.path));
}

void Performer::perform(const action::Stop& a, Nanos, Outcomes&) {
  ending_ = a.ending;
  publisher_.withdraw();
}

void Performer::perform(const action::Log& a, Nanos, Outcomes&) {
  tools_.log.write(a.level, a.text, {{"bus", tools_.path}});
}

void Performer::perform(const action::LogSeat& a, Nanos, Outcomes&) {
  layout::TextBuffer<8> buffer{};
  const auto label = layout::load_text(tools_.bus.view.participant(a.seat.index).label, buffer);
  if (a.took == never) {
    tools_.log.write(a.level, a.text, {{"seat", a.seat.index}, {"pid", a.pid}, {"label", label}});
  } else {
    tools_.log.write(a.level, a.text,
                     {{"seat", a.seat.index},
                      {"pid", a.pid},
                      {"label", label},
                      {"took_us", a.took / microsecond}});
  }
}

}  // namespace shmbus::daemon
