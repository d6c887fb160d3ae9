// Calls and one-way commands for a request: its body into the message of the command, the reply
// into the body of the answer.
#include <algorithm>

#include "codec/values.hpp"
#include "common/escape.hpp"
#include "gateway/routes.hpp"

namespace shmbus::gateway {
namespace {

constexpr std::size_t two_cells = 104;  ///< replies up to this size need no payload memory

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

/// The message of the command; what stands in `body` by the type, or as it is.
Result<std::vector<std::byte>> message_of(const Job& job, std::string_view body) {
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

std::size_t reply_capacity(const KnownName& known, const Limits& limits) noexcept {
  if (!known.typed && known.registered.reply_bytes == 0) return limits.reply_bytes;
  if (known.typed && known.reply.has_tail()) {
    return std::max(limits.reply_bytes, known.reply.size());
  }
  // A later version of the type may have more members at its end.
  return std::max<std::size_t>(known.registered.reply_bytes, two_cells);
}

bool is_about_reply(const Error& error) noexcept {
  return error.kind == ErrorKind::too_large && error.message.view().starts_with("the reply");
}

Response answer_for(const KnownName& known, bool as_bytes, const Result<ReplyView>& reply) {
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

}  // namespace

std::unique_ptr<Work> Routes::run_call(Job job, const std::string& body, Exchange& to) {
  if (job.kind == Job::Kind::call && under_way_.calls >= limits_.calls) {
    to.answer(problem(429, "calls", "too many calls are under way").add("Retry-After", "1"));
    return nullptr;
  }
  Error error;
  // A handler with other types may have come since the head was judged: then once more.
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto& link = job.slot.principal().link();
    const auto message = message_of(job, body);
    if (!message) {
      error = message.error();
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
      error = sent.error();
    } else {
      auto call = link.start(request, [&to, known = job.known,
                                       as_bytes = job.bytes_out](const Result<ReplyView>& reply) {
        to.answer(answer_for(*known, as_bytes, reply));
      });
      if (call) {
        auto work = std::make_unique<CallWork>(std::move(job.slot), under_way_);
        work->hold(std::move(*call));
        return work;
      }
      error = call.error();
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
