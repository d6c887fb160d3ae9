#include "gateway/bus_watch.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "codec/hex.hpp"
#include "gateway/json_out.hpp"
#include "inspect/spans.hpp"
#include "segment/create.hpp"

namespace shmbus::gateway {
namespace {

constexpr Time look_pause = second;
constexpr Time second_look_pause = 250 * millisecond;
/// Rates over a longer time than this say nothing about now.
constexpr Time look_stale = 3 * second;
constexpr Time traces_pause = second;
constexpr Time examination_fresh = 2 * second;
constexpr std::chrono::milliseconds settle_pause{150};
constexpr std::size_t spans_max = 2000;

std::vector<inspect::Finding> examine(const std::string& bus) {
  const auto report = inspect::look_at(bus);
  if (!report) {
    return {{inspect::Severity::error, "cannot-open", "",
             std::string(report.error().message.view()), "see the documentation of --bus"}};
  }
  auto findings = inspect::examine_file(*report);
  std::uint32_t owner_uid = ::getuid();
  std::uint64_t bytes = 0;
  std::uint64_t ticks_per_s = 0;
  if (const auto geometry = segment::geometry_for({})) bytes = geometry->segment_bytes;
  if (report->usable()) {
    if (const auto reader = inspect::Reader::open(bus)) {
      findings = inspect::settled(*reader, settle_pause);
      owner_uid = inspect::take_snapshot(*reader).bus.file_uid;
      bytes = reader->header().segment_bytes;
      ticks_per_s = reader->header().ticks_per_s;
    }
  }
  const auto host = inspect::examine_host(
      inspect::gather_host_facts(report->path, owner_uid, bytes, ticks_per_s));
  findings.insert(findings.end(), host.begin(), host.end());
  inspect::sort_by_severity(findings);
  return findings;
}

template <std::size_t N>
std::string hex(const std::array<std::uint8_t, N>& id) {
  return codec::to_hex(std::as_bytes(std::span(id)));
}

std::string_view word_for(trace::SpanKind kind) noexcept {
  switch (kind) {
    case trace::SpanKind::client:
      return "call";
    case trace::SpanKind::producer:
      return "send";
    case trace::SpanKind::server:
    case trace::SpanKind::consumer:
      return "handler";
    default:
      return "internal";
  }
}

void put_span(JsonOut& out, const inspect::SpanInfo& span, std::uint64_t base_ns) {
  const auto& record = span.record;
  out.open('{')
      .field("trace", hex(record.context.trace_id))
      .field("span", hex(record.context.span_id))
      .field("parent", hex(record.parent))
      .field("kind", word_for(record.kind))
      .field("name", span.name)
      .field("process", span.process)
      .field("pid", record.pid)
      .field("at_ns", span.began_unix_ns - base_ns)
      .field("ns", record.duration_ns);
  if (record.of_call() && span.published_unix_ns >= base_ns) {
    out.field("published_ns", span.published_unix_ns - base_ns);
  }
  if (record.attempt > 1) out.field("attempt", std::uint32_t{record.attempt});
  if (record.error != ErrorKind::none) {
    out.field("error", to_string(record.error)).field("code", std::int64_t{record.code});
  }
  out.close('}');
}

/// The newest spans. Times are counted from the beginning of the first one: as nanoseconds since
/// 1970 they would not fit into the numbers of a browser.
std::string spans_json(std::vector<inspect::SpanInfo> spans, std::uint64_t overwritten) {
  std::sort(spans.begin(), spans.end(),
            [](const auto& a, const auto& b) { return a.began_unix_ns > b.began_unix_ns; });
  const std::size_t left_out = spans.size() > spans_max ? spans.size() - spans_max : 0;
  if (left_out != 0) spans.erase(spans.end() - static_cast<std::ptrdiff_t>(left_out), spans.end());
  const std::uint64_t base_ns = spans.empty() ? 0 : spans.back().began_unix_ns;
  JsonOut out;
  out.open('{')
      .field("base_unix_ms", base_ns / millisecond)
      .field("left_out", std::uint64_t{left_out})
      .field("overwritten", overwritten);
  out.key("spans").open('[');
  for (const auto& span : spans) put_span(out, span, base_ns);
  return out.close(']').close('}').text();
}

Error cut_short() { return {ErrorKind::bus_unusable, 0, 0, "the file of the bus was cut short"}; }

}  // namespace

Result<const inspect::Reader*> BusWatch::reader() {
  if (reader_ && (reader_->replaced() || reader_->lost())) {
    reader_.reset();
    look_ = {{}, {}, look_.number, 0};
  }
  if (!reader_) {
    auto opened = inspect::Reader::open(bus_);
    if (!opened) return tl::unexpected<Error>(opened.error());
    reader_.emplace(std::move(*opened));
  }
  return &*reader_;
}

Result<const BusWatch::Look*> BusWatch::look(Time at) {
  const Time age = at - look_.at;
  const Time pause = look_.has_rates() ? look_pause : second_look_pause;
  if (look_.at != 0 && age < pause) return &look_;
  const auto in = reader();
  if (!in) return tl::unexpected<Error>(in.error());
  look_.before = look_.at != 0 && age < look_stale ? std::move(look_.now) : inspect::Snapshot{};
  look_.now = inspect::take_snapshot(**in);
  if ((*in)->lost()) {
    look_ = {{}, {}, look_.number, 0};
    return tl::unexpected<Error>(cut_short());
  }
  look_.at = at;
  ++look_.number;
  return &look_;
}

Result<std::string> BusWatch::traces(Time at) {
  if (traced_at_ != 0 && at - traced_at_ < traces_pause) return traces_;
  const auto in = reader();
  if (!in) return tl::unexpected<Error>(in.error());
  inspect::SpanReader spans(**in);
  auto all = spans.next();
  if ((*in)->lost()) return tl::unexpected<Error>(cut_short());
  traces_ = spans_json(std::move(all), spans.overwritten());
  traced_at_ = at;
  return traces_;
}

void BusWatch::begin_examination(Time at) {
  if (examination_.valid() || (examined_at_ != 0 && at - examined_at_ < examination_fresh)) return;
  examined_at_ = 0;
  examination_ = std::async(std::launch::async, examine, bus_);
}

const std::vector<inspect::Finding>* BusWatch::findings(Time at) {
  if (examination_.valid()) {
    if (examination_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return nullptr;
    findings_ = examination_.get();
    examined_at_ = at;
  }
  return &findings_;
}

}  // namespace shmbus::gateway
