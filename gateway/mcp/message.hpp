// JSON-RPC 2.0 as MCP uses it: one message taken apart, answers put together. Messages are
// anybody's text: JsonReader checks it (depth, UTF-8), and members are views into it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shmbus::gateway::mcp {

namespace rpc_error {
inline constexpr int parse = -32700;
inline constexpr int invalid_request = -32600;
inline constexpr int no_method = -32601;
inline constexpr int invalid_params = -32602;
inline constexpr int internal = -32603;
}  // namespace rpc_error

struct Message {
  enum class Kind : std::uint8_t { request, notification, response, no_json, no_message };
  Kind kind = Kind::no_json;
  std::string id;           ///< as it was written: a string with its quotes, or a number
  std::string method;       ///< without escapes
  std::string_view params;  ///< the text of the object; empty: none
};

/// The views last as long as `text`.
Message read_message(std::string_view text);

/// The text of a member of the object that `object` is the text of; nothing when there is none.
/// REQUIRES: `object` is empty, or valid JSON.
std::optional<std::string_view> member(std::string_view object, std::string_view name);
/// A string without quotes and escapes; nothing when `value` is no string.
std::optional<std::string> string_of(std::string_view value);
/// Whether it is a string or a number, as ids and progress tokens are.
bool is_id(std::string_view value) noexcept;

/// One line each, without its end. `result` is JSON, `id` as in Message.
std::string result_message(std::string_view id, std::string_view result);
std::string error_message(std::string_view id, int code, std::string_view text);

}  // namespace shmbus::gateway::mcp
