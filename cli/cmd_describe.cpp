// shmbus describe NAME: everything that the bus knows about one name.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/members_text.hpp"
#include "cli/present.hpp"
#include "cli/rates.hpp"
#include "cli/registered_types.hpp"
#include "cli/topic_text.hpp"
#include "cli/units.hpp"
#include "cli/workers_text.hpp"
#include "codec/words.hpp"
#include "layout/names.hpp"

namespace shmbus::cli {
namespace {

using inspect::LaneInfo;
using inspect::NameInfo;
using inspect::Snapshot;

std::vector<const LaneInfo*> lanes_to(const Snapshot& snapshot, const NameInfo& name) {
  std::vector<const LaneInfo*> lanes;
  const auto leads_to = [&](std::uint32_t endpoint) {
    return name.endpoint == endpoint ||
           std::any_of(name.members.begin(), name.members.end(),
                       [&](const auto& member) { return member.endpoint == endpoint; });
  };
  for (const auto& lane : snapshot.lanes) {
    if (lane.word.in_use() && leads_to(lane.word.endpoint())) lanes.push_back(&lane);
  }
  return lanes;
}

std::uint32_t pid_of(const Snapshot& snapshot, layout::ParticipantId party) {
  const auto* process = snapshot.participant(party);
  return process == nullptr ? 0 : process->pid;
}

std::string mode_text(std::uint32_t mode) {
  switch (static_cast<layout::LaneMode>(mode)) {
    case layout::LaneMode::cold:
      return "cold";
    case layout::LaneMode::hot:
      return "hot";
    case layout::LaneMode::ordered:
      return "ordered";
  }
  return fmt::format("? {}", mode);
}

std::string caller_label(const Snapshot& snapshot, const LaneInfo& lane) {
  const auto* caller = snapshot.participant(lane.word.party());
  return caller == nullptr ? "-" : printable(caller->label);
}

std::string caller_pid(const Snapshot& snapshot, const LaneInfo& lane) {
  const auto* caller = snapshot.participant(lane.word.party());
  return caller == nullptr ? "-" : std::to_string(caller->pid);
}

nlohmann::json fields_json(const codec::Type& type) {
  auto list = nlohmann::json::array();
  for (const auto& field : codec::fields_of(type)) {
    list.push_back({{"name", field.name},
                    {"type", field.type},
                    {"offset", field.offset},
                    {"bytes", field.bytes},
                    {"optional", field.optional}});
  }
  return list;
}

void add_types(nlohmann::json& out, const std::optional<RegisteredTypes>& types) {
  if (!types || types->hash_only) return;
  out["name"]["schema"] = types->text;
  out["request"] = fields_json(types->request);
  out["reply"] = fields_json(types->reply);
  out["request_stream"] = types->request_stream;
  out["reply_stream"] = types->reply_stream;
}

nlohmann::json describe_json(const Snapshot& snapshot, const NameInfo& name, double per_s) {
  nlohmann::json out{{"bus", bus_json(snapshot)}, {"name", name_json(name, per_s)}};
  out["name"]["record"] = name.record;
  out["name"]["schema_hash"] = fmt::format("{:016x}", name.schema_hash);
  out["name"]["registered_by_uid"] = name.owner_uid == layout::unclaimed_uid
                                         ? nlohmann::json(nullptr)
                                         : nlohmann::json(name.owner_uid);
  out["name"]["service"] = latency_json(name.service);
  out["name"]["queue"] = latency_json(name.queue);
  out["lanes"] = nlohmann::json::array();
  for (const auto* lane : lanes_to(snapshot, name)) {
    const auto* caller = snapshot.participant(lane->word.party());
    out["lanes"].push_back({{"lane", lane->index},
                            {"caller", caller == nullptr ? "" : caller->label},
                            {"pid", caller == nullptr ? 0 : caller->pid},
                            {"mode", mode_text(lane->mode)},
                            {"orphan", lane->word.state() == layout::LaneState::orphan},
                            {"queued", lane->queued},
                            {"under_way", lane->started_unanswered},
                            {"calls", lane->calls},
                            {"sends", lane->sends},
                            {"errors", lane->errors},
                            {"timeouts", lane->timeouts},
                            {"lost", lane->lost},
                            {"round_trip", latency_json(lane->round_trip)}});
  }
  if (name.endpoint && *name.endpoint < snapshot.endpoints.size()) {
    const auto& endpoint = snapshot.endpoints[*name.endpoint];
    out["endpoint"] = {{"index", endpoint.index},
                       {"generation", endpoint.gen},
                       {"commands", endpoint.commands},
                       {"sleeps", endpoint.parks},
                       {"wakes", endpoint.wakes},
                       {"died_with_commands", endpoint.died},
                       {"draining_pid", pid_of(snapshot, endpoint.draining.party())},
                       {"standby_pid", pid_of(snapshot, endpoint.standby)},
                       {"order", endpoint.global_order ? "global" : "per caller"},
                       {"tickets", endpoint.inbox.waiting}};
    if (endpoint.workers != 0) out["endpoint"]["workers"] = workers_json(endpoint);
  }
  return out;
}

std::string times_text(const stats::Counts& times) {
  return fmt::format("p50 {}, p90 {}, p99 {}, p99.9 {}, max {} ({} samples)",
                     quantile_text(times, 0.5), quantile_text(times, 0.9),
                     quantile_text(times, 0.99), quantile_text(times, 0.999),
                     quantile_text(times, 1), times.total);
}

void print_name(const NameInfo& name, double per_s) {
  const auto line = [](std::string_view key, const std::string& value) {
    fmt::print("{:<10}{}\n", key, value);
  };
  const auto size = [](std::uint32_t bytes) {
    return bytes == 0 ? std::string("any size") : format_bytes(bytes);
  };
  const Cell state = state_cell(name.state);
  line("name", printable(name.name));
  line("state", styled(state.text, state.style));
  line("owner", name.owner_label.empty()
                    ? std::string("-")
                    : fmt::format("{}, pid {}", printable(name.owner_label), name.owner_pid));
  line("types",
       fmt::format("request {}, reply {}", size(name.request_bytes), size(name.reply_bytes)));
  line("calls", fmt::format("{}, {}/s, {} waiting or under way", format_count(name.commands),
                            format_rate(per_s), name.depth));
  line("errors", fmt::format("{} refused by the handler, {} expired or cancelled", name.errors,
                             name.expired));
  line("bytes",
       fmt::format("{} in, {} out", format_bytes(name.bytes_in), format_bytes(name.bytes_out)));
  line("service", times_text(name.service));
  line("queued", times_text(name.queue));
}

void print_fields(std::string_view title, const codec::Type& type) {
  const auto fields = codec::fields_of(type);
  if (fields.empty()) {
    fmt::print("{:<10}nothing\n", title);
    return;
  }
  Table table({{std::string(title)}, {"TYPE"}, {"AT", Align::right}, {"BYTES", Align::right}});
  for (const auto& field : fields) {
    const auto words = printable(field.type);
    table.add({field.name.empty() ? "(itself)" : printable(field.name),
               field.optional ? words + ", or none" : words, std::to_string(field.offset),
               std::to_string(field.bytes)});
  }
  fmt::print("\n{}", table.text());
}

void print_types(const std::optional<RegisteredTypes>& types) {
  if (!types) {
    fmt::print("{:<10}not known: registered as bytes\n", "schema");
  } else if (types->hash_only) {
    fmt::print("{:<10}{:016x}, too long to be shown\n", "schema", types->hash);
  } else {
    fmt::print("{:<10}{:016x}\n", "schema", types->hash);
    print_fields(types->request_stream ? "REQUESTS" : "REQUEST", types->request);
    print_fields(types->reply_stream ? "REPLIES" : "REPLY", types->reply);
  }
}

void print_endpoint(const Snapshot& snapshot, const NameInfo& name) {
  if (!name.endpoint || *name.endpoint >= snapshot.endpoints.size()) return;
  const auto& endpoint = snapshot.endpoints[*name.endpoint];
  fmt::print("{:<10}{} (generation {}), {} commands, {} lost with their handler, {} sleeps, {}\n",
             "endpoint", endpoint.index, endpoint.gen, endpoint.commands, endpoint.died,
             endpoint.parks, endpoint.global_order ? "one order for all" : "order by caller");
  if (endpoint.workers != 0) fmt::print("{:<10}{}\n", "workers", workers_text(endpoint));
  if (!endpoint.draining.nobody()) {
    fmt::print("{:<10}pid {}, which was replaced, still owes answers\n", "draining",
               pid_of(snapshot, endpoint.draining.party()));
  }
  if (!endpoint.standby.nobody()) {
    fmt::print("{:<10}pid {} asks for this endpoint\n", "standby",
               pid_of(snapshot, endpoint.standby));
  }
  const auto lanes = lanes_to(snapshot, name);
  if (lanes.empty()) return;
  Table table({{"LANE", Align::right},
               {"CALLER"},
               {"PID", Align::right},
               {"MODE"},
               {"QUEUED", Align::right},
               {"UNDER WAY", Align::right},
               {"CALLS", Align::right},
               {"SENDS", Align::right},
               {"TIMEOUTS", Align::right},
               {"LOST", Align::right},
               {"P50", Align::right},
               {"P99", Align::right}});
  for (const auto* lane : lanes) {
    table.add({std::to_string(lane->index), caller_label(snapshot, *lane),
               caller_pid(snapshot, *lane), mode_text(lane->mode), std::to_string(lane->queued),
               std::to_string(lane->started_unanswered), format_count(lane->calls),
               format_count(lane->sends), format_count(lane->timeouts), format_count(lane->lost),
               quantile_text(lane->round_trip, 0.5), quantile_text(lane->round_trip, 0.99)});
  }
  fmt::print("\n{}", table.text());
}

/// Null when the name is a command's.
const inspect::TopicInfo* topic_of(const Snapshot& snapshot, const NameInfo& name) {
  for (const auto& topic : snapshot.topics) {
    if (topic.record == name.record) return &topic;
  }
  return nullptr;
}

int describe_topic(const Context& context, const inspect::TopicInfo& topic,
                   const std::optional<RegisteredTypes>& types) {
  if (!context.json) {
    print_topic(topic, types);
    return exit_ok;
  }
  nlohmann::json out{{"event", topic_json(topic)}};
  if (types && !types->hash_only) {
    out["event"]["schema"] = types->text;
    out["value"] = fields_json(types->request);
  }
  print_json(out);
  return exit_ok;
}

int run_describe(const Context& context, const std::string& wanted) {
  const auto reader = value_or_fail(inspect::Reader::open(context.bus));
  const Rated rated = rated_snapshot(reader);
  const auto* name = rated.snapshot.name(wanted);
  if (name == nullptr || !is_published(*name)) {
    throw Failure(ErrorKind::not_registered,
                  fmt::format("'{}' is not known on {}; `shmbus ls --all` lists what is", wanted,
                              rated.snapshot.bus.path));
  }
  const double per_s = rated.per_s[static_cast<std::size_t>(name - rated.snapshot.names.data())];
  const auto types = registered_types(reader, *name);
  if (const auto* topic = topic_of(rated.snapshot, *name)) {
    return describe_topic(context, *topic, types);
  }
  if (context.json) {
    auto out = describe_json(rated.snapshot, *name, per_s);
    add_types(out, types);
    print_json(out);
    return exit_ok;
  }
  print_name(*name, per_s);
  print_members(*name);
  if (!name->members.empty()) fmt::print("\n");
  print_endpoint(rated.snapshot, *name);
  print_types(types);
  return exit_ok;
}

}  // namespace

void add_describe(CLI::App& app, Context& context) {
  const auto name = std::make_shared<std::string>();
  auto& command =
      add_command(app, context, "describe",
                  "Show everything about one name: who serves or publishes it, who uses it",
                  [&context, name] { return run_describe(context, *name); });
  command.add_option("NAME", *name, "Name of a command or an event")->required();
}

}  // namespace shmbus::cli
