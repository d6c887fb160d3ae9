#include "gateway/mcp/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <shmbus/version.hpp>

#include "common/escape.hpp"
#include "inspect/described.hpp"
#include "shmbus/name.hpp"

namespace shmbus::gateway::mcp {
namespace {

constexpr std::array<std::string_view, 3> versions{latest_version, "2025-06-18", "2024-11-05"};
constexpr std::size_t page_tools = 200;

}  // namespace

bool speaks(std::string_view version) noexcept {
  return std::find(versions.begin(), versions.end(), version) != versions.end();
}

std::string Session::initialize(const Message& message) const {
  const auto asked = string_of(member(message.params, "protocolVersion").value_or(""));
  const auto version = asked && speaks(*asked) ? *asked : std::string(latest_version);
  const auto result = fmt::format(
      R"({{"protocolVersion":"{}","capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"shmbus",)"
      R"("version":"{}"}},"instructions":{}}})",
      version, SHMBUS_VERSION,
      escape::json(fmt::format("Each tool is a command of the shmbus '{}'. A failed call says "
                               "whether the command may have run.",
                               around_.config.bus)));
  return escape::json_document(result_message(message.id, result));
}

std::string Session::list_tools(const Message& message, const Principal& principal) {
  if (!principal.config().describe) {
    return error_message(message.id, rpc_error::invalid_request,
                         "this client may not read descriptions");
  }
  const auto reader = inspect::Reader::open(around_.config.bus);
  if (!reader) return error_message(message.id, rpc_error::internal, reader.error().message.view());
  const auto cursor = string_of(member(message.params, "cursor").value_or("")).value_or("");
  std::string tools;
  std::string next;
  std::string last;
  std::size_t count = 0;
  for (const auto& one : inspect::described_names(*reader)) {
    if (one.event || one.name <= cursor || !principal.may(Action::call, one.name)) continue;
    if (count++ == page_tools) {
      next = ",\"nextCursor\":" + escape::json(last);
      break;
    }
    tools += (tools.empty() ? "" : ",") +
             tool_json(known_name(one.name, one.schema), around_.config.tools);
    last = one.name;
  }
  const auto result = fmt::format("{{\"tools\":[{}]{}}}", tools, next);
  return escape::json_document(result_message(message.id, result));
}

/// Of a tool that the principal may call; a name that is not allowed is as unknown as any other.
std::shared_ptr<const KnownName> Session::find(const std::string& tool, Principal& principal) {
  for (const auto& name : {tool, command_of(tool)}) {
    if (!is_valid_name(name) || !principal.may(Action::call, name)) continue;
    if (const auto known = principal.link().look_up(name)) return *known;
  }
  return nullptr;
}

std::unique_ptr<ToolCall> Session::call_tool(const Message& message, Slot slot, Outlet& to) {
  const auto tool = string_of(member(message.params, "name").value_or("")).value_or("");
  const auto known = find(tool, slot.principal());
  if (known == nullptr) {
    around_.log.write(program::Level::warning, "request refused",
                      {{"principal", slot.principal().config().name},
                       {"tool", std::string_view(tool).substr(0, 200)}});
    to.answer(error_message(message.id, rpc_error::invalid_params,
                            fmt::format("there is no tool '{}' for this client", tool)));
    return nullptr;
  }
  if (around_.under_way.calls >= around_.config.limits.calls) {
    to.answer(error_message(message.id, rpc_error::internal, "too many calls are under way"));
    return nullptr;
  }
  if (running_.count(message.id) != 0) {
    to.answer(error_message(message.id, rpc_error::invalid_request,
                            "a request with this id is under way"));
    return nullptr;
  }
  const auto meta = member(message.params, "_meta").value_or("");
  const auto token = member(meta, "progressToken").value_or("");
  ToolCall::What what{
      std::move(slot), known, message.id, is_id(token) ? std::string(token) : std::string(), {}};
  const auto trace =
      TraceContext::parse(string_of(member(meta, "traceparent").value_or("")).value_or(""));
  if (trace) what.trace = *trace;
  auto call =
      std::make_unique<ToolCall>(std::move(what), around_.config.limits, around_.under_way, to);
  running_[message.id] = call.get();
  return call;
}

std::unique_ptr<ToolCall> Session::request(const Message& message, Slot slot, Outlet& to) {
  if (message.method == "tools/call") return call_tool(message, std::move(slot), to);
  if (message.method == "initialize") {
    to.answer(initialize(message));
  } else if (message.method == "ping") {
    to.answer(result_message(message.id, "{}"));
  } else if (message.method == "tools/list") {
    to.answer(list_tools(message, slot.principal()));
  } else {
    to.answer(error_message(message.id, rpc_error::no_method,
                            fmt::format("there is no method '{}' here", message.method)));
  }
  return nullptr;
}

void Session::notification(const Message& message) {
  if (message.method != "notifications/cancelled") return;
  const auto id = member(message.params, "requestId");
  const auto found = id ? running_.find(std::string(*id)) : running_.end();
  if (found != running_.end()) found->second->cancel();
}

}  // namespace shmbus::gateway::mcp
