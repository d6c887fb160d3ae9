#include "daemon/metrics_text.hpp"

#include <shmbus/version.hpp>

#include "common/escape.hpp"
#include "daemon/metrics_commands.hpp"
#include "daemon/metrics_events.hpp"
#include "daemon/metrics_page.hpp"
#include "inspect/snapshot.hpp"
#include "layout/participant.hpp"

namespace shmbus::daemon {
namespace {

using inspect::Snapshot;

std::uint64_t count_of(const layout::Word64& counter) noexcept {
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
      if (count_of(from.calls) == 0 && count_of(from.sends) == 0) continue;
      calls += count_of(from.calls);
      sends += count_of(from.sends);
      errors += count_of(from.errors);
      timeouts += count_of(from.timeouts);
      lost += count_of(from.lost);
      bytes_out += count_of(from.bytes_out);
      bytes_in += count_of(from.bytes_in);
      round_trip.add(view.lane_latency(i).round_trip_ns);
    }
  }
};

void write_bus(Page& page, const Snapshot& s) {
  const auto& header = s.bus.header;
  page.family("shmbus_bus_info", "gauge", "The bus that is looked at; always 1.");
  page.sample(
      1, fmt::format("path=\"{}\",layout=\"{}.{}\",version=\"{}\"", escape::prometheus(s.bus.path),
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
    page.only(name, "counter", help, value);
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
      // patterns: a number
      page.sample(value(one), fmt::format("endpoint=\"{}\"", one.index));
    }
  };
  using inspect::EndpointInfo;
  each("shmbus_endpoint_commands_total", "counter",
       "Commands that the owner of an endpoint started.",
       [](const EndpointInfo& e) { return e.commands; });
  each("shmbus_endpoint_parks_total", "counter", "How often its handler fell asleep.",
       [](const EndpointInfo& e) { return e.parks; });
  each("shmbus_endpoint_died_total", "counter", "Commands whose handler died while they ran.",
       [](const EndpointInfo& e) { return e.died; });
  each("shmbus_endpoint_inbox_tickets", "gauge", "Lanes that wait to be looked at.",
       [](const EndpointInfo& e) { return std::uint64_t{e.inbox.waiting}; });
}

std::uint64_t relaxed(const std::atomic<std::uint64_t>& counter) noexcept {
  return counter.load(std::memory_order_relaxed);
}

/// Events are spans and other things; the rings themselves do not tell them apart.
void write_recorder(Page& page, const segment::View& view) {
  std::uint64_t events = 0;
  for (std::uint32_t i = 0; i < view.capacities().participants; ++i) {
    events += count_of(view.recorder(i).head.next);
  }
  page.only("shmbus_recorder_events_total", "counter",
            "Events and spans that went into the flight recorders.", events);
  page.only("shmbus_tap_events_total", "counter", "Commands that were recorded for a tap.",
            count_of(view.tap().head.next));
}

void write_spans(Page& page, const SpanCounts& spans) {
  page.only("shmbus_spans_exported_total", "counter", "Spans that the collector took.",
            relaxed(spans.exported));
  page.only("shmbus_spans_lost_total", "counter",
            "Spans that the collector refused, or that found the queue to it full.",
            relaxed(spans.lost));
  page.only("shmbus_spans_queued", "gauge", "Spans that wait for the collector.",
            relaxed(spans.queued));
  page.only("shmbus_recorder_events_overwritten_total", "counter",
            "Events and spans that were overwritten before the exporter read them.",
            relaxed(spans.overwritten));
}

}  // namespace

std::string metrics_text(const inspect::Reader& reader, const SpanCounts* spans) {
  const Snapshot snapshot = inspect::take_snapshot(reader);
  if (snapshot.bus.file_bytes < snapshot.bus.header.segment_bytes) return {};
  Page page;
  write_bus(page, snapshot);
  write_capacities(page, snapshot);
  write_callers(page, Callers(reader.view()));
  write_endpoints(page, snapshot);
  write_commands(page, reader, snapshot);
  write_events(page, snapshot);
  write_recorder(page, reader.view());
  if (spans != nullptr) write_spans(page, *spans);
  return page.take();
}

}  // namespace shmbus::daemon
