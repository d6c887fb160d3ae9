// Calls of commands with streams: records of a body to the handler, the handler's records into the
// answer as they come. A client that reads slowly holds up its own stream alone: the handler waits
// for room in the window.
#include <fmt/format.h>

#include <utility>

#include "codec/values.hpp"
#include "common/escape.hpp"
#include "gateway/call_shape.hpp"
#include "gateway/routes.hpp"
#include "gateway/stream_call.hpp"

namespace shmbus::gateway {
namespace {

/// A comment is sent after so long without a record, so that a reader that is gone is noticed.
constexpr Time records_quiet_max = 15 * second;

class RecordsWork final : public Work, public RecordSink {
 public:
  RecordsWork(Slot slot, std::shared_ptr<const KnownName> known, RecordsFormat format,
              UnderWay& under_way, Exchange& to)
      : slot_(std::move(slot)),
        known_(std::move(known)),
        format_(format),
        under_way_(under_way),
        to_(to),
        wrote_at_(now()) {
    ++under_way_.calls;
  }
  ~RecordsWork() override { --under_way_.calls; }
  RecordsWork(const RecordsWork&) = delete;
  RecordsWork& operator=(const RecordsWork&) = delete;

  void hold(std::shared_ptr<StreamCall> call) noexcept { call_ = std::move(call); }

  [[nodiscard]] bool has_room() const override { return unsent_.empty(); }
  void record(std::span<const std::byte> bytes) override {
    if (broken_) return;
    std::string text;
    const auto decoded = codec::decode(known_->reply, bytes, text);
    if (!decoded) {
      broken_ = decoded.error();
      return;
    }
    put(framed(format_, escape::json_document(text), count_));
    ++count_;
  }
  /// The last thing that these do may be the end of this.
  void ended(Result<ReplyView> how) override {
    if (!known_->reply_stream) return to_.answer(reply_answer(*known_, false, how));
    if (how && broken_) how = tl::unexpected<Error>(*broken_);
    const bool begun = std::exchange(over_, true) || begun_;
    if (!how && !begun) return to_.answer(problem(how.error(), about(how.error())));
    failed_ = !how;
    put(how ? end_of_records(format_, count_)
            : problem_in_records(format_, problem(how.error(), about(how.error())).body, count_));
    if (unsent_.empty()) finish();
  }
  void room() override {
    if (!unsent_.empty()) {
      if (!to_.stream(unsent_)) return;
      unsent_.clear();
    }
    if (over_) return finish();
    const auto call = call_;
    call->go_on();
  }
  void tick(Time at) override {
    const bool quiet = begun_ && !over_ && at - wrote_at_ >= records_quiet_max && unsent_.empty();
    if (quiet && format_ == RecordsFormat::events) put(": still here\n\n");
  }

 private:
  [[nodiscard]] During about(const Error& error) const noexcept {
    return broken_ && error.kind == broken_->kind ? During::reply : During::request;
  }
  void put(std::string text) {
    if (!std::exchange(begun_, true)) {
      Response head;
      head.add("Content-Type", media_type_of(format_)).add("Cache-Control", "no-store");
      to_.begin_stream(std::move(head));
    }
    wrote_at_ = now();
    if (!text.empty() && !to_.stream(text)) unsent_ = std::move(text);
  }
  void finish() {
    if (failed_) {
      to_.break_stream();
    } else {
      to_.end_stream();
    }
  }

  Slot slot_;
  std::shared_ptr<const KnownName> known_;
  RecordsFormat format_;
  UnderWay& under_way_;
  Exchange& to_;
  std::shared_ptr<StreamCall> call_;
  std::string unsent_;  ///< for which there was no room
  std::uint64_t count_ = 0;
  Time wrote_at_;
  std::optional<Error> broken_;  ///< a record that is not of its type
  bool begun_ = false;
  bool over_ = false;
  bool failed_ = false;
};

/// One message for each record of the body, else one of the body.
Result<std::vector<std::vector<std::byte>>> messages_of(const Job& job, std::string_view body) {
  std::vector<std::vector<std::byte>> out;
  if (!job.known->request_stream) {
    auto message = request_message(job, body);
    if (!message) return tl::unexpected<Error>(message.error());
    out.push_back(std::move(*message));
    return out;
  }
  const auto records = records_of_body(body, records_max + 1);
  if (records.size() > records_max) return fail(ErrorKind::too_large, "too many records");
  for (const auto record : records) {
    std::vector<std::byte> message;
    const auto encoded = codec::encode(job.known->request, record, message, {},
                                       fmt::format("record {}", out.size() + 1));
    if (!encoded) return tl::unexpected<Error>(encoded.error());
    out.push_back(std::move(message));
  }
  return out;
}

}  // namespace

std::optional<Response> judge_records(const RequestHead& head, std::string_view media, Job& job) {
  if (job.kind == Job::Kind::send) {
    return problem(400, "streams", "a command with streams cannot be sent one way: call it");
  }
  if (job.known->request_stream && !is_records_type(media)) {
    return problem(415, "media-type",
                   "this command takes records: application/x-ndjson, a line of JSON for each");
  }
  if (!job.known->reply_stream) return std::nullopt;
  const auto format = format_of_accept(head.field("accept"));
  if (!format) {
    return problem(406, "accept",
                   "records come as application/x-ndjson, application/json-seq, "
                   "text/event-stream or application/json");
  }
  job.format = *format;
  return std::nullopt;
}

std::unique_ptr<Work> Routes::run_records(Job job, const std::string& body, Exchange& to) {
  if (under_way_.calls >= limits_.calls) {
    to.answer(problem(429, "calls", "too many calls are under way").add("Retry-After", "1"));
    return nullptr;
  }
  auto messages = messages_of(job, body);
  if (!messages) {
    to.answer(problem(not_sent(messages.error())));
    return nullptr;
  }
  CallRequest request{job.known,   true,     {}, reply_capacity(*job.known, limits_),
                      job.timeout, job.trace};
  if (!job.known->request_stream) request.bytes = messages->front();
  auto& link = job.slot.principal().link();
  auto work =
      std::make_unique<RecordsWork>(std::move(job.slot), job.known, job.format, under_way_, to);
  auto call = link.open(request, stream_window(*messages), *work);
  if (!call) {
    to.answer(problem(not_sent(call.error())));
    return nullptr;
  }
  work->hold(*call);
  if (job.known->request_stream) (*call)->send_all(std::move(*messages));
  return work;
}

}  // namespace shmbus::gateway
