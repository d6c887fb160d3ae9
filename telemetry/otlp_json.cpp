#include "telemetry/otlp_json.hpp"

#include <map>
#include <utility>

#include "shmbus/version.hpp"

namespace shmbus::telemetry {
namespace {

using Json = nlohmann::ordered_json;
using inspect::SpanInfo;
using trace::SpanKind;

constexpr const char* schema_url = "https://opentelemetry.io/schemas/1.30.0";
constexpr int status_error = 2;

class Attributes {
 public:
  Attributes& text(const char* key, std::string_view value) {
    all_.push_back({{"key", key}, {"value", {{"stringValue", value}}}});
    return *this;
  }
  Attributes& number(const char* key, std::int64_t value) {
    all_.push_back({{"key", key}, {"value", {{"intValue", std::to_string(value)}}}});
    return *this;
  }
  Json take() { return std::move(all_); }

 private:
  Json all_ = Json::array();
};

bool is_one_way(SpanKind kind) { return kind == SpanKind::producer || kind == SpanKind::consumer; }

std::string command_id(const SpanInfo& span) {
  return std::to_string(span.record.command.lane) + "." + std::to_string(span.record.command.seq);
}

void add_command(Attributes& attributes, const SpanInfo& span) {
  const auto& record = span.record;
  if (is_one_way(record.kind)) {
    const bool sends = record.kind == SpanKind::producer;
    attributes.text("messaging.system", "shmbus")
        .text("messaging.operation.name", sends ? "send" : "process")
        .text("messaging.operation.type", sends ? "send" : "process")
        .text("messaging.destination.name", span.name)
        .text("messaging.message.id", command_id(span));
  } else {
    attributes.text("rpc.system", "shmbus").text("rpc.method", span.name);
    if (!span.endpoint_label.empty()) attributes.text("rpc.service", span.endpoint_label);
  }
  attributes.number("shmbus.lane", record.command.lane)
      .number("shmbus.seq", static_cast<std::int64_t>(record.command.seq));
  if (record.attempt > 1) attributes.number("shmbus.attempt", record.attempt);
}

std::string name_of(const SpanInfo& span) {
  if (span.record.kind == SpanKind::producer) return "send " + span.name;
  if (span.record.kind == SpanKind::consumer) return "process " + span.name;
  return span.name;
}

Json span_json(const SpanInfo& span) {
  const auto& record = span.record;
  Json out;
  out["traceId"] = hex(record.context.trace_id);
  out["spanId"] = hex(record.context.span_id);
  if (record.parent != trace::SpanId{}) out["parentSpanId"] = hex(record.parent);
  out["flags"] = record.context.flags;
  out["name"] = name_of(span);
  out["kind"] = static_cast<int>(record.kind);
  out["startTimeUnixNano"] = std::to_string(span.began_unix_ns);
  out["endTimeUnixNano"] = std::to_string(span.ended_unix_ns);
  Attributes attributes;
  if (record.kind != SpanKind::internal) add_command(attributes, span);
  if (record.error != ErrorKind::none) {
    attributes.text("error.type", to_string(record.error));
    if (record.code != 0) attributes.number("shmbus.error.code", record.code);
  }
  out["attributes"] = attributes.take();
  out["status"] = Json::object();
  if (record.error != ErrorKind::none) out["status"]["code"] = status_error;
  return out;
}

}  // namespace

std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

Json otlp_request(std::span<const SpanInfo> spans, std::string_view bus) {
  // A resource is a process.
  std::map<std::pair<std::uint32_t, std::string>, Json> by_process;
  for (const auto& span : spans) {
    auto& list = by_process[{span.record.pid, span.process}];
    if (list.is_null()) list = Json::array();
    list.push_back(span_json(span));
  }
  Json resources = Json::array();
  for (auto& [process, list] : by_process) {
    Attributes attributes;
    attributes.text("service.name", process.second)
        .number("process.pid", process.first)
        .text("shmbus.bus", bus);
    resources.push_back(
        {{"resource", {{"attributes", attributes.take()}}},
         {"scopeSpans", Json::array({{{"scope", {{"name", "shmbus"}, {"version", SHMBUS_VERSION}}},
                                      {"spans", std::move(list)},
                                      {"schemaUrl", schema_url}}})},
         {"schemaUrl", schema_url}});
  }
  return {{"resourceSpans", std::move(resources)}};
}

std::string otlp_text(std::span<const SpanInfo> spans, std::string_view bus) {
  return otlp_request(spans, bus).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace shmbus::telemetry
