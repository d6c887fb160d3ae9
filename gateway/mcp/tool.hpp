// A command as a tool of MCP: its name, its description as `tools/list` gives it, its arguments as
// a request, and its replies as the content of a result.
//
// Arguments and structured results are objects. A command whose request is another type takes it as
// the member "value", one that takes bytes as "text" or "hex", one with a stream of requests as
// "records"; replies likewise.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/bus_link.hpp"
#include "gateway/config.hpp"

namespace shmbus::gateway::mcp {

/// What a tool is called: letters, digits and "_-." stay, other bytes become "_xHH_".
std::string tool_name(std::string_view command);
/// The command with that tool_name(), if its name has other characters; else the same.
std::string command_of(std::string_view tool);

/// One element of the "tools" of tools/list, as JSON.
std::string tool_json(const KnownName& name, const ToolTexts& texts);

using Bytes = std::vector<std::byte>;
/// The request; for a stream of requests one for each record.
Result<std::vector<Bytes>> requests_of(const KnownName& name, std::string_view arguments);

/// A reply or record as JSON; of untyped names {"text": ...} or {"hex": ...}.
Result<std::string> reply_json(const KnownName& name, std::span<const std::byte> bytes);
/// The result of tools/call. `reply` as of reply_json(); "null" without a reply.
std::string result_json(const KnownName& name, std::string_view reply);
/// Of a stream. `truncated`: there were more.
std::string records_result_json(const std::vector<std::string>& records, bool truncated);
/// Of a command that failed, with what came before.
std::string failure_json(const Error& error, const std::vector<std::string>& records);

}  // namespace shmbus::gateway::mcp
