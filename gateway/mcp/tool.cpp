#include "gateway/mcp/tool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "codec/hex.hpp"
#include "codec/json_reader.hpp"
#include "codec/json_schema.hpp"
#include "codec/message.hpp"
#include "codec/values.hpp"
#include "common/escape.hpp"
#include "gateway/mcp/message.hpp"
#include "gateway/records_format.hpp"
#include "gateway/response.hpp"

namespace shmbus::gateway::mcp {
namespace {

constexpr std::string_view digits = "0123456789ABCDEF";

bool stays(char c) noexcept {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

constexpr std::string_view bytes_schema =
    R"({"type":"object","properties":{"text":{"type":"string"},"hex":{"type":"string",)"
    R"("description":"bytes as hexadecimal digits"}},"additionalProperties":false})";

bool is_object(const codec::Type& type) noexcept {
  return type.root().kind == schema::Kind::structure;
}

std::string object_with(std::string_view member, std::string_view schema) {
  return fmt::format(R"({{"type":"object","properties":{{"{}":{}}},"required":["{}"],)"
                     R"("additionalProperties":false}})",
                     member, schema, member);
}

std::string schema_of(const codec::Type& type) {
  std::string out;
  codec::append_json_schema(out, type);
  return out;
}

std::string input_schema(const KnownName& name) {
  if (!name.typed) return std::string(bytes_schema);
  const auto schema = schema_of(name.request);
  if (name.request_stream) {
    return object_with("records", fmt::format(R"({{"type":"array","items":{}}})", schema));
  }
  if (name.request.is_none()) return R"({"type":"object","additionalProperties":false})";
  return is_object(name.request) ? schema : object_with("value", schema);
}

/// Empty: there is no structured result.
std::string output_schema(const KnownName& name) {
  if (!name.typed) return std::string(bytes_schema);
  if (name.reply.is_none()) return {};
  const auto schema = schema_of(name.reply);
  if (name.reply_stream) {
    return fmt::format(
        R"({{"type":"object","properties":{{"records":{{"type":"array","items":{}}},)"
        R"("truncated":{{"type":"boolean"}}}},"required":["records"]}})",
        schema);
  }
  return is_object(name.reply) ? schema : object_with("value", schema);
}

std::string description_of(const KnownName& name, const ToolTexts& texts) {
  const auto given = texts.descriptions.find(name.name);
  if (given != texts.descriptions.end()) return given->second;
  std::string out = fmt::format("Calls the command '{}'.", name.name);
  if (name.reply_stream) {
    out += " It replies with records: each is reported as progress, and all are in the result.";
  }
  return out;
}

bool any_matches(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return matches(pattern, name); });
}

std::string annotations(const KnownName& name, const ToolTexts& texts) {
  std::string out;
  const auto hint = [&](const char* key, bool value) {
    // patterns: keys are those below
    out += fmt::format("{}\"{}\":{}", out.empty() ? "" : ",", key, value);
  };
  const bool reads = any_matches(texts.read_only, name.name);
  if (reads) hint("readOnlyHint", true);
  if (!reads && any_matches(texts.not_destructive, name.name)) hint("destructiveHint", false);
  if (!reads && any_matches(texts.idempotent, name.name)) hint("idempotentHint", true);
  return out.empty() ? out : ",\"annotations\":{" + out + "}";
}

Result<std::vector<Bytes>> one_request(const codec::Type& type, std::string_view json) {
  std::vector<Bytes> out(1);
  const auto encoded = codec::encode(type, json, out[0], {}, "arguments");
  if (!encoded) return tl::unexpected<Error>(encoded.error());
  return out;
}

Result<std::vector<Bytes>> untyped_request(std::string_view arguments) {
  std::vector<Bytes> out(1);
  if (const auto text = string_of(member(arguments, "text").value_or(""))) {
    const auto* first = reinterpret_cast<const std::byte*>(text->data());
    out[0].assign(first, first + text->size());
    return out;
  }
  const auto hex = string_of(member(arguments, "hex").value_or("\"\""));
  auto bytes = hex ? codec::parse_hex(*hex) : std::nullopt;
  if (!bytes) return fail(ErrorKind::invalid_argument, "'hex' takes hexadecimal digits");
  out[0] = std::move(*bytes);
  return out;
}

Result<std::vector<Bytes>> record_requests(const codec::Type& type, std::string_view arguments) {
  std::vector<Bytes> out;
  const auto list = member(arguments, "records").value_or("[]");
  codec::JsonReader in(list);
  if (!in.take('[')) return fail(ErrorKind::invalid_argument, "'records' takes an array");
  while (in.peek() != ']') {
    const auto at = in.at();
    if (!in.skip()) break;
    Bytes record;
    const auto encoded =
        codec::encode(type, in.from(at), record, {}, fmt::format("records[{}]", out.size()));
    if (!encoded) return tl::unexpected<Error>(encoded.error());
    if (out.size() == records_max) return fail(ErrorKind::too_large, "too many records");
    out.push_back(std::move(record));
    if (!in.take(',')) break;
  }
  return out;
}

std::string joined(const std::vector<std::string>& records, std::string_view between) {
  std::string out;
  for (const auto& one : records) {
    if (!out.empty()) out += between;
    out += one;
  }
  return out;
}

}  // namespace

