#include "daemon/metrics_text.hpp"

#include <fmt/format.h>

#include <iterator>
#include <set>
#include <shmbus/version.hpp>
#include <vector>

#include "inspect/snapshot.hpp"
#include "layout/participant.hpp"

namespace shmbus::daemon {
namespace {

using inspect::NameInfo;
using inspect::Snapshot;

// One bucket for each octave between 64 ns and 68 s: the segment's own are eight times as many,
// more than a time series database wants of each command.
constexpr std::uint32_t octave_first = 6;
constexpr std::uint32_t octave_last = 36;
constexpr double ns_per_s = 1e9;

/// Families one after the other; the samples of a family stand together, as the format wants.
class Page {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    put("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  void sample(std::uint64_t value, std::string_view labels = {}) {
    if (labels.empty()) {
      put("{} {}\n", name_, value);
    } else {
      put("{}{{{}}} {}\n", name_, labels, value);
    }
  }
  void histogram(const stats::Counts& counts, std::string_view labels = {});
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }
  std::string name_;
  std::string text_;
};

void Page::histogram(const stats::Counts& counts, std::string_view labels) {
  const std::string_view comma = labels.empty() ? "" : ",";
  std::uint64_t below = 0;
  double sum = 0;
  std::uint32_t bucket = 0;
  const auto add_one = [&] {
    below += counts.bucket[bucket];
    // The last one has no upper end.
    const bool last = bucket + 1 == counts.bucket.size();
    const auto middle = last ? stats::bucket_low_ns(bucket) : stats::bucket_middle_ns(bucket);
    sum += static_cast<double>(counts.bucket[bucket]) * static_cast<double>(middle) / ns_per_s;
    ++bucket;
  };
  for (std::uint32_t octave = octave_first; octave <= octave_last; ++octave) {
    const std::uint64_t end = 1ULL << octave;
    while (stats::bucket_low_ns(bucket) < end) add_one();
    put("{}_bucket{{{}{}le=\"{}\"}} {}\n", name_, labels, comma,
        static_cast<double>(end) / ns_per_s, below);
  }
  while (bucket < counts.bucket.size()) add_one();
  put("{}_bucket{{{}{}le=\"+Inf\"}} {}\n", name_, labels, comma, below);
  const std::string braces = labels.empty() ? std::string() : fmt::format("{{{}}}", labels);
  put("{}_sum{} {}\n{}_count{} {}\n", name_, braces, sum, name_, braces, below);
}

std::uint64_t read(const layout::Word64& counter) noexcept {
  return counter.load(std::memory_order_relaxed);
}

/// What callers counted, over all lanes that ever were: lanes count on from lease to lease.
struct Callers {
  std::uint64_t calls = 0;
  std::uint64_t sends = 0;
  std::uint64_t errors = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t lost = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t bytes_in = 0;
  stats::Counts round_trip;

  explicit Callers(const segment::View& view) {
    for (std::uint32_t i = 0; i < view.capacities().lanes; ++i) {
      const auto& from = view.lane(i).counters;
      if (read(from.calls) == 0 && read(from.sends) == 0) continue;
      calls += read(from.calls);
      sends += read(from.sends);
      errors += read(from.errors);
      timeouts += read(from.timeouts);
      lost += read(from.lost);
      bytes_out += read(from.bytes_out);
      bytes_in += read(from.bytes_in);
      round_trip.add(view.lane_latency(i).round_trip_ns);
    }
  }
};

struct Command {
  const NameInfo* info;
  std::string label;  ///< command="user.create"
};

/// The names, each once: two series of one name would spoil the whole scrape.
std::vector<Command> commands_of(const Snapshot& snapshot) {
  std::vector<Command> out;
  std::set<std::string> seen;
  for (const auto& name : snapshot.names) {
    if (name.lease != layout::lease_published) continue;
    auto label = fmt::format("command=\"{}\"", label_value(name.name));
    if (seen.insert(label).second) out.push_back({&name, std::move(label)});
  }
  return out;
}

void write_bus(Page& page, const Snapshot& s) {
  const auto& header = s.bus.header;
  page.family("shmbus_bus_info", "gauge", "The bus that is looked at; always 1.");
  page.sample(1, fmt::format("path=\"{}\",layout=\"{}.{}\",version=\"{}\"", label_value(s.bus.path),
                             header.layout_major, header.layout_minor, SHMBUS_VERSION));
  page.family("shmbus_bus_size_bytes", "gauge", "Size of the segment.");
  page.sample(s.bus.file_bytes);
  page.family("shmbus_bus_resident_bytes", "gauge", "Memory that the segment takes.");
  page.sample(s.bus.resident_bytes);
}

void write_capacities(Page& page, const Snapshot& s) {
  const auto& c = s.bus.header.capacities;
  std::uint64_t endpoints = 0;
  for (const auto& endpoint : s.endpoints) endpoints += endpoint.active ? 1 : 0;
  std::uint64_t dead = 0;
  for (const auto& one : s.participants) dead += one.process_alive ? 0 : 1;
  struct Row {
    const char* label;
    std::uint64_t used;
    std::uint64_t most;
  };
  const Row rows[] = {{"resource=\"participants\"", s.participants.size(), c.participants},
                      {"resource=\"names\"", s.names.size(), c.names},
                      {"resource=\"endpoints\"", endpoints, c.endpoints},
                      {"resource=\"lanes\"", s.lanes.size(), c.lanes},
                      {"resource=\"extents\"", s.extents.leased, c.extents}};
  page.family("shmbus_resources_used", "gauge", "Of each kind of thing that a bus has so many of.");
  for (const auto& row : rows) page.sample(row.used, row.label);
  page.family("shmbus_resources_limit", "gauge", "How many there are, fixed at creation.");
  for (const auto& row : rows) page.sample(row.most, row.label);
  page.family("shmbus_participants_dead", "gauge", "Died, and not reclaimed yet.");
  page.sample(dead);
  page.family("shmbus_participants_reclaimed_total", "counter", "By the daemon of this bus.");
  page.sample(s.published.deaths);
}

void write_callers(Page& page, const Callers& c) {
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    page.family(name, "counter", help);
    page.sample(value);
  };
  counter("shmbus_calls_total", "Calls that were made.", c.calls);
  counter("shmbus_sends_total", "One-way commands that were sent.", c.sends);
  counter("shmbus_call_errors_total", "Calls that ended with an error.", c.errors);
  counter("shmbus_call_timeouts_total", "Calls whose time ran out; also errors.", c.timeouts);
  counter("shmbus_sends_lost_total", "One-way commands that were lost with their handler.", c.lost);
  counter("shmbus_caller_sent_bytes_total", "Bytes of requests.", c.bytes_out);
  counter("shmbus_caller_received_bytes_total", "Bytes of replies.", c.bytes_in);
  page.family("shmbus_round_trip_seconds", "histogram",
              "From a call to its reply: all slow ones and a sample of the others.");
  page.histogram(c.round_trip);
}

