#include "gateway/mcp/http.hpp"

#include <algorithm>
#include <utility>

#include "gateway/stream.hpp"

namespace shmbus::gateway::mcp {
namespace {

constexpr std::size_t sessions_max = 1024;
constexpr Time unused_max = 3600 * second;

Response event_stream() {
  Response head;
  head.add("Content-Type", "text/event-stream").add("Cache-Control", "no-store");
  return head;
}

std::string as_event(const std::string& message) { return "data: " + message + "\n\n"; }

/// One request, and where its answer goes.
class Exchanged final : public Work, public Outlet {
 public:
  Exchanged(std::shared_ptr<Session> session, std::string id, Exchange& to)
      : session_(std::move(session)), session_id_(std::move(id)), to_(to) {}
  ~Exchanged() override {
    if (call_ != nullptr) session_->forget(call_->id());
  }
  Exchanged(const Exchanged&) = delete;
  Exchanged& operator=(const Exchanged&) = delete;

  void begin(const Message& message, Slot slot) {
    call_ = session_->request(message, std::move(slot), *this);
    if (call_ != nullptr) call_->begin(member(message.params, "arguments").value_or(""));
  }

  void notify(std::string message) override {
    if (!std::exchange(streams_, true)) to_.begin_stream(event_stream());
    (void)to_.stream(as_event(message));
  }
  void answer(std::string message) override {
    if (!streams_) {
      auto response = json_response(200, std::move(message));
      if (!session_id_.empty()) response.add("Mcp-Session-Id", session_id_);
      return to_.answer(std::move(response));
    }
    last_ = as_event(message);
    room();
  }
  void cancelled() override {
    if (!std::exchange(streams_, true)) to_.begin_stream(event_stream());
    to_.end_stream();
  }
  /// The answer of a client that reads slowly waits until it has room.
  void room() override {
    if (!last_.empty() && to_.stream(last_)) to_.end_stream();
  }

 private:
  std::shared_ptr<Session> session_;
  std::string session_id_;
  Exchange& to_;
  std::unique_ptr<ToolCall> call_;
  std::string last_;
  bool streams_ = false;
};

}  // namespace

std::optional<Response> HttpEndpoint::refuse(const RequestHead& head) {
  const auto type = head.field("content-type").value_or("");
  if (!type.starts_with("application/json")) {
    return problem(415, "media-type", "a message of MCP is application/json");
  }
  const auto accept = head.field("accept").value_or("*/*");
  const auto takes = [&](std::string_view what) {
    return accept.find(what) != std::string_view::npos;
  };
  if (!takes("*/*") && !(takes("application/json") && takes("text/event-stream"))) {
    return problem(406, "accept", "Accept names application/json and text/event-stream");
  }
  const auto version = head.field("mcp-protocol-version");
  if (version && !speaks(*version)) {
    return problem(400, "mcp-version", "this MCP-Protocol-Version is not spoken here");
  }
  return std::nullopt;
}

std::string HttpEndpoint::begin(const Principal& principal) {
  auto id = random_token();
  if (id.empty()) return id;
  if (sessions_.size() >= sessions_max) {
    // The one unused for longest makes room: of this principal, if it has any. So a client that
    // begins sessions without end loses its own.
    const auto rank = [&](const auto& one) {
      return std::pair(one.second.principal != principal.config().name, one.second.used_at);
    };
    sessions_.erase(
        std::min_element(sessions_.begin(), sessions_.end(),
                         [&](const auto& a, const auto& b) { return rank(a) < rank(b); }));
  }
  sessions_[id] = {std::make_shared<Session>(around_), principal.config().name, now()};
  return id;
}

std::shared_ptr<Session> HttpEndpoint::find(const Principal& principal, const std::string& id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second.principal != principal.config().name) {
    return nullptr;
  }
  found->second.used_at = now();
  return found->second.session;
}

std::unique_ptr<Work> HttpEndpoint::post(Slot slot, const std::string& session,
                                         const std::string& body, Exchange& to) {
  const auto message = read_message(body);
  using Kind = Message::Kind;
  if (message.kind == Kind::no_json || message.kind == Kind::no_message) {
    const bool json = message.kind == Kind::no_message;
    to.answer(json_response(
        400,
        error_message("", json ? rpc_error::invalid_request : rpc_error::parse,
                      json ? "no message of JSON-RPC 2.0; batches are not taken" : "no JSON")));
    return nullptr;
  }
  const auto& principal = slot.principal();
  const bool begins = message.kind == Kind::request && message.method == "initialize";
  const auto id = begins ? begin(principal) : session;
  // Without a session a request stands for itself.
  auto found = id.empty() ? std::make_shared<Session>(around_) : find(principal, id);
  if (found == nullptr) {
    to.answer(problem(404, "mcp-session", "there is no such session: initialize again"));
    return nullptr;
  }
  if (message.kind != Kind::request) {
    if (message.kind == Kind::notification) found->notification(message);
    Response accepted;
    accepted.status = 202;
    to.answer(std::move(accepted));
    return nullptr;
  }
  auto work = std::make_unique<Exchanged>(std::move(found), begins ? id : std::string(), to);
  work->begin(message, std::move(slot));
  return work;
}

Response HttpEndpoint::end(const Principal& principal, const std::string& session) {
  if (find(principal, session) == nullptr) {
    return problem(404, "mcp-session", "there is no such session");
  }
  sessions_.erase(session);
  Response ended;
  ended.status = 204;
  return ended;
}

void HttpEndpoint::check() {
  const Time at = now();
  std::erase_if(sessions_, [&](const auto& one) {
    return one.second.session.use_count() == 1 && at - one.second.used_at > unused_max;
  });
}

}  // namespace shmbus::gateway::mcp
