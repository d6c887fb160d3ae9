// Spans as OpenTelemetry's protocol has them: an ExportTraceServiceRequest in the JSON encoding of
// OTLP (ids in hexadecimal, 64-bit numbers as strings, enums as numbers), with attributes by the
// semantic conventions for RPC and messaging.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "inspect/spans.hpp"

namespace shmbus::telemetry {

/// `bus` is its path.
[[nodiscard]] nlohmann::ordered_json otlp_request(std::span<const inspect::SpanInfo> spans,
                                                  std::string_view bus);
/// The same as it is sent: one line; what is no UTF-8 in names is replaced.
[[nodiscard]] std::string otlp_text(std::span<const inspect::SpanInfo> spans, std::string_view bus);

[[nodiscard]] std::string hex(std::span<const std::uint8_t> bytes);

}  // namespace shmbus::telemetry
