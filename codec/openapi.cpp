#include "codec/openapi.hpp"

#include <array>
#include <utility>

#include "codec/json_schema.hpp"
#include "codec/json_writer.hpp"
#include "codec/type.hpp"
#include "shmbus/error_kind.hpp"

namespace shmbus::codec {
namespace {

constexpr std::string_view bytes_content =
    R"("application/octet-stream":{"schema":{"type":"string","format":"binary",)"
    R"("x-in-message":true}})";

constexpr std::string_view problem_head =
    R"("Problem":{"type":"object","description":"A problem as of RFC 9457. `kind` is the error of )"
    R"(the bus; problems of the gateway itself have none.","properties":{"type":{"type":"string"},)"
    R"("title":{"type":"string"},"status":{"type":"integer"},"detail":{"type":"string"},)"
    R"("kind":{"type":"string","enum":[)";
constexpr std::string_view problem_tail =
    R"(]},"code":{"type":"integer","description":"of the handler, when kind is rejected"},)"
    R"("may_have_run":{"type":"boolean"},"needed":{"type":"integer"},"causes":{"type":"array",)"
    R"("items":{"type":"object","properties":{"command":{"type":"string"},)"
    R"("kind":{"type":"string"},"code":{"type":"integer"}}}}},)"
    R"("required":["type","title","status"]})";

struct Status {
  std::string_view code;
  std::string_view meaning;
};
constexpr std::array<Status, 12> statuses{{
    {"400", "the request is not of its type"},
    {"401", "no known credentials"},
    {"403", "this client may not call it"},
    {"404", "there is no such command"},
    {"409", "the handler has other types"},
    {"413", "the request is too large"},
    {"422", "the handler refused: `code` is its own"},
    {"429", "too many requests, or the handler is overloaded"},
    {"500", "the handler failed"},
    {"502", "the handler died, or its answer cannot be used"},
    {"503", "nobody serves it now"},
    {"504", "no answer before the deadline"},
}};

/// The characters of a name that a path segment and a path template can hold as they are.
bool stays_in_path(char c) noexcept {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '~';
}

std::string path_of(std::string_view name) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out = "/call/";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (stays_in_path(c)) {
      out += c;
    } else {
      out.append({'%', digits[byte >> 4U], digits[byte & 15U]});
    }
  }
  return out;
}

void append_content(std::string& out, const CommandTypes* types, const Type& side) {
  out += "\"content\":{";
  if (types == nullptr) {
    out += bytes_content;
  } else {
    out += "\"application/json\":{\"schema\":";
    append_json_schema(out, side);
    out += "}";
  }
  out += "}";
}

void append_operation(std::string& out, const OpenApiName& one) {
  const auto parsed = CommandTypes::parse(one.schema);
  const CommandTypes* types = !one.schema.empty() && parsed ? &*parsed : nullptr;
  append_string(out, path_of(one.name));
  out += ":{\"post\":{\"operationId\":";
  append_string(out, one.name);
  out += ",\"x-command\":";
  append_string(out, one.name);
  if (types == nullptr || !types->request.is_none()) {
    out += ",\"requestBody\":{\"required\":true,";
    append_content(out, types, types == nullptr ? Type{} : types->request);
    out += "}";
  }
  out += ",\"responses\":{";
  if (types != nullptr && types->reply.is_none()) {
    out += "\"204\":{\"description\":\"done\"}";
  } else {
    out += "\"200\":{\"description\":\"the reply\",";
    append_content(out, types, types == nullptr ? Type{} : types->reply);
    out += "}";
  }
  for (const auto& [code, meaning] : statuses) {
    out.append(",\"").append(code).append("\":{\"$ref\":\"#/components/responses/");
    out.append(code).append("\"}");
  }
  out += "}}}";
}

/// Those stand under x-streams: OpenAPI has no word for a body of many values.
bool has_stream(const OpenApiName& one) {
  const auto types = CommandTypes::parse(one.schema);
  return types && (types->request_stream || types->reply_stream);
}

void append_events(std::string& out, const std::vector<OpenApiName>& names) {
  bool first = true;
  for (const auto& one : names) {
    if (!one.event) continue;
    const auto types = CommandTypes::parse(one.schema);
    out += first ? ",\"x-events\":{" : ",";
    first = false;
    append_string(out, one.name);
    out += ":{\"schema\":";
    if (!one.schema.empty() && types) {
      append_json_schema(out, types->request);
    } else {
      out += "{}";
    }
    out += "}";
  }
  if (!first) out += "}";
}

void append_records(std::string& out, std::string_view side, bool stream, const Type& type) {
  out.append(",\"").append(side).append("\":{\"stream\":").append(stream ? "true" : "false");
  out += ",\"schema\":";
  append_json_schema(out, type);
  out += "}";
}

void append_streams(std::string& out, const std::vector<OpenApiName>& names) {
  bool first = true;
  for (const auto& one : names) {
    if (one.event || !has_stream(one)) continue;
    const auto types = CommandTypes::parse(one.schema);
    if (!types) continue;
    out += first ? ",\"x-streams\":{" : ",";
    first = false;
    append_string(out, one.name);
    out += ":{\"path\":";
    append_string(out, path_of(one.name));
    append_records(out, "request", types->request_stream, types->request);
    append_records(out, "reply", types->reply_stream, types->reply);
    out += "}";
  }
  if (!first) out += "}";
}

void append_components(std::string& out) {
  out +=
      "\"components\":{\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}},"
      "\"responses\":{";
  bool first = true;
  for (const auto& [code, meaning] : statuses) {
    if (!std::exchange(first, false)) out += ",";
    append_string(out, code);
    out += ":{\"description\":";
    append_string(out, meaning);
    out +=
        ",\"content\":{\"application/problem+json\":{\"schema\":"
        "{\"$ref\":\"#/components/schemas/Problem\"}}}}";
  }
  out += "},\"schemas\":{";
  out += problem_head;
  constexpr int kinds = static_cast<int>(last_error_kind);
  for (int kind = 1; kind <= kinds; ++kind) {
    if (kind != 1) out += ",";
    append_string(out, to_string(static_cast<ErrorKind>(kind)));
  }
  out += problem_tail;
  out += "}}";
}

}  // namespace

std::string openapi_document(std::string_view title, const std::vector<OpenApiName>& names) {
  std::string out = "{\"openapi\":\"3.1.0\",\"info\":{\"title\":";
  append_string(out, title);
  out +=
      ",\"version\":\"1\",\"description\":\"Commands of a shmbus. POST /send/NAME takes the same "
      "requests one way; GET /events/NAME streams the events under x-events.\"},"
      "\"servers\":[{\"url\":\"/\"}],\"security\":[{\"token\":[]},{}],\"paths\":{";
  bool first = true;
  for (const auto& one : names) {
    if (one.event || has_stream(one)) continue;
    if (!std::exchange(first, false)) out += ",";
    append_operation(out, one);
  }
  out += "},";
  append_components(out);
  append_events(out, names);
  append_streams(out, names);
  out += "}\n";
  return out;
}

}  // namespace shmbus::codec
