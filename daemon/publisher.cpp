#include "daemon/publisher.hpp"

#include <algorithm>
#include <cmath>

#include "os/clock.hpp"
#include "words/directory.hpp"
#include "words/journal.hpp"
#include "words/members.hpp"

namespace shmbus::daemon {
namespace {

constexpr double half = 0.50;
constexpr double most = 0.99;

std::uint64_t read(const layout::Word64& counter) noexcept {
  return counter.load(std::memory_order_relaxed);
}

void show(layout::Word64& target, std::uint64_t value) noexcept {
  target.store(value, std::memory_order_relaxed);
}

std::uint64_t increase(std::uint64_t before, std::uint64_t now) noexcept {
  return now > before ? now - before : 0;
}

std::uint64_t rate(std::uint64_t amount, double elapsed_s) noexcept {
  if (elapsed_s <= 0) return 0;
  // A forged counter may claim more than a rate can hold.
  constexpr double rate_max = 1e15;
  return static_cast<std::uint64_t>(
      std::min(rate_max, std::round(static_cast<double>(amount) / elapsed_s)));
}

stats::Counts difference(const stats::Counts& before, const stats::Counts& now) noexcept {
  stats::Counts result;
  for (std::size_t i = 0; i < result.bucket.size(); ++i) {
    result.bucket[i] = increase(before.bucket[i], now.bucket[i]);
    result.total += result.bucket[i];
  }
  return result;
}

}  // namespace

Publisher::Publisher(const segment::View& view, std::uint32_t pid)
    : view_(view),
      pid_(pid),
      names_(view.capacities().names),
      depths_(view.capacities().endpoints),
      lane_used_(view.capacities().lanes) {
  show(view_.published_bus().deaths, 0);
  show(view_.published_bus().passes, 0);
}

void Publisher::publish(Nanos now) {
  const double elapsed_s =
      passes_ == 0 ? 0 : static_cast<double>(now - last_pass_) / static_cast<double>(second);
  last_pass_ = now;
  count_depths();
  std::uint64_t commands_per_s = 0;
  for (std::uint32_t i = 0; i < names_.size(); ++i) {
    if (read(view_.name(i).lease) == 0) continue;
    commands_per_s += publish_name(i, elapsed_s);
  }
  sum_round_trips();
  ++passes_;
  publish_bus(commands_per_s);
}

/// A name that is new since the first pass began at zero; one that was there before has a past
/// that is not ours.
Publisher::NameHistory& Publisher::history_of(std::uint32_t name) {
  auto& history = names_[name];
  if (history == nullptr) {
    history = std::make_unique<NameHistory>();
    if (passes_ == 0) {
      const auto& from = view_.name_stats(name);
      history->commands = read(from.commands);
      history->errors = read(from.errors);
    }
  }
  return *history;
}

std::uint64_t Publisher::publish_name(std::uint32_t name, double elapsed_s) {
  const auto& from = view_.name_stats(name);
  NameHistory& history = history_of(name);
  const std::uint64_t commands = read(from.commands);
  const std::uint64_t errors = read(from.errors);
  const std::uint64_t sampled = read(from.sampled);
  const std::uint64_t commands_per_s = rate(increase(history.commands, commands), elapsed_s);
  const std::uint64_t errors_per_s = rate(increase(history.errors, errors), elapsed_s);
  // Histograms are long; one that has not changed since it was summed up is not read again.
  if (sampled != history.sampled || !history.summed_up) {
    stats::Counts service;
    service.add(from.service_ns);
    history.shown = summarise(difference(history.service, service), service);
    history.service = service;
    history.summed_up = sampled == history.sampled;
  }
  history.commands = commands;
  history.errors = errors;
  history.sampled = sampled;

  auto& to = view_.published_name(name);
  show(to.commands_per_s, commands_per_s);
  show(to.errors_per_s, errors_per_s);
  show(to.p50_ns, history.shown.p50);
  show(to.p99_ns, history.shown.p99);
  show(to.depth, depth_of_name(name));
  return commands_per_s;
}

Publisher::Summary Publisher::summarise(const stats::Counts& interval,
                                        const stats::Counts& all) noexcept {
  const stats::Counts& of = interval.total != 0 ? interval : all;
  return {of.quantile_ns(half), of.quantile_ns(most)};
}

void Publisher::count_depths() {
  std::fill(depths_.begin(), depths_.end(), 0);
  for (std::uint32_t i = 0; i < view_.capacities().lanes; ++i) {
    const auto word = lane::load_word(view_, i);
    if (word.bits != 0) lane_used_[i] = true;
    if (!word.in_use() || word.endpoint() >= depths_.size()) continue;
    const auto& head = view_.lane(i);
    const std::uint64_t next = lane::effective_cursor(head).seq();
    const std::uint64_t queued = increase(next, read(head.counters.published) + 1);
    depths_[word.endpoint()] += std::min<std::uint64_t>(queued, view_.capacities().cells_per_lane);
  }
}

std::uint64_t Publisher::depth_of_name(std::uint32_t name) const noexcept {
  std::uint64_t depth = 0;
  for (const auto word : names::load_members(view_, name).word) {
    if (word.bound()) depth += depths_[word.endpoint()];
  }
  return depth;
}

void Publisher::sum_round_trips() {
  std::uint64_t calls = 0;
  for (std::uint32_t i = 0; i < lane_used_.size(); ++i) {
    if (lane_used_[i]) calls += read(view_.lane(i).counters.calls);
  }
  if (calls == calls_ && round_trips_summed_up_) return;
  stats::Counts now;
  for (std::uint32_t i = 0; i < lane_used_.size(); ++i) {
    if (lane_used_[i]) now.add(view_.lane_latency(i).round_trip_ns);
  }
  round_trip_ = summarise(difference(round_trips_, now), now);
  round_trips_ = now;
  round_trips_summed_up_ = calls == calls_;
  calls_ = calls;
}

void Publisher::publish_bus(std::uint64_t commands_per_s) {
  auto& to = view_.published_bus();
  show(to.commands_per_s, commands_per_s);
  show(to.p50_ns, round_trip_.p50);
  show(to.p99_ns, round_trip_.p99);
  show(to.deaths, deaths_);
  show(to.passes, passes_);
  show(to.daemon_pid, pid_);
  show(to.published_at, wait::ticks());
}

void Publisher::count_death() noexcept { show(view_.published_bus().deaths, ++deaths_); }

void Publisher::withdraw() noexcept { show(view_.published_bus().daemon_pid, 0); }

}  // namespace shmbus::daemon
