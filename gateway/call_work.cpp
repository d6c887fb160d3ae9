// Calls and one-way commands for a request: its body into the message of the command, the reply
// into the body of the answer.
#include <algorithm>

#include "codec/values.hpp"
#include "common/escape.hpp"
#include "gateway/call_shape.hpp"
#include "gateway/routes.hpp"

namespace shmbus::gateway {
namespace {

/// A call under way. Destroyed before it was answered, it is cancelled.
class CallWork final : public Work {
 public:
  CallWork(Slot slot, UnderWay& under_way) : slot_(std::move(slot)), under_way_(under_way) {
    ++under_way_.calls;
  }
  ~CallWork() override { --under_way_.calls; }
  CallWork(const CallWork&) = delete;
  CallWork& operator=(const CallWork&) = delete;

  void hold(std::shared_ptr<PendingCall> call) noexcept { call_ = std::move(call); }

 private:
  Slot slot_;
  UnderWay& under_way_;
  std::shared_ptr<PendingCall> call_;
};

std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool is_about_reply(const Error& error) noexcept {
  return error.kind == ErrorKind::too_large && error.message.view().starts_with("the reply");
}

}  // namespace

Result<std::vector<std::byte>> request_message(const Job& job, std::string_view body) {
  if (job.bytes_in) {
    const auto bytes = bytes_of(body);
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  }
  const auto& type = job.known->request;
  if (std::all_of(body.begin(), body.end(), is_space)) {
    body = type.root().kind == schema::Kind::structure ? "{}" : "null";
  }
  std::vector<std::byte> message;
  const auto encoded = codec::encode(type, body, message);
  if (!encoded) return tl::unexpected<Error>(encoded.error());
  return message;
}

Response reply_answer(const KnownName& known, bool as_bytes, const Result<ReplyView>& reply) {
  if (!reply) {
    return problem(reply.error(), is_about_reply(reply.error()) ? During::reply : During::request);
  }
  const auto bytes = reply->bytes();
  if (as_bytes) {
    Response out;
    out.add("Content-Type", "application/octet-stream").add("Cache-Control", "no-store");
    out.body.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return out;
  }
  if (known.reply.is_none()) {
    Response out;
    out.status = 204;
    return out;
  }
  std::string text;
  const auto decoded = codec::decode(known.reply, bytes, text);
  if (!decoded) return problem(decoded.error(), During::reply);
  return json_response(200, escape::json_document(text) + '\n');
}

std::unique_ptr<Work> Routes::run_call(Job job, const std::string& body, Exchange& to) {
  if (job.kind == Job::Kind::call && under_way_.calls >= limits_.calls) {
    to.answer(problem(429, "calls", "too many calls are under way").add("Retry-After", "1"));
    return nullptr;
  }
  Error error;
  // A handler with other types may have come since the head was judged: then once more.
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto& link = job.slot.principal().link();
    const auto message = request_message(job, body);
    if (!message) {
      error = not_sent(message.error());
      break;
    }
    const CallRequest request{job.known,   !job.bytes_in,
                              *message,    reply_capacity(*job.known, limits_),
                              job.timeout, job.trace};
    if (job.kind == Job::Kind::send) {
      const auto sent = link.send(request);
      if (sent) {
        Response accepted;
        accepted.status = 202;
        to.answer(std::move(accepted));
        return nullptr;
      }
      error = not_sent(sent.error());
    } else {
      auto call = link.start(request, [&to, known = job.known,
                                       as_bytes = job.bytes_out](const Result<ReplyView>& reply) {
        to.answer(reply_answer(*known, as_bytes, reply));
      });
      if (call) {
        auto work = std::make_unique<CallWork>(std::move(job.slot), under_way_);
        work->hold(std::move(*call));
        return work;
      }
      error = not_sent(call.error());
    }
    const auto again = link.look_up(job.name);
    if (error.kind != ErrorKind::type_mismatch || !again || (!job.bytes_in && !(*again)->typed)) {
      break;
    }
    job.known = *again;
  }
  to.answer(problem(error));
  return nullptr;
}

}  // namespace shmbus::gateway
