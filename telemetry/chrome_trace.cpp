#include "telemetry/chrome_trace.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "telemetry/otlp_json.hpp"

namespace shmbus::telemetry {
namespace {

using Json = nlohmann::ordered_json;
using inspect::SpanInfo;
using trace::SpanKind;

/// One row: the spans that are open in it, the outermost first, by their ends.
using Row = std::vector<std::uint64_t>;

bool fits(Row& row, const SpanInfo& span) {
  while (!row.empty() && row.back() <= span.began_unix_ns) row.pop_back();
  return row.empty() || row.back() >= span.ended_unix_ns;
}

/// The first row in which it lies within another span, or alone.
std::size_t row_for(std::vector<Row>& rows, const SpanInfo& span) {
  std::size_t at = 0;
  while (at < rows.size() && !fits(rows[at], span)) ++at;
  if (at == rows.size()) rows.emplace_back();
  rows[at].push_back(span.ended_unix_ns);
  return at;
}

const char* category(SpanKind kind) {
  switch (kind) {
    case SpanKind::server:
      return "server";
    case SpanKind::client:
      return "client";
    case SpanKind::producer:
      return "producer";
    case SpanKind::consumer:
      return "consumer";
    default:
      return "internal";
  }
}

class Writer {
 public:
  explicit Writer(std::uint64_t zero_ns) : zero_ns_(zero_ns) {}

  void add(const SpanInfo& span) {
    const auto pid = span.record.pid;
    const bool known = rows_.count(pid) != 0;
    const std::size_t row = row_for(rows_[pid], span) + 1;
    if (!known) {
      events_.push_back({{"ph", "M"},
                         {"name", "process_name"},
                         {"pid", pid},
                         {"tid", 0},
                         {"args", {{"name", span.process}}}});
    }
    Json event{{"ph", "X"},
               {"name", span.name},
               {"cat", category(span.record.kind)},
               {"pid", pid},
               {"tid", row},
               {"ts", us(span.began_unix_ns)},
               {"dur", static_cast<double>(span.ended_unix_ns - span.began_unix_ns) / 1e3},
               {"args", arguments(span)}};
    events_.push_back(std::move(event));
    if (span.record.of_call()) {
      arrow(span, "s", hex(span.record.context.span_id), row);
    } else if (span.record.of_handler()) {
      arrow(span, "f", hex(span.record.parent), row);
    }
  }
  Json take() { return std::move(events_); }

 private:
  [[nodiscard]] double us(std::uint64_t ns) const {
    return static_cast<double>(ns - zero_ns_) / 1e3;
  }
  static Json arguments(const SpanInfo& span) {
    const auto& record = span.record;
    Json out{{"trace_id", hex(record.context.trace_id)},
             {"span_id", hex(record.context.span_id)},
             {"parent_span_id", hex(record.parent)}};
    if (record.kind != SpanKind::internal) {
      out["lane"] = record.command.lane;
      out["seq"] = record.command.seq;
      out["attempt"] = record.attempt;
    }
    if (record.error != ErrorKind::none) out["error"] = to_string(record.error);
    return out;
  }
  void arrow(const SpanInfo& span, const char* phase, const std::string& id, std::size_t row) {
    Json event{{"ph", phase},
               {"name", "command"},
               {"cat", "command"},
               {"id", id},
               {"pid", span.record.pid},
               {"tid", row},
               {"ts", us(span.began_unix_ns)}};
    if (*phase == 'f') event["bp"] = "e";  // to the slice that encloses this moment
    events_.push_back(std::move(event));
  }

  std::uint64_t zero_ns_;
  std::map<std::uint32_t, std::vector<Row>> rows_;  ///< by pid
  Json events_ = Json::array();
};

}  // namespace

Json chrome_trace(std::vector<SpanInfo> spans) {
  std::sort(spans.begin(), spans.end(), [](const SpanInfo& a, const SpanInfo& b) {
    return a.began_unix_ns != b.began_unix_ns ? a.began_unix_ns < b.began_unix_ns
                                              : a.ended_unix_ns > b.ended_unix_ns;
  });
  const std::uint64_t zero = spans.empty() ? 0 : spans.front().began_unix_ns;
  Writer writer(zero);
  for (const auto& span : spans) writer.add(span);
  return {{"displayTimeUnit", "ns"},
          {"otherData", {{"began_unix_ns", std::to_string(zero)}}},
          {"traceEvents", writer.take()}};
}

}  // namespace shmbus::telemetry
