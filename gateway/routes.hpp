// What a request asks for, whether its client may, and the work that answers it.
//
//   POST /call/{name}      a call; also POST to any other path with X-Command: name
//   POST /send/{name}      a one-way command
//   GET  /events/{name}    events, as they are published (text/event-stream)
//   GET  /openapi.json     what the client may use
//   POST /mcp              the commands as tools of MCP (mcp/http.hpp)
//   GET  /metrics          counts of the route table
//   any  paths of the route table (converge/): a command, or an older HTTP service
//   GET  /health           whether the bus can be reached
//   GET  /, /page/...      the page (page_files.hpp), and what it asks for: /api/...
//   (look_work.cpp)
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "common/log.hpp"
#include "gateway/bus_watch.hpp"
#include "gateway/config.hpp"
#include "gateway/converge/route_table.hpp"
#include "gateway/event_hub.hpp"
#include "gateway/exchange.hpp"
#include "gateway/http_reader.hpp"
#include "gateway/principals.hpp"
#include "gateway/records_format.hpp"

namespace shmbus::gateway {

/// A request whose head was found good, and which waits for its body.
struct Job {
  enum class Kind : std::uint8_t { call, send, listen, describe, look, metrics, mcp };
  Job(Kind what, Slot whose, std::string of) noexcept
      : kind(what), slot(std::move(whose)), name(std::move(of)) {}

  Kind kind;
  Slot slot;
  std::string name;
  std::shared_ptr<const KnownName> known;
  bool bytes_in = false;   ///< the body is the request, as it is
  bool bytes_out = false;  ///< the body of the answer is the reply, as it is
  Duration timeout{};
  TraceContext trace{};
  std::optional<Positions> last;  ///< of a stream: what the client saw before
  std::string session;            ///< of MCP
  RecordsFormat format = RecordsFormat::ndjson;
  std::shared_ptr<const converge::Route> route;  ///< of the route table, or null; and for it:
  converge::Parameters parameters;
  RequestHead head;
  Peer peer;
};

/// Decides in which form a command with streams is answered; or why it is not.
std::optional<Response> judge_records(const RequestHead& head, std::string_view media, Job& job);
/// The message of the command: what stands in `body` by the type, or as it is.
Result<std::vector<std::byte>> request_message(const Job& job, std::string_view body);
Response reply_answer(const KnownName& known, bool as_bytes, const Result<ReplyView>& reply);

/// How much is under way, of all principals.
struct UnderWay {
  std::uint32_t calls = 0;
  std::uint32_t streams = 0;
};

namespace mcp {
class HttpEndpoint;
}

class Routes {
 public:
  Routes(EventLoop& loop, const program::Log& log);
  Routes(const Routes&) = delete;
  Routes& operator=(const Routes&) = delete;
  ~Routes();

  void configure(const Config& config);
  /// The answer, when no body is needed for it; refusals are noted in the log.
  std::variant<Response, Job> judge(const RequestHead& head, const Peer& peer);
  /// Null when it is answered already.
  std::unique_ptr<Work> run(Job job, std::string body, Exchange& to);
  void note_refusal(const RequestHead& head, const Peer& peer, int status, std::string_view why);

  void tick();   ///< every few milliseconds while busy()
  void check();  ///< now and then
  [[nodiscard]] bool busy() const noexcept { return under_way_.calls != 0 || table_->busy(); }

 private:
  struct Asked;  ///< a request, while it is judged
  std::variant<Response, Job> judge_asked(Asked& asked);
  std::variant<Response, Job> judge_command(Asked& asked, Job job);
  std::optional<Response> admit(Asked& asked);
  std::variant<Response, Job> judge_mcp(Asked& asked, Job job);
  std::variant<Response, Job> judge_route(Asked& asked, Job job);
  std::optional<Response> refuse_name(Asked& asked);
  Response refuse(const Asked& asked, Response response);
  Response health();

  std::unique_ptr<Work> run_call(Job job, const std::string& body, Exchange& to);
  std::unique_ptr<Work> run_records(Job job, const std::string& body, Exchange& to);
  std::unique_ptr<Work> run_routed(Job job, std::string body, Exchange& to);
  std::unique_ptr<Work> run_listen(Job job, Exchange& to);
  Response describe(const Principal& principal);
  std::unique_ptr<Work> run_look(Job job, Exchange& to);
  static std::optional<Response> refuse_view(const Principal& principal, std::string_view view);

  EventLoop& loop_;
  const program::Log& log_;
  Limits limits_;
  Config config_;
  Principals principals_;
  std::unique_ptr<EventHub> hub_;
  std::shared_ptr<BusWatch> watch_;
  UnderWay under_way_;
  std::unique_ptr<mcp::HttpEndpoint> mcp_;
  std::unique_ptr<converge::RouteTable> table_;
};

}  // namespace shmbus::gateway
