#include "cli/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "cli/exit_codes.hpp"
#include "cli/registered_types.hpp"
#include "cli/terminal.hpp"
#include "os/spin.hpp"

namespace shmbus::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto spin_before_due = 100us;  // a sleep may end so much late
constexpr auto spin_for_answers = 1ms;
constexpr auto nap = 50us;

/// What a file and its loops add up to: within thirty years, whatever they say.
Duration later(double ns) {
  constexpr double longest = 1e18;
  return Duration(static_cast<std::int64_t>(std::clamp(ns, -longest, longest)));
}

std::uint64_t ns_between(std::chrono::steady_clock::time_point from,
                         std::chrono::steady_clock::time_point to) {
  return to <= from ? 0 : static_cast<std::uint64_t>(Duration(to - from).count());
}

}  // namespace

Replay::Replay(Bus& bus, const std::string& path, const Recording& recording,
               const ReplayPlan& plan)
    : recording_(&recording), plan_(plan), totals_(recording.names.size()) {
  make_callers(bus, path);
}

void Replay::make_callers(Bus& bus, const std::string& path) {
  std::vector<bool> used(recording_->names.size());
  reply_room_.resize(used.size());
  for (const auto& command : recording_->commands) {
    used[command.entry.name] = true;
    auto& room = reply_room_[command.entry.name];
    room = std::max<std::size_t>(room, command.entry.reply_bytes);
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    callers_.emplace_back();
    if (!used[i]) continue;
    const auto& name = recording_->names[i];
    reply_room_[i] = std::max<std::size_t>(reply_room_[i], types_of(path, name).reply_bytes);
    callers_.back() = value_or_fail(bus.caller(std::string_view(name)));
  }
}

void Replay::fail_one(std::uint32_t name, const Error& error) {
  ++totals_[name].why[std::string(to_string(error.kind))];
}

void Replay::send(const RecordedCommand& command, Clock::time_point due) {
  const auto name = command.entry.name;
  auto& totals = totals_[name];
  const auto now = Clock::now();
  if (plan_.pace == Pace::flat_out) due = now;
  totals.max_late_ns = std::max(totals.max_late_ns, ns_between(due, now));
  auto& caller = callers_[name];
  const Duration timeout =
      plan_.timeout == default_timeout ? caller.usual_timeout() : plan_.timeout;
  ++totals.sent;
  if ((command.entry.flags & recording::command_flags::one_way) != 0) {
    ++totals.one_way;
    if (const auto sent = caller.send(command.request, Notify::now, timeout); !sent) {
      fail_one(name, sent.error());
    }
    return;
  }
  auto started = caller.start(command.request, reply_room_[name], timeout);
  if (!started) {
    fail_one(name, started.error());
    return;
  }
  under_way_.push_back({std::move(*started), name, due});
}

void Replay::finish(UnderWay& one) {
  const auto reply = one.pending.wait();
  if (!reply) {
    fail_one(one.name, reply.error());
    if (reply.error().kind != ErrorKind::rejected) return;  // that is an answer too
  }
  auto& totals = totals_[one.name];
  const std::uint64_t ns = ns_between(one.due, Clock::now());
  ++totals.answered;
  ++totals.latency.bucket[stats::bucket_of(ns)];
  ++totals.latency.total;
  totals.max_ns = std::max(totals.max_ns, ns);
}

bool Replay::harvest() {
  const std::size_t before = under_way_.size();
  for (auto one = under_way_.begin(); one != under_way_.end();) {
    if (one->pending.ready()) {
      finish(*one);
      one = under_way_.erase(one);
    } else {
      ++one;
    }
  }
  return under_way_.size() != before;
}

void Replay::wait_until(Clock::time_point due) {
  auto last_progress = Clock::now();
  for (auto now = last_progress; now < due && !interrupted(); now = Clock::now()) {
    if (harvest()) last_progress = now;
    const bool answers_soon = !under_way_.empty() && now - last_progress < spin_for_answers;
    if (answers_soon || due - now < spin_before_due) {
      wait::cpu_relax();
    } else if (under_way_.empty()) {
      std::this_thread::sleep_for(std::min<Clock::duration>(due - now - spin_before_due, 100ms));
    } else {
      std::this_thread::sleep_for(nap);
    }
  }
  (void)harvest();
}

void Replay::wait_for_room(std::size_t below) {
  while (under_way_.size() >= below && !under_way_.empty()) {
    if (harvest()) continue;
    // Sleeps when it takes long, and finds out when the handler has died.
    finish(under_way_.front());
    under_way_.pop_front();
  }
}

void Replay::run() {
  const auto& commands = recording_->commands;
  if (commands.empty()) return;
  const auto began = Clock::now();
  const auto first_ns = commands.front().entry.at_ns;
  const auto lasted = Duration(commands.back().entry.at_ns - first_ns);
  std::uint64_t nth = 0;
  for (std::uint64_t loop = 0; loop < plan_.loops && !interrupted(); ++loop) {
    for (const auto& command : commands) {
      if (interrupted()) break;
      if (command.entry.kept_bytes < command.entry.request_bytes) {
        ++totals_[command.entry.name].left_out;
        continue;
      }
      auto due = began;
      if (plan_.pace == Pace::as_recorded) {
        due += later(static_cast<double>(loop) * static_cast<double>(lasted.count()) +
                     static_cast<double>(command.entry.at_ns - first_ns));
      } else if (plan_.pace == Pace::evenly) {
        due += later(static_cast<double>(nth) * 1e9 / plan_.rate);
      }
      ++nth;
      if (plan_.pace != Pace::flat_out) wait_until(due);
      wait_for_room(plan_.window);
      send(command, due);
    }
  }
  wait_for_room(1);
  took_ns_ = ns_between(began, Clock::now());
}

ReplayTotals Replay::all() const {
  ReplayTotals all;
  all.took_ns = took_ns_;
  for (const auto& one : totals_) {
    all.sent += one.sent;
    all.one_way += one.one_way;
    all.answered += one.answered;
    all.left_out += one.left_out;
    for (const auto& [kind, count] : one.why) all.why[kind] += count;
    for (std::size_t i = 0; i < one.latency.bucket.size(); ++i) {
      all.latency.bucket[i] += one.latency.bucket[i];
    }
    all.latency.total += one.latency.total;
    all.max_ns = std::max(all.max_ns, one.max_ns);
    all.max_late_ns = std::max(all.max_late_ns, one.max_late_ns);
  }
  return all;
}

}  // namespace shmbus::cli
