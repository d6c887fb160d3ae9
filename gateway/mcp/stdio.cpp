#include "gateway/mcp/stdio.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <list>

#include "gateway/mcp/session.hpp"

namespace shmbus::gateway::mcp {
namespace {

constexpr int busy_pause_ms = 10;
constexpr int quiet_pause_ms = 1000;
constexpr std::size_t read_bytes = 65'536;
/// While so much waits for the client to read, its further requests wait too.
constexpr std::size_t answers_max = std::size_t{1} << 20U;
/// Beyond this, progress is dropped.
constexpr std::size_t progress_max = std::size_t{1} << 18U;

/// Lines to the client, as fast as it takes them.
class Output {
 public:
  void put(const std::string& line) { waiting_.append(line).append("\n"); }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size() - at_; }
  [[nodiscard]] bool broken() const noexcept { return broken_; }
  /// What can be written without waiting.
  void flush() {
    while (waiting() != 0 && !broken_) {
      const auto wrote = write_some();
      if (wrote < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
      broken_ = wrote < 0;
      at_ += wrote > 0 ? static_cast<std::size_t>(wrote) : 0;
    }
    waiting_.clear();
    at_ = 0;
  }

 private:
  ssize_t write_some() {
    const char* from = waiting_.data() + at_;
    const auto sent = ::send(STDOUT_FILENO, from, waiting(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0 || errno != ENOTSOCK) return sent;
    // A pipe that says it has room takes this much at once.
    pollfd room{STDOUT_FILENO, POLLOUT, 0};
    if (::poll(&room, 1, 0) == 0) {
      errno = EAGAIN;
      return -1;
    }
    return ::write(STDOUT_FILENO, from, std::min<std::size_t>(waiting(), PIPE_BUF));
  }
  std::string waiting_;
  std::size_t at_ = 0;
  bool broken_ = false;
};

/// One request under way.
class Asked final : public Outlet {
 public:
  Asked(Session& session, Output& out) : session_(session), out_(out) {}
  ~Asked() = default;
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

  void begin(const Message& message, Slot slot) {
    call_ = session_.request(message, std::move(slot), *this);
    if (call_ != nullptr) call_->begin(member(message.params, "arguments").value_or(""));
  }
  void notify(std::string message) override {
    if (out_.waiting() < progress_max) out_.put(message);
  }
  void answer(std::string message) override {
    out_.put(message);
    cancelled();
  }
  void cancelled() override {
    over_ = true;
    if (call_ != nullptr) session_.forget(call_->id());
  }
  [[nodiscard]] bool over() const noexcept { return over_; }

 private:
  Session& session_;
  Output& out_;
  std::unique_ptr<ToolCall> call_;
  bool over_ = false;
};

class StdioServer final : public Watcher {
 public:
  StdioServer(EventLoop loop, const Config& config, const program::Log& log)
      : loop_(std::move(loop)), config_(config), session_({config_, under_way_, log}) {
    principals_.update(config_, loop_);
    watched_ = loop_.watch(STDIN_FILENO, EPOLLIN, *this);  // a file cannot be watched
  }
  ~StdioServer() override {
    asked_.clear();
    if (watched_) loop_.forget(STDIN_FILENO, *this);
  }
  StdioServer(const StdioServer&) = delete;
  StdioServer& operator=(const StdioServer&) = delete;

  bool choose(const std::string& principal) {
    for (const auto& one : principals_.all()) {
      if (one->config().name == principal) principal_ = one;
    }
    return principal_ != nullptr;
  }
  bool run() {
    while (!out_.broken() && (!ended_ || !asked_.empty() || out_.waiting() != 0)) {
      const bool full = out_.waiting() >= answers_max;
      if (watched_) loop_.change(STDIN_FILENO, full ? 0U : std::uint32_t{EPOLLIN}, *this);
      if (!watched_ && !ended_ && !full) {
        loop_.hurry();
        ready(EPOLLIN);
      }
      const bool busy = !asked_.empty() || out_.waiting() != 0;
      loop_.run_once(busy ? busy_pause_ms : quiet_pause_ms);
      principals_.tick();
      principals_.check();
      std::erase_if(asked_, [](const Asked& one) { return one.over(); });
      out_.flush();
    }
    return !out_.broken();
  }

  void ready(std::uint32_t /*events*/) override {
    if (ended_) return;
    std::array<char, read_bytes> part;  // NOLINT: written before it is read
    const auto got = ::read(STDIN_FILENO, part.data(), part.size());
    if (got < 0) {
      ended_ = errno != EAGAIN && errno != EINTR;
      return;
    }
    if (got == 0) {
      ended_ = true;
      if (watched_) loop_.forget(STDIN_FILENO, *this);
      watched_ = false;
      return;
    }
    in_.append(part.data(), static_cast<std::size_t>(got));
    take_lines();
  }

 private:
  void take_lines() {
    std::size_t at = 0;
    std::size_t end = in_.find('\n', searched_);  // each byte is looked at once
    for (; end != std::string::npos; end = in_.find('\n', at)) {
      if (!std::exchange(skipping_, false)) take_line(std::string_view(in_).substr(at, end - at));
      at = end + 1;
    }
    in_.erase(0, at);
    if (in_.size() > config_.limits.read.body_bytes) {
      if (!std::exchange(skipping_, true)) refuse_too_long();
      in_.clear();
    }
    searched_ = in_.size();
  }
  void refuse_too_long() {
    out_.put(error_message("", rpc_error::invalid_request, "the message is too long"));
  }
  void take_line(std::string_view line) {
    if (line.size() > config_.limits.read.body_bytes) return refuse_too_long();
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    const auto message = read_message(line);
    switch (message.kind) {
      case Message::Kind::no_json:
        return out_.put(error_message("", rpc_error::parse, "no JSON"));
      case Message::Kind::no_message:
        return out_.put(error_message("", rpc_error::invalid_request,
                                      "no message of JSON-RPC 2.0; batches are not taken"));
      case Message::Kind::response:
        return;
      case Message::Kind::notification:
        return session_.notification(message);
      case Message::Kind::request:
        break;
    }
    auto slot = Slot::take(principal_);
    if (!slot || !principal_->take(now())) {
      return out_.put(error_message(message.id, rpc_error::internal,
                                    "more requests than this client may have under way"));
    }
    asked_.emplace_back(session_, out_).begin(message, std::move(*slot));
  }

  EventLoop loop_;
  Config config_;
  UnderWay under_way_;
  Principals principals_;
  std::shared_ptr<Principal> principal_;
  Session session_;
  Output out_;
  std::list<Asked> asked_;
  std::string in_;
  std::size_t searched_ = 0;  ///< bytes of in_ without a line feed
  bool watched_ = false;
  bool ended_ = false;
  bool skipping_ = false;
};

}  // namespace

Result<bool> serve_stdio(EventLoop loop, const Config& config, const std::string& principal,
                         const program::Log& log) {
  StdioServer server(std::move(loop), config, log);
  if (!server.choose(principal)) {
    return fail(ErrorKind::invalid_argument, "the configuration has no such principal");
  }
  return server.run();
}

}  // namespace shmbus::gateway::mcp
