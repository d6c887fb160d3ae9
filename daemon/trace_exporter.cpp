#include "daemon/trace_exporter.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "inspect/reader.hpp"
#include "inspect/spans.hpp"
#include "os/clock.hpp"
#include "telemetry/otlp_exporter.hpp"
#include "telemetry/queue_spans.hpp"

namespace shmbus::daemon {
namespace {

// Short enough for the small rings of busy processes, long enough to cost nothing.
constexpr auto look_pause = std::chrono::milliseconds(50);
constexpr auto post_limit = std::chrono::milliseconds(5'000);
constexpr auto last_post_limit = std::chrono::milliseconds(1'000);
constexpr std::uint64_t tell_every_ns = 60 * second;

}  // namespace

struct TraceExporter::State {
  State(telemetry::HttpPost http, std::string name, const Log& to, SpanCounts& counts)
      : bus(std::move(name)), log(&to), shown(&counts), exporter(std::move(http), bus) {}

  std::string bus;
  const Log* log;
  SpanCounts* shown;
  telemetry::OtlpExporter exporter;
  telemetry::QueueSpans queue;
  std::optional<inspect::Reader> reader;
  std::optional<inspect::SpanReader> spans;
  std::uint64_t overwritten = 0;  ///< in buses that are no more
  bool away = false;
  std::uint64_t told_ns = 0;

  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  std::thread thread;

  void run();
  void look();
  void follow_bus();
  void tell(const std::string& error, std::uint64_t now_ns);
  void show() const;
  [[nodiscard]] std::uint64_t unseen() const;
  bool pause();
};

void TraceExporter::State::follow_bus() {
  if (reader && (reader->replaced() || reader->lost())) {
    overwritten += spans->overwritten();
    spans.reset();
    reader.reset();
  }
  if (reader) return;
  auto opened = inspect::Reader::open(bus);
  if (!opened) return;
  reader.emplace(std::move(*opened));
  spans.emplace(*reader, inspect::SpanReader::From::now);
}

void TraceExporter::State::look() {
  follow_bus();
  if (!spans) return;
  auto news = spans->next();
  if (reader->lost()) return;  // cut short: what was read may be anything
  exporter.add(queue.pass(std::move(news), wait::monotonic_ns()));
}

/// When a collector goes, when it comes back, and every minute that it stays away.
void TraceExporter::State::tell(const std::string& error, std::uint64_t now_ns) {
  const auto& counts = exporter.counts();
  if (!error.empty() && (!away || now_ns - told_ns > tell_every_ns)) {
    log->write(Level::warning, "spans are not taken by the collector",
               {{"why", error}, {"queued", exporter.queued()}, {"lost", counts.lost}});
    told_ns = now_ns;
  }
  if (error.empty() && away && exporter.queued() == 0) {
    log->write(Level::info, "the collector takes spans again",
               {{"sent", counts.sent}, {"lost", counts.lost}});
    away = false;
  }
  away = away || !error.empty();
}

std::uint64_t TraceExporter::State::unseen() const {
  return overwritten + (spans ? spans->overwritten() : 0);
}

void TraceExporter::State::show() const {
  const auto set = [](std::atomic<std::uint64_t>& counter, std::uint64_t value) {
    counter.store(value, std::memory_order_relaxed);
  };
  set(shown->exported, exporter.counts().sent);
  set(shown->lost, exporter.counts().lost);
  set(shown->queued, exporter.queued());
  set(shown->overwritten, unseen());
}

bool TraceExporter::State::pause() {
  std::unique_lock lock(mutex);
  return !changed.wait_for(lock, look_pause, [this] { return stop; });
}

void TraceExporter::State::run() {
  try {
    follow_bus();
    while (pause()) {
      look();
      const std::uint64_t now = wait::monotonic_ns();
      show();  // a collector that is slow to answer must not hide that spans wait
      tell(exporter.flush(now, post_limit), now);
      show();
    }
    look();
    exporter.add(queue.rest());
    (void)exporter.flush_at_once(last_post_limit);
    const auto& counts = exporter.counts();
    log->write(Level::info, "spans were exported",
               {{"sent", counts.sent},
                {"lost", counts.lost + exporter.queued()},
                {"overwritten_events", unseen()}});
  } catch (const std::exception& e) {
    log->write(Level::error, "spans are exported no more", {{"why", e.what()}});
  }
}

Result<std::unique_ptr<TraceExporter>> TraceExporter::start(std::string url, std::string bus,
                                                            const Log& log, SpanCounts& counts) {
  auto http = telemetry::HttpPost::make(std::move(url));
  if (!http) return tl::unexpected<Error>(http.error());
  auto state = std::make_unique<State>(std::move(*http), std::move(bus), log, counts);
  State& there = *state;
  there.thread = std::thread([&there] { there.run(); });
  return std::unique_ptr<TraceExporter>(new TraceExporter(std::move(state)));
}

TraceExporter::TraceExporter(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}

TraceExporter::~TraceExporter() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->stop = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

}  // namespace shmbus::daemon
