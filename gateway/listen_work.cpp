// Events for a request, as a stream of text/event-stream.
#include <fmt/format.h>

#include "gateway/routes.hpp"

namespace shmbus::gateway {
namespace {

/// A comment is sent after so long without an event, so that a reader that is gone is noticed.
constexpr Time quiet_max = 15 * second;

class ListenWork final : public Work, public EventReader {
 public:
  ListenWork(Slot slot, UnderWay& under_way, Exchange& to)
      : slot_(std::move(slot)), under_way_(under_way), to_(to), wrote_at_(now()) {
    ++under_way_.streams;
  }
  ~ListenWork() override { --under_way_.streams; }
  ListenWork(const ListenWork&) = delete;
  ListenWork& operator=(const ListenWork&) = delete;

  void begin(std::unique_ptr<Reading> reading, const std::optional<Positions>& last) {
    reading_ = std::move(reading);
    Response head;
    head.add("Content-Type", "text/event-stream").add("Cache-Control", "no-store");
    to_.begin_stream(std::move(head));
    reading_->begin(last);
  }

  /// Without data it is only the place from which a client goes on when it comes back.
  bool event(std::string_view id, std::string_view data) override {
    return put(data.empty() ? fmt::format("id: {}\n\n", id)
                            : fmt::format("id: {}\ndata: {}\n\n", id, data));
  }
  bool missed(std::uint64_t count) override {
    return put(fmt::format("event: missed\ndata: {{\"missed\":{}}}\n\n", count));
  }
  void ended(const Error& /*error*/) override { ended_ = true; }

  void room() override {
    if (reading_ != nullptr) reading_->go_on();
  }
  /// The last thing that this does may be its own end.
  void tick(Time at) override {
    if (ended_) return to_.end_stream();
    if (at - wrote_at_ >= quiet_max) (void)put(": still here\n\n");
  }

 private:
  bool put(const std::string& text) {
    if (!to_.stream(text)) return false;
    wrote_at_ = now();
    return true;
  }

  Slot slot_;
  UnderWay& under_way_;
  Exchange& to_;
  std::unique_ptr<Reading> reading_;
  Time wrote_at_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Work> Routes::run_listen(Job job, Exchange& to) {
  if (under_way_.streams >= limits_.streams) {
    to.answer(problem(429, "streams", "too many streams are open").add("Retry-After", "5"));
    return nullptr;
  }
  auto work = std::make_unique<ListenWork>(std::move(job.slot), under_way_, to);
  auto reading = hub_->join(job.name, *work);
  if (!reading) {
    const bool unknown = reading.error().kind == ErrorKind::not_registered;
    to.answer(problem(reading.error(), During::request, unknown ? 404 : 0));
    return nullptr;
  }
  work->begin(std::move(*reading), job.last);
  return work;
}

}  // namespace shmbus::gateway
