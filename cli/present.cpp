#include "cli/present.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/members_text.hpp"
#include "cli/units.hpp"
#include "layout/participant.hpp"

namespace shmbus::cli {

using inspect::NameState;

std::string_view to_string(NameState state) noexcept {
  switch (state) {
    case NameState::active:
      return "active";
    case NameState::dead:
      return "dead";
    case NameState::vacant:
      return "vacant";
    case NameState::unregistered:
      return "unregistered";
  }
  return "unknown";
}

Cell state_cell(NameState state) {
  const Style style = state == NameState::active ? Style::good
                      : state == NameState::dead ? Style::bad
                                                 : Style::warn;
  return {std::string(to_string(state)), style};
}

std::string quantile_text(const stats::Counts& counts, double share) {
  return counts.total == 0 ? "-" : format_ns(counts.quantile_ns(share));
}

nlohmann::json capacities_json(const layout::Capacities& c) {
  return {{"participants", c.participants},
          {"names", c.names},
          {"endpoints", c.endpoints},
          {"lanes", c.lanes},
          {"cells_per_lane", c.cells_per_lane},
          {"inbox_slots", c.inbox_slots},
          {"extents", c.extents},
          {"extent_bytes", c.extent_bytes},
          {"broadcasts", c.broadcasts}};
}

nlohmann::json topic_json(const inspect::TopicInfo& topic) {
  nlohmann::json out{{"name", topic.name},
                     {"publishers", nlohmann::json::array()},
                     {"subscribers", nlohmann::json::array()}};
  for (const auto& info : topic.publishers) {
    out["publishers"].push_back({{"label", info.label},
                                 {"pid", info.pid},
                                 {"published", info.published},
                                 {"bytes", info.bytes},
                                 {"oldest", info.oldest},
                                 {"keep", info.keep},
                                 {"slots", info.slots},
                                 {"slot_bytes", info.slot_bytes},
                                 {"waits", info.waits},
                                 {"wait_ns", info.wait_ns},
                                 {"refused", info.refused}});
  }
  for (const auto& info : topic.subscribers) {
    out["subscribers"].push_back({{"label", info.label},
                                  {"pid", info.pid},
                                  {"holds", info.word.holds()},
                                  {"delivered", info.delivered},
                                  {"missed", info.missed},
                                  {"behind", info.behind}});
  }
  return out;
}

nlohmann::json bus_json(const inspect::Snapshot& snapshot) {
  const auto& bus = snapshot.bus;
  const auto& header = bus.header;
  nlohmann::json out{{"path", bus.path},
                     {"bytes", bus.file_bytes},
                     {"resident_bytes", bus.resident_bytes},
                     {"mode", fmt::format("{:04o}", bus.file_mode)},
                     {"uid", bus.file_uid},
                     {"layout", fmt::format("{}.{}", header.layout_major, header.layout_minor)},
                     {"created_unix_s", header.created_unix_s},
                     {"creator_pid", header.creator_pid},
                     {"default_timeout_ns", header.default_timeout_ns},
                     {"daemon", bus.daemon_present},
                     {"replaced", bus.replaced},
                     {"capacities", capacities_json(header.capacities)},
                     {"lanes_in_use", snapshot.lanes.size()},
                     {"extents_leased", snapshot.extents.leased}};
  if (snapshot.published.fresh) {
    const auto& published = snapshot.published;
    out["published"] = {
        {"age_ns", published.age_ns},        {"commands_per_s", published.commands_per_s},
        {"p50_ns", published.p50_ns},        {"p99_ns", published.p99_ns},
        {"deaths", published.deaths},        {"passes", published.passes},
        {"daemon_pid", published.daemon_pid}};
  }
  return out;
}

nlohmann::json latency_json(const stats::Counts& counts) {
  return {{"samples", counts.total},
          {"p50_ns", counts.quantile_ns(0.5)},
          {"p90_ns", counts.quantile_ns(0.9)},
          {"p99_ns", counts.quantile_ns(0.99)},
          {"p999_ns", counts.quantile_ns(0.999)},
          {"max_ns", counts.quantile_ns(1)}};
}

nlohmann::json name_json(const inspect::NameInfo& name, double per_s) {
  nlohmann::json out{{"name", name.name},
                     {"state", to_string(name.state)},
                     {"owner", name.owner_label},
                     {"pid", name.owner_pid},
                     {"calls", name.commands},
                     {"errors", name.errors},
                     {"expired", name.expired},
                     {"bytes_in", name.bytes_in},
                     {"bytes_out", name.bytes_out},
                     {"rate_per_s", per_s},
                     {"p50_ns", name.service.quantile_ns(0.5)},
                     {"p99_ns", name.service.quantile_ns(0.99)},
                     {"samples", name.service.total},
                     {"queue_p50_ns", name.queue.quantile_ns(0.5)},
                     {"queue_p99_ns", name.queue.quantile_ns(0.99)},
                     {"queue_samples", name.queue.total},
                     {"depth", name.depth},
                     {"request_bytes", name.request_bytes},
                     {"reply_bytes", name.reply_bytes}};
  if (name.endpoint) out["endpoint"] = *name.endpoint;
  if (!name.members.empty()) out["members"] = members_json(name);
  return out;
}

nlohmann::json participant_json(const inspect::ParticipantInfo& info) {
  const bool daemon = info.role == layout::participant_role::daemon;
  return {{"index", info.index},
          {"epoch", info.epoch},
          {"pid", info.pid},
          {"uid", info.uid},
          {"role", daemon ? "daemon" : "client"},
          {"label", info.label},
          {"age_ns", info.age_ns},
          {"alive", info.process_alive},
          {"same_pid_namespace", info.same_pid_namespace},
          {"lanes", info.lanes},
          {"extents", info.extents},
          {"endpoints", info.endpoints},
          {"draining", info.draining},
          {"asking", info.asking}};
}

nlohmann::json finding_json(const inspect::Finding& finding) {
  return {{"severity", inspect::to_string(finding.severity)},
          {"id", finding.id},
          {"subject", finding.subject},
          {"what", finding.what},
          {"mend", finding.mend}};
}

std::string summary_line(const inspect::Snapshot& snapshot) {
  const auto living =
      std::count_if(snapshot.participants.begin(), snapshot.participants.end(),
                    [](const inspect::ParticipantInfo& info) { return info.process_alive; });
  return fmt::format("{}  {}  {} of {} participants  {} of {} extents leased  {}",
                     printable(snapshot.bus.path), format_bytes(snapshot.bus.resident_bytes),
                     living, snapshot.bus.header.capacities.participants, snapshot.extents.leased,
                     snapshot.extents.total,
                     snapshot.bus.daemon_present ? "daemon running" : "no daemon");
}

}  // namespace shmbus::cli