void write_endpoints(Page& page, const Snapshot& s) {
  const auto each = [&](const char* name, const char* type, const char* help, auto value) {
    page.family(name, type, help);
    for (const auto& one : s.endpoints) {
      if (one.control_bits == 0) continue;  // nobody ever sat there
      page.sample(value(one), fmt::format("endpoint=\"{}\"", one.index));
    }
  };
  using inspect::EndpointInfo;
  each("shmbus_endpoint_commands_total", "counter", "Commands that a handler's seat started.",
       [](const EndpointInfo& e) { return e.commands; });
  each("shmbus_endpoint_parks_total", "counter", "How often its handler fell asleep.",
       [](const EndpointInfo& e) { return e.parks; });
  each("shmbus_endpoint_died_total", "counter", "Commands whose handler died while they ran.",
       [](const EndpointInfo& e) { return e.died; });
  each("shmbus_endpoint_inbox_tickets", "gauge", "Lanes that wait to be looked at.",
       [](const EndpointInfo& e) { return std::uint64_t{e.inbox.waiting}; });
}

void write_commands(Page& page, const std::vector<Command>& commands) {
  const auto each = [&](const char* name, const char* type, const char* help, auto value) {
    page.family(name, type, help);
    for (const auto& one : commands) page.sample(value(*one.info), one.label);
  };
  each("shmbus_command_up", "gauge", "1 while a living process handles it.", [](const NameInfo& n) {
    return n.state == inspect::NameState::active ? std::uint64_t{1} : 0;
  });
  each("shmbus_command_depth", "gauge", "Published and not answered, over all callers.",
       [](const NameInfo& n) { return std::uint64_t{n.depth}; });
  each("shmbus_commands_total", "counter", "Commands that a handler ran.",
       [](const NameInfo& n) { return n.commands; });
  page.family("shmbus_command_errors_total", "counter",
              "refused: the handler said no; expired: its deadline or a cancellation came first.");
  for (const auto& one : commands) {
    page.sample(one.info->errors, one.label + ",reason=\"refused\"");
    page.sample(one.info->expired, one.label + ",reason=\"expired\"");
  }
  each("shmbus_command_request_bytes_total", "counter", "Bytes that the handler was given.",
       [](const NameInfo& n) { return n.bytes_in; });
  each("shmbus_command_reply_bytes_total", "counter", "Bytes that the handler answered.",
       [](const NameInfo& n) { return n.bytes_out; });
  page.family("shmbus_command_service_seconds", "histogram",
              "Time inside the handler, of a sample of the commands.");
  for (const auto& one : commands) page.histogram(one.info->service, one.label);
  page.family("shmbus_command_queue_seconds", "histogram",
              "From the publish to the start of the handler, of a sample of the commands.");
  for (const auto& one : commands) page.histogram(one.info->queue, one.label);
}

}  // namespace

std::string label_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"') {
      out += "\\\"";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (c < ' ' || c > '~') {
      out += fmt::format("\\\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string metrics_text(const inspect::Reader& reader) {
  const Snapshot snapshot = inspect::take_snapshot(reader);
  if (snapshot.bus.file_bytes < snapshot.bus.header.segment_bytes) return {};
  Page page;
  write_bus(page, snapshot);
  write_capacities(page, snapshot);
  write_callers(page, Callers(reader.view()));
  write_endpoints(page, snapshot);
  write_commands(page, commands_of(snapshot));
  return page.take();
}

}  // namespace shmbus::daemon
