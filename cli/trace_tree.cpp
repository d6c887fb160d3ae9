#include "cli/trace_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "cli/output.hpp"
#include "cli/units.hpp"
#include "telemetry/otlp_json.hpp"

namespace shmbus::cli {
namespace {

using inspect::SpanInfo;
using trace::SpanKind;

std::string_view word_for(SpanKind kind) {
  switch (kind) {
    case SpanKind::client:
      return "call ";
    case SpanKind::server:
      return "run ";
    case SpanKind::producer:
      return "send ";
    case SpanKind::consumer:
      return "process ";
    default:
      return "";
  }
}

class Tree {
 public:
  explicit Tree(std::vector<SpanInfo> spans) : spans_(std::move(spans)) {
    std::sort(spans_.begin(), spans_.end(), [](const SpanInfo& a, const SpanInfo& b) {
      return a.began_unix_ns != b.began_unix_ns ? a.began_unix_ns < b.began_unix_ns
                                                : a.ended_unix_ns > b.ended_unix_ns;
    });
    std::map<trace::SpanId, std::size_t> by_id;
    for (std::size_t i = 0; i < spans_.size(); ++i) {
      by_id.emplace(spans_[i].record.context.span_id, i);
    }
    below_.resize(spans_.size());
    for (std::size_t i = 0; i < spans_.size(); ++i) {
      const auto above = by_id.find(spans_[i].record.parent);
      // By the order of time there are no circles, whatever a peer has written.
      if (above != by_id.end() && above->second < i) {
        below_[above->second].push_back(i);
      } else {
        roots_.push_back(i);
      }
    }
  }

  std::string text() {
    Table table({{"SPAN"},
                 {"AT", Align::right},
                 {"TOOK", Align::right},
                 {"PROCESS"},
                 {"PID", Align::right},
                 {"OUTCOME"}});
    for (const std::size_t root : roots_) add(table, root, 0);
    return table.text();
  }

 private:
  void add(Table& table, std::size_t at, std::size_t depth) {
    const SpanInfo& span = spans_[at];
    const auto& record = span.record;
    const bool orphan = depth == 0 && record.parent != trace::SpanId{};
    std::string name(2 * depth, ' ');
    name += orphan ? "? " : "";
    name += word_for(record.kind);
    name += printable(span.name);
    if (record.attempt > 1) name += fmt::format(" (attempt {})", record.attempt);
    const bool good = record.error == ErrorKind::none;
    table.add({name, "+" + format_ns(span.began_unix_ns - spans_.front().began_unix_ns),
               format_ns(span.ended_unix_ns - span.began_unix_ns), printable(span.process),
               std::to_string(record.pid),
               Cell(good ? "ok" : std::string(to_string(record.error)),
                    good ? Style::plain : Style::warn)});
    constexpr std::size_t deepest = 64;
    for (const std::size_t child : below_[at]) add(table, child, std::min(depth + 1, deepest));
  }

  std::vector<SpanInfo> spans_;
  std::vector<std::vector<std::size_t>> below_;
  std::vector<std::size_t> roots_;
};

}  // namespace

std::string trace_trees(std::vector<SpanInfo> spans) {
  std::map<trace::TraceId, std::vector<SpanInfo>> traces;
  for (auto& span : spans) traces[span.record.context.trace_id].push_back(std::move(span));
  std::vector<std::pair<std::uint64_t, const trace::TraceId*>> order;
  for (const auto& [id, list] : traces) {
    std::uint64_t began = ~0ULL;
    for (const auto& span : list) began = std::min(began, span.began_unix_ns);
    order.emplace_back(began, &id);
  }
  std::sort(order.begin(), order.end());
  std::string out;
  for (const auto& one : order) {
    if (!out.empty()) out += '\n';
    out += fmt::format("trace {}\n", telemetry::hex(*one.second));
    out += Tree(std::move(traces[*one.second])).text();
  }
  return out;
}

}  // namespace shmbus::cli
