// What a request asks for, who may ask for it, and the work that answers it.
//
//   POST /call/{name}      a call; also POST to any other path with X-Command: name
//   POST /send/{name}      a one-way command
//   GET  /events/{name}    events, as they are published (text/event-stream)
//   GET  /openapi.json     what the client may use
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
#include "gateway/event_hub.hpp"
#include "gateway/exchange.hpp"
#include "gateway/http_reader.hpp"
#include "gateway/principals.hpp"

namespace shmbus::gateway {

/// A request whose head was found good, and which waits for its body.
struct Job {
  enum class Kind : std::uint8_t { call, send, listen, describe, look };
  Kind kind = Kind::call;
  Slot slot;
  std::string name;
  std::shared_ptr<const KnownName> known;
  bool bytes_in = false;   ///< the body is the request, as it is
  bool bytes_out = false;  ///< the body of the answer is the reply, as it is
  Duration timeout{};
  TraceContext trace{};
  std::optional<Positions> last;  ///< of a stream: what the client saw before
};

/// How much is under way, of all principals.
struct UnderWay {
  std::uint32_t calls = 0;
  std::uint32_t streams = 0;
};

class Routes {
 public:
  Routes(EventLoop& loop, const program::Log& log) : loop_(loop), log_(log) {}

  void configure(const Config& config);
  /// The answer, when no body is needed for it; refusals are noted in the log.
  std::variant<Response, Job> judge(const RequestHead& head, const Peer& peer);
  /// Null when it is answered already.
  std::unique_ptr<Work> run(Job job, std::string body, Exchange& to);
  void note_refusal(const RequestHead& head, const Peer& peer, int status, std::string_view why);

  void tick();   ///< every few milliseconds while busy()
  void check();  ///< now and then
  [[nodiscard]] bool busy() const noexcept { return under_way_.calls != 0; }

 private:
  struct Asked;  ///< a request, while it is judged
  std::variant<Response, Job> judge_asked(Asked& asked);
  std::optional<Response> admit(Asked& asked);
  std::optional<Response> refuse_name(Asked& asked);
  Response refuse(const Asked& asked, Response response);
  Response health();

  std::unique_ptr<Work> run_call(Job job, const std::string& body, Exchange& to);
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
};

}  // namespace shmbus::gateway
