#include "gateway/mcp/tool_call.hpp"

#include <fmt/format.h>

#include <utility>

#include "common/escape.hpp"
#include "gateway/call_shape.hpp"
#include "gateway/mcp/message.hpp"
#include "gateway/routes.hpp"

namespace shmbus::gateway::mcp {
namespace {

/// What a result holds of the records of a stream: those behind come as progress alone.
constexpr std::size_t record_bytes_max = 65'536;

}  // namespace

ToolCall::ToolCall(What what, const Limits& limits, UnderWay& under_way, Outlet& to)
    : what_(std::move(what)), limits_(limits), under_way_(under_way), to_(to) {
  ++under_way_.calls;
}
ToolCall::~ToolCall() { --under_way_.calls; }

std::string ToolCall::result_message_of(const std::string& result) const {
  return escape::json_document(result_message(what_.id, result));
}

void ToolCall::begin(std::string_view arguments) {
  const auto& known = *what_.known;
  const auto requests = requests_of(known, arguments);
  if (!requests) return answer(failure_json(not_sent(requests.error()), {}));
  const CallRequest request{what_.known,
                            known.typed,
                            {},
                            reply_capacity(known, limits_),
                            known.streams() ? limits_.call_time_max : limits_.call_time,
                            what_.trace};
  const auto started = start(*requests, request);
  if (!started) answer(failure_json(not_sent(started.error()), {}));
}

Result<void> ToolCall::start(const std::vector<Bytes>& requests, CallRequest request) {
  auto& link = what_.slot.principal().link();
  if (!request.name->request_stream) request.bytes = requests.front();
  if (!request.name->streams()) {
    auto call = link.start(request, [this](const Result<ReplyView>& reply) { answered(reply); });
    if (!call) return tl::unexpected<Error>(call.error());
    call_ = std::move(*call);
    return {};
  }
  auto stream = link.open(request, stream_window(requests), *this);
  if (!stream) return tl::unexpected<Error>(stream.error());
  stream_ = std::move(*stream);
  if (request.name->request_stream) stream_->send_all(requests);
  return {};
}

void ToolCall::answered(const Result<ReplyView>& reply) {
  if (!reply) return answer(failure_json(reply.error(), {}));
  const auto text = reply_json(*what_.known, reply->bytes());
  answer(text ? result_json(*what_.known, *text) : failure_json(text.error(), {}));
}

void ToolCall::record(std::span<const std::byte> bytes) {
  if (broken_) return;
  auto text = reply_json(*what_.known, bytes);
  if (!text) {
    broken_ = text.error();
    return;
  }
  ++count_;
  if (!what_.progress_token.empty()) {
    to_.notify(escape::json_document(fmt::format(
        R"({{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{},)"
        R"("progress":{},"message":{}}}}})",
        what_.progress_token, count_, escape::json(*text))));
  }
  record_bytes_ += text->size();
  truncated_ = truncated_ || record_bytes_ > record_bytes_max;
  if (!truncated_) records_.push_back(std::move(*text));
}

void ToolCall::ended(Result<ReplyView> how) {
  if (what_.known->reply_stream) {
    if (how && broken_) how = tl::unexpected<Error>(*broken_);
    return answer(how ? records_result_json(records_, truncated_)
                      : failure_json(how.error(), records_));
  }
  answered(how);
}

}  // namespace shmbus::gateway::mcp
