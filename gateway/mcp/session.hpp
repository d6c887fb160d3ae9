// One client of MCP: what it asks for is answered here, whatever carries the messages. Requests go
// on side by side; notifications/cancelled ends one by its id.
//
//   initialize, ping     answered at once
//   tools/list           the commands that the principal may call, as registered now
//   tools/call           a ToolCall
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/log.hpp"
#include "gateway/mcp/message.hpp"
#include "gateway/mcp/tool_call.hpp"
#include "gateway/routes.hpp"

namespace shmbus::gateway::mcp {

inline constexpr std::string_view latest_version = "2025-11-25";
bool speaks(std::string_view version) noexcept;

/// What all sessions of a program share.
struct Around {
  const Config& config;
  UnderWay& under_way;
  const program::Log& log;
};

class Session {
 public:
  explicit Session(const Around& around) : around_(around) {}

  /// Answers through `to`, at once or later; then the result is what is under way, null when there
  /// is nothing. REQUIRES: a request; `to` outlives the result.
  std::unique_ptr<ToolCall> request(const Message& message, Slot slot, Outlet& to);
  void notification(const Message& message);
  /// A request has ended, in whatever way. To be called by its outlet.
  void forget(const std::string& id) { running_.erase(id); }

 private:
  [[nodiscard]] std::string initialize(const Message& message) const;
  std::string list_tools(const Message& message, const Principal& principal);
  std::unique_ptr<ToolCall> call_tool(const Message& message, Slot slot, Outlet& to);
  std::shared_ptr<const KnownName> find(const std::string& tool, Principal& principal);

  Around around_;
  std::unordered_map<std::string, ToolCall*> running_;
};

}  // namespace shmbus::gateway::mcp
