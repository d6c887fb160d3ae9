#include "inspect/rows.hpp"

#include <algorithm>

#include "layout/names.hpp"

namespace shmbus::inspect {
namespace {

double seconds_between(const Snapshot& before, const Snapshot& now) noexcept {
  return static_cast<double>(now.bus.taken_at_ns - before.bus.taken_at_ns) / 1e9;
}

/// A peer may have forged a counter: never less than nothing.
double rate(std::uint64_t before, std::uint64_t now, double seconds) noexcept {
  return now > before && seconds > 0 ? static_cast<double>(now - before) / seconds : 0;
}

/// The same lease of the same lane. A lane's counters go on from lease to lease, so of one that was
/// leased since there is nothing to subtract: it counts from the next interval on.
const LaneInfo* same_lease(const Snapshot& before, const LaneInfo& lane) {
  const auto at = std::find_if(before.lanes.begin(), before.lanes.end(), [&](const LaneInfo& old) {
    return old.index == lane.index && old.word.party() == lane.word.party() &&
           old.word.gen() == lane.word.gen();
  });
  return at == before.lanes.end() ? nullptr : &*at;
}

void add_calls(const Snapshot& before, const LaneInfo& lane, double seconds, ProcessRow& row) {
  row.under_way += lane.queued + lane.started_unanswered;
  const auto* old = same_lease(before, lane);
  if (old == nullptr) return;
  row.calls_per_s += rate(old->calls, lane.calls, seconds) + rate(old->sends, lane.sends, seconds);
  row.errors_per_s += rate(old->errors, lane.errors, seconds);
  const auto recent = lane.round_trip.since(old->round_trip);
  for (std::size_t i = 0; i < recent.bucket.size(); ++i) {
    row.round_trip.bucket[i] += recent.bucket[i];
  }
  row.round_trip.total += recent.total;
}

void add_service(const Snapshot& before, const EndpointInfo& endpoint, double seconds,
                 ProcessRow& row) {
  if (endpoint.index >= before.endpoints.size()) return;
  const auto& old = before.endpoints[endpoint.index];
  row.served_per_s += rate(old.commands, endpoint.commands, seconds);
  row.parks_per_s += rate(old.parks, endpoint.parks, seconds);
}

}  // namespace

bool is_published(const NameInfo& name) noexcept { return name.lease == layout::lease_published; }

const NameInfo* same_name(const Snapshot& in, const NameInfo& name) {
  const auto at = std::find_if(in.names.begin(), in.names.end(),
                               [&](const NameInfo& other) { return other.record == name.record; });
  return at == in.names.end() ? nullptr : &*at;
}

std::vector<double> rates_between(const Snapshot& before, const Snapshot& now) {
  const double seconds = seconds_between(before, now);
  std::vector<double> per_s;
  per_s.reserve(now.names.size());
  for (const auto& name : now.names) {
    const auto* earlier = same_name(before, name);
    per_s.push_back(rate(earlier == nullptr ? 0 : earlier->commands, name.commands, seconds));
  }
  return per_s;
}

std::vector<CommandRow> command_rows(const Snapshot& before, const Snapshot& now) {
  const double seconds = seconds_between(before, now);
  std::vector<CommandRow> out;
  for (const auto& name : now.names) {
    if (!is_published(name) || name.state == NameState::unregistered) continue;
    const NameInfo none;
    const auto* old = same_name(before, name);
    if (old == nullptr) old = &none;
    out.push_back({&name, rate(old->commands, name.commands, seconds),
                   rate(old->errors + old->expired, name.errors + name.expired, seconds),
                   name.service.since(old->service)});
  }
  return out;
}

std::vector<ProcessRow> process_rows(const Snapshot& before, const Snapshot& now) {
  const double seconds = seconds_between(before, now);
  std::vector<ProcessRow> out;
  for (const auto& participant : now.participants) {
    const auto party = layout::ParticipantId::make(participant.index, participant.epoch);
    ProcessRow row;
    row.now = &participant;
    for (const auto& lane : now.lanes) {
      if (lane.word.party() == party) add_calls(before, lane, seconds, row);
    }
    for (const auto& endpoint : now.endpoints) {
      if (!endpoint.active || endpoint.holder != party) continue;
      add_service(before, endpoint, seconds, row);
      for (const auto& lane : now.lanes) {
        if (lane.word.endpoint() == endpoint.index) {
          row.waiting += lane.queued + lane.started_unanswered;
        }
      }
    }
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace shmbus::inspect
