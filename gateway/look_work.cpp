// What the page asks for, at /api/: the bus as a client may see it, once or as a stream.
//
//   GET /api/overview        names, topics, processes
//   GET /api/live            the same once a second, as text/event-stream
//   GET /api/names/{name}    one name in full
//   GET /api/live/{name}     its figures once a second, as text/event-stream
//   GET /api/traces          spans; needs `inspect`
//   GET /api/doctor          findings; needs `inspect`
#include <fmt/format.h>

#include "common/escape.hpp"
#include "gateway/routes.hpp"
#include "gateway/sight.hpp"

namespace shmbus::gateway {
namespace {

constexpr std::string_view names_prefix = "names/";
constexpr std::string_view live_prefix = "live/";

/// Looks of the bus for one reader. One that does not fit into what may wait for it is left out:
/// the next one says it all anew.
class LiveWork final : public Work {
 public:
  struct Around {
    std::shared_ptr<BusWatch> watch;
    UnderWay& under_way;
    Exchange& to;
    std::size_t bytes_max;
  };
  LiveWork(Slot slot, std::string name, Around around)
      : slot_(std::move(slot)), name_(std::move(name)), around_(std::move(around)) {
    ++around_.under_way.streams;
  }
  ~LiveWork() override { --around_.under_way.streams; }
  LiveWork(const LiveWork&) = delete;
  LiveWork& operator=(const LiveWork&) = delete;

  void begin() {
    Response head;
    head.add("Content-Type", "text/event-stream").add("Cache-Control", "no-store");
    around_.to.begin_stream(std::move(head));
    tick(now());
  }
  void tick(Time at) override {
    const auto look = around_.watch->look(at);
    if (!look) return report_lost(look.error(), at);
    if ((*look)->number == shown_) return;
    const Sight sight(slot_.principal());
    const auto text =
        name_.empty() ? sight.overview(**look, around_.bytes_max) : sight.live(**look, name_);
    if (around_.to.stream(fmt::format("data: {}\n\n", text))) shown_ = (*look)->number;
    lost_at_ = 0;
  }

 private:
  void report_lost(const Error& error, Time at) {
    if (lost_at_ != 0 && at - lost_at_ < second) return;
    lost_at_ = at;
    (void)around_.to.stream(
        fmt::format("event: lost\ndata: {}\n\n", escape::json(error.message.view())));
  }

  Slot slot_;
  std::string name_;
  Around around_;
  std::uint64_t shown_ = 0;
  Time lost_at_ = 0;
};

/// Waits for the doctor.
class DoctorWork final : public Work {
 public:
  DoctorWork(Slot slot, std::shared_ptr<BusWatch> watch, Exchange& to)
      : slot_(std::move(slot)), watch_(std::move(watch)), to_(to) {}
  void tick(Time at) override {
    if (const auto* found = watch_->findings(at))
      to_.answer(json_response(200, findings_json(*found)));
  }

 private:
  Slot slot_;
  std::shared_ptr<BusWatch> watch_;
  Exchange& to_;
};

/// The name in "names/NAME" and "live/NAME"; empty without one.
std::string_view looked_at_name(std::string_view view) noexcept {
  for (const auto prefix : {names_prefix, live_prefix}) {
    if (view.starts_with(prefix)) return view.substr(prefix.size());
  }
  return {};
}

Response details_of(BusWatch& watch, const Sight& sight, std::string_view name) {
  const auto look = watch.look(now());
  const auto reader = look ? watch.reader() : tl::unexpected<Error>(look.error());
  if (!reader) return problem(reader.error());
  for (const auto& one : inspect::described_names(**reader)) {
    if (one.name == name) {
      return json_response(200, sight.details(**reader, (*look)->now, one));
    }
  }
  return problem(404, "name", "this name was never registered");
}

}  // namespace

/// Whether there is such a view, and the client may have it.
std::optional<Response> Routes::refuse_view(const Principal& principal, std::string_view view) {
  const Sight sight(principal);
  if (view == "overview" || view == "live") return std::nullopt;
  if (view == "traces" || view == "doctor") {
    if (sight.all()) return std::nullopt;
    return problem(403, "permission",
                   fmt::format("'{}' may not inspect the bus: give it `inspect: true`",
                               principal.config().name));
  }
  const auto name = looked_at_name(view);
  if (name.empty()) return problem(404, "target", "there is nothing at this path");
  if (sight.shows(name)) return std::nullopt;
  return problem(403, "permission",
                 fmt::format("'{}' may not use '{}'", principal.config().name, name));
}

std::unique_ptr<Work> Routes::run_look(Job job, Exchange& to) {
  const std::string view = std::move(job.name);
  const Sight sight(job.slot.principal());
  if (view == "live" || view.starts_with(live_prefix)) {
    if (under_way_.streams >= limits_.streams) {
      to.answer(problem(429, "streams", "too many streams are open").add("Retry-After", "5"));
      return nullptr;
    }
    const LiveWork::Around around{watch_, under_way_, to, limits_.stream_bytes / 2};
    auto work =
        std::make_unique<LiveWork>(std::move(job.slot), std::string(looked_at_name(view)), around);
    work->begin();
    return work;
  }
  if (view == "doctor") {
    watch_->begin_examination(now());
    return std::make_unique<DoctorWork>(std::move(job.slot), watch_, to);
  }
  if (view == "traces") {
    auto traces = watch_->traces(now());
    to.answer(traces ? json_response(200, std::move(*traces)) : problem(traces.error()));
  } else if (view == "overview") {
    const auto look = watch_->look(now());
    to.answer(look ? json_response(200, sight.overview(**look, std::size_t{16} << 20U))
                   : problem(look.error()));
  } else {
    to.answer(details_of(*watch_, sight, looked_at_name(view)));
  }
  return nullptr;
}

}  // namespace shmbus::gateway
