#include "gateway/mcp/message.hpp"

#include <fmt/format.h>

#include "codec/json_reader.hpp"
#include "common/escape.hpp"

namespace shmbus::gateway::mcp {

std::optional<std::string_view> member(std::string_view object, std::string_view name) {
  codec::JsonReader in(object);
  if (!in.take('{')) return std::nullopt;
  while (in.peek() == '"') {
    std::string_view key;
    if (!in.string(key)) return std::nullopt;
    const bool found = key == name;
    if (!in.take(':')) return std::nullopt;
    (void)in.peek();
    const auto at = in.at();
    if (!in.skip()) return std::nullopt;
    if (found) return in.from(at);
    if (!in.take(',')) break;
  }
  return std::nullopt;
}

std::optional<std::string> string_of(std::string_view value) {
  codec::JsonReader in(value);
  std::string_view out;
  if (in.peek() != '"' || !in.string(out)) return std::nullopt;
  return std::string(out);
}

bool is_id(std::string_view value) noexcept {
  constexpr std::size_t bytes_max = 256;
  if (value.empty() || value.size() > bytes_max) return false;
  return value[0] == '"' || value[0] == '-' || (value[0] >= '0' && value[0] <= '9');
}

Message read_message(std::string_view text) {
  Message out;
  codec::JsonReader whole(text);
  const bool object = whole.peek() == '{';
  if (!whole.skip() || !whole.ended()) return out;
  out.kind = Message::Kind::no_message;
  if (!object || string_of(member(text, "jsonrpc").value_or("")) != "2.0") return out;
  const auto id = member(text, "id");
  if (id && is_id(*id)) out.id = *id;
  const auto method = member(text, "method");
  if (!method) {
    const bool answer = member(text, "result") || member(text, "error");
    if (answer && id) out.kind = Message::Kind::response;
    return out;
  }
  const auto name = string_of(*method);
  const auto params = member(text, "params");
  const bool sound = name && (!id || !out.id.empty()) && (!params || params->starts_with('{'));
  if (!sound) return out;
  out.method = *name;
  out.params = params.value_or("");
  out.kind = id ? Message::Kind::request : Message::Kind::notification;
  return out;
}

std::string result_message(std::string_view id, std::string_view result) {
  return fmt::format("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{}}}", id, result);
}

std::string error_message(std::string_view id, int code, std::string_view text) {
  return fmt::format("{{\"jsonrpc\":\"2.0\",\"id\":{},\"error\":{{\"code\":{},\"message\":{}}}}}",
                     id.empty() ? "null" : id, code, escape::json(text));
}

}  // namespace shmbus::gateway::mcp
