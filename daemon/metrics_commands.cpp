#include "daemon/metrics_commands.hpp"
#include "common/escape.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "common/escape.hpp"
#include "layout/names.hpp"
#include "layout/policy.hpp"
#include "policy/status.hpp"
#include "words/terms.hpp"

namespace shmbus::daemon {
namespace {

using inspect::MemberInfo;
using inspect::NameInfo;
using inspect::NameState;
using inspect::Role;
using inspect::Snapshot;

struct Command {
  const NameInfo* info;
  std::string label;  ///< command="user.create"
};

/// The names, each once: two series of one name would spoil the whole scrape.
std::vector<Command> commands_of(const Snapshot& snapshot) {
  std::vector<Command> out;
  std::set<std::string> seen;
  for (const auto& name : snapshot.names) {
    if (name.lease != layout::lease_published) continue;
    if (layout::BindingWord{name.binding_bits}.is_event()) continue;  // metrics_events.cpp
    auto label = fmt::format("command=\"{}\"", escape::prometheus(name.name));
    if (seen.insert(label).second) out.push_back({&name, std::move(label)});
  }
  return out;
}

bool takes(const MemberInfo& member) noexcept {
  return member.state == NameState::active && member.role != Role::leaving;
}

std::uint64_t takers_of(const NameInfo& name) {
  if (name.members.empty()) return name.state == NameState::active ? 1 : 0;
  return static_cast<std::uint64_t>(std::count_if(name.members.begin(), name.members.end(), takes));
}

void write_each(Page& page, const std::vector<Command>& commands) {
  const auto each = [&](const char* name, const char* type, const char* help, auto value) {
    page.family(name, type, help);
    for (const auto& one : commands) page.sample(value(*one.info), one.label);
  };
  each("shmbus_command_up", "gauge", "1 while a living process handles it.", [](const NameInfo& n) {
    return n.state == inspect::NameState::active ? std::uint64_t{1} : 0;
  });
  each("shmbus_command_members", "gauge", "Living processes that take its commands.", takers_of);
  each("shmbus_command_depth", "gauge", "Published and not answered, over all callers.",
       [](const NameInfo& n) { return std::uint64_t{n.depth}; });
  each("shmbus_commands_total", "counter", "Commands that a handler ran.",
       [](const NameInfo& n) { return n.commands; });
  page.family("shmbus_command_errors_total", "counter",
              "refused: the handler said no; expired: its deadline or a cancellation came first.");
  for (const auto& one : commands) {
    page.sample(one.info->errors, one.label + ",reason=\"refused\"");
    page.sample(one.info->expired, one.label + ",reason=\"expired\"");
  }
  each("shmbus_command_request_bytes_total", "counter", "Bytes that the handler was given.",
       [](const NameInfo& n) { return n.bytes_in; });
  each("shmbus_command_reply_bytes_total", "counter", "Bytes that the handler answered.",
       [](const NameInfo& n) { return n.bytes_out; });
  page.family("shmbus_command_service_seconds", "histogram",
              "Time inside the handler, of a sample of the commands.");
  for (const auto& one : commands) page.histogram(one.info->service, one.label);
  page.family("shmbus_command_queue_seconds", "histogram",
              "From the publish to the start of the handler, of a sample of the commands.");
  for (const auto& one : commands) page.histogram(one.info->queue, one.label);
}

struct Member {
  const MemberInfo* info;
  std::string label;
};

/// Of names that several share. An endpoint stands for itself, once, whatever a peer wrote.
std::vector<Member> members_of(const std::vector<Command>& commands) {
  std::vector<Member> out;
  for (const auto& one : commands) {
    std::set<std::uint32_t> seen;
    for (const auto& member : one.info->members) {
      if (!seen.insert(member.endpoint).second) continue;
      out.push_back({&member, fmt::format("{},endpoint=\"{}\",role=\"{}\",handler=\"{}\"",
                                          one.label, member.endpoint, to_string(member.role),
                                          escape::prometheus(member.label))});
    }
  }
  return out;
}

void write_members(Page& page, const std::vector<Command>& commands) {
  const auto members = members_of(commands);
  if (members.empty()) return;
  page.family("shmbus_command_member_up", "gauge",
              "Of a command that several handle: 1 while the process of this endpoint lives.");
  for (const auto& one : members) {
    page.sample(one.info->state == NameState::active ? 1 : 0, one.label);
  }
  page.family("shmbus_command_member_depth", "gauge",
              "Published to this endpoint and not answered.");
  for (const auto& one : members) page.sample(one.info->depth, one.label);
}

struct Policed {
  const std::string* label;
  PolicyStatus status;
};

bool did_anything(const layout::PolicyLive& live) noexcept {
  for (const auto* counter :
       {&live.denied, &live.over_rate, &live.over_outstanding, &live.circuit_open, &live.opened}) {
    if (counter->load(std::memory_order_relaxed) != 0) return true;
  }
  return false;
}

/// Names that have a policy, or had one that did something.
std::vector<Policed> policed(const inspect::Reader& reader, const std::vector<Command>& commands) {
  const wait::TickRate rate(reader.header().ticks_per_s);
  std::vector<Policed> out;
  for (const auto& one : commands) {
    const auto& policy = reader.view().policy(one.info->record);
    if (policy::load(policy.asked).ask_nothing() && !did_anything(policy.live)) continue;
    out.push_back({&one.label, policy::status_of(reader.view(), rate, one.info->record)});
  }
  return out;
}

void write_policies(Page& page, const std::vector<Policed>& all) {
  if (all.empty()) return;
  page.family("shmbus_policy_refused_total", "counter",
              "Commands that callers did not send, because the policy of the name forbade it.");
  for (const auto& [label, s] : all) {
    page.sample(s.denied, *label + ",reason=\"denied\"");
    page.sample(s.over_rate, *label + ",reason=\"over_rate\"");
    page.sample(s.over_outstanding, *label + ",reason=\"over_outstanding\"");
    page.sample(s.circuit_open, *label + ",reason=\"circuit_open\"");
  }
  page.family("shmbus_policy_circuit_opened_total", "counter", "How often its breaker opened.");
  for (const auto& [label, s] : all) page.sample(s.opened, *label);
  page.family("shmbus_policy_circuit", "gauge", "1 for the state that the breaker is in.");
  for (const auto& [label, s] : all) {
    page.sample(s.circuit == CircuitState::closed ? 1 : 0, *label + ",state=\"closed\"");
    page.sample(s.circuit == CircuitState::half_open ? 1 : 0, *label + ",state=\"half_open\"");
    page.sample(s.circuit == CircuitState::open ? 1 : 0, *label + ",state=\"open\"");
  }
}

}  // namespace

void write_commands(Page& page, const inspect::Reader& reader, const Snapshot& snapshot) {
  const auto commands = commands_of(snapshot);
  write_each(page, commands);
  write_members(page, commands);
  write_policies(page, policed(reader, commands));
}

}  // namespace shmbus::daemon