std::string tool_name(std::string_view command) {
  std::string out;
  for (const char c : command) {
    const auto byte = static_cast<unsigned char>(c);
    if (stays(c)) {
      out += c;
    } else {
      out.append({'_', 'x', digits[byte >> 4U], digits[byte & 15U], '_'});
    }
  }
  return out;
}

std::string command_of(std::string_view tool) {
  std::string out;
  while (!tool.empty()) {
    constexpr std::size_t escaped = 5;
    const auto byte = tool.size() >= escaped && tool.starts_with("_x") && tool[4] == '_'
                          ? codec::parse_hex(tool.substr(2, 2))
                          : std::nullopt;
    out += byte ? static_cast<char>((*byte)[0]) : tool[0];
    tool.remove_prefix(byte ? escaped : 1);
  }
  return out;
}

std::string tool_json(const KnownName& name, const ToolTexts& texts) {
  const auto output = output_schema(name);
  return fmt::format(R"({{"name":{},"description":{},"inputSchema":{}{}{}{}}})",
                     escape::json(tool_name(name.name)), escape::json(description_of(name, texts)),
                     input_schema(name), output.empty() ? "" : ",\"outputSchema\":", output,
                     annotations(name, texts));
}

Result<std::vector<Bytes>> requests_of(const KnownName& name, std::string_view arguments) {
  if (arguments.empty()) arguments = "{}";
  if (!name.typed) return untyped_request(arguments);
  if (name.request_stream) return record_requests(name.request, arguments);
  if (is_object(name.request) || name.request.is_none()) {
    return one_request(name.request, arguments);
  }
  const auto value = member(arguments, "value");
  if (!value) return fail(ErrorKind::invalid_argument, "arguments: 'value' is missing");
  return one_request(name.request, *value);
}

Result<std::string> reply_json(const KnownName& name, std::span<const std::byte> bytes) {
  std::string out;
  if (!name.typed) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const bool legible = codec::is_utf8(text) && text.find('\0') == std::string_view::npos;
    return legible ? fmt::format("{{\"text\":{}}}", escape::json(text))
                   : fmt::format("{{\"hex\":\"{}\"}}", codec::to_hex(bytes));
  }
  const auto decoded = codec::decode(name.reply, bytes, out);
  if (!decoded) return tl::unexpected<Error>(decoded.error());
  return out;
}

std::string result_json(const KnownName& name, std::string_view reply) {
  if (name.typed && name.reply.is_none()) {
    return R"({"content":[{"type":"text","text":"done"}]})";
  }
  const bool object = !name.typed || is_object(name.reply);
  return fmt::format(R"({{"content":[{{"type":"text","text":{}}}],"structuredContent":{}{}{}}})",
                     escape::json(reply), object ? "" : "{\"value\":", reply, object ? "" : "}");
}

std::string records_result_json(const std::vector<std::string>& records, bool truncated) {
  return fmt::format(R"({{"content":[{{"type":"text","text":{}}}],"structuredContent":)"
                     R"({{"records":[{}]{}}}}})",
                     escape::json(joined(records, "\n")), joined(records, ","),
                     truncated ? ",\"truncated\":true" : "");
}

std::string failure_json(const Error& error, const std::vector<std::string>& records) {
  std::string text = fmt::format("{}: {}", to_string(error.kind), error.message.view());
  if (error.kind == ErrorKind::rejected) text += fmt::format(" (code {})", error.code);
  if (may_have_started(error)) text += ". The command may have run.";
  const auto before = records.empty() ? std::string()
                                      : fmt::format(R"({{"type":"text","text":{}}},)",
                                                    escape::json(joined(records, "\n")));
  auto document = problem(error).body;
  if (document.ends_with('\n')) document.pop_back();
  return fmt::format(R"({{"content":[{}{{"type":"text","text":{}}}],"isError":true,)"
                     R"("_meta":{{"shmbus/error":{}}}}})",
                     before, escape::json(text), document);
}

}  // namespace shmbus::gateway::mcp
