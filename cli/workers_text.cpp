#include "cli/workers_text.hpp"

#include <fmt/format.h>

#include "cli/output.hpp"
#include "cli/units.hpp"

namespace shmbus::cli {
namespace {

std::uint32_t pid_of(const inspect::Snapshot& snapshot, const inspect::EndpointInfo& endpoint) {
  const auto* process = snapshot.participant(endpoint.holder);
  return process == nullptr ? 0 : process->pid;
}

}  // namespace

std::string workers_text(const inspect::EndpointInfo& endpoint) {
  auto text = fmt::format("{} of {} busy", endpoint.busy, endpoint.workers);
  if (endpoint.busy != 0) {
    text += fmt::format(", the oldest command has run for {}", format_ns(endpoint.oldest_ns));
  }
  return text;
}

nlohmann::json workers_json(const inspect::EndpointInfo& endpoint) {
  return {{"all", endpoint.workers}, {"busy", endpoint.busy}, {"oldest_ns", endpoint.oldest_ns}};
}

std::string workers_lines(const inspect::Snapshot& snapshot) {
  std::string lines;
  for (const auto& endpoint : snapshot.endpoints) {
    if (endpoint.workers == 0) continue;
    lines += fmt::format("workers of {}, pid {}: {}\n",
                         endpoint.label.empty() ? "-" : printable(endpoint.label),
                         pid_of(snapshot, endpoint), workers_text(endpoint));
  }
  return lines;
}

nlohmann::json workers_list(const inspect::Snapshot& snapshot) {
  auto list = nlohmann::json::array();
  for (const auto& endpoint : snapshot.endpoints) {
    if (endpoint.workers == 0) continue;
    auto entry = workers_json(endpoint);
    entry["endpoint"] = endpoint.index;
    entry["label"] = endpoint.label;
    entry["pid"] = pid_of(snapshot, endpoint);
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace shmbus::cli
