#include "daemon/metrics_server.hpp"

#include <microhttpd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <optional>
#include <vector>

#include "daemon/metrics_text.hpp"
#include "daemon/program.hpp"
#include "inspect/reader.hpp"

namespace shmbus::daemon {
namespace {

// A newcomer takes the place of the connection that has waited longest once so many are open. The
// limit of the HTTP library, which would make newcomers wait, lies above it and is never reached.
constexpr std::size_t connections_kept = 32;
constexpr unsigned connections_max = 64;
constexpr unsigned silence_max_s = 10;
constexpr std::size_t request_bytes_max = 8 * 1024;

constexpr const char* metrics_type = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* plain_type = "text/plain; charset=utf-8";

struct Answer {
  unsigned status = MHD_HTTP_OK;
  const char* type = plain_type;
  std::string body;
};

MHD_Result send(MHD_Connection* connection, const Answer& answer) {
  // MUST_COPY: the answer is gone before a slow reader has read it.
  MHD_Response* response = MHD_create_response_from_buffer(
      answer.body.size(), const_cast<char*>(answer.body.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type);
  const MHD_Result queued = MHD_queue_response(connection, answer.status, response);
  MHD_destroy_response(response);
  return queued;
}

/// The open connections, by how long nothing has come of them. The HTTP thread's own.
class Connections {
 public:
  void opened(MHD_Connection* connection, int fd) {
    while (all_.size() >= connections_kept) end_idlest();
    all_.push_back({connection, fd, ++clock_});
  }
  void closed(MHD_Connection* connection) {
    std::erase_if(all_, [&](const One& one) { return one.connection == connection; });
  }
  /// A whole request has come, or its answer has gone out.
  void moved_on(MHD_Connection* connection) {
    for (auto& one : all_) {
      if (one.connection == connection) one.moved_at = ++clock_;
    }
  }

 private:
  struct One {
    MHD_Connection* connection;
    int fd;
    std::uint64_t moved_at;
  };
  /// Its socket tells the HTTP library that the other side has gone.
  void end_idlest() {
    const auto idlest = std::min_element(all_.begin(), all_.end(), [](const One& a, const One& b) {
      return a.moved_at < b.moved_at;
    });
    (void)::shutdown(idlest->fd, SHUT_RDWR);
    all_.erase(idlest);
  }
  std::vector<One> all_;
  std::uint64_t clock_ = 0;  ///< counts what happens
};

}  // namespace

struct MetricsServer::State {
  std::string bus;
  const SpanCounts* spans = nullptr;
  ListenSocket socket;
  MHD_Daemon* http = nullptr;
  // The HTTP thread's own:
  std::optional<inspect::Reader> reader;
  Connections connections;

  Answer answer_for(std::string_view method, std::string_view path);
  Answer metrics();
  void notice(MHD_Connection* connection, bool opened) noexcept;
};

void MetricsServer::State::notice(MHD_Connection* connection, bool opened) noexcept {
  if (!opened) return connections.closed(connection);
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (info == nullptr) return;
  try {
    connections.opened(connection, info->connect_fd);
  } catch (const std::exception&) {
    return;  // out of memory: this one is ended by its silence alone
  }
}

Answer MetricsServer::State::metrics() {
  // Opened anew when somebody removed the bus, replaced it, or cut its file short.
  if (reader && (reader->replaced() || reader->lost())) reader.reset();
  if (!reader) {
    auto opened = inspect::Reader::open(bus);
    if (!opened) {
      return {MHD_HTTP_SERVICE_UNAVAILABLE, plain_type,
              std::string(opened.error().message.view()) + '\n'};
    }
    reader.emplace(std::move(*opened));
  }
  Answer answer{MHD_HTTP_OK, metrics_type, metrics_text(*reader, spans)};
  if (reader->lost()) {
    return {MHD_HTTP_SERVICE_UNAVAILABLE, plain_type, "the file of the bus was cut short\n"};
  }
  return answer;
}

Answer MetricsServer::State::answer_for(std::string_view method, std::string_view path) {
  if (method != MHD_HTTP_METHOD_GET && method != MHD_HTTP_METHOD_HEAD) {
    return {MHD_HTTP_METHOD_NOT_ALLOWED, plain_type, "GET or HEAD\n"};
  }
  if (path == "/metrics") return metrics();
  if (path == "/") return {MHD_HTTP_OK, plain_type, "shmbusd: the metrics are at /metrics\n"};
  return {MHD_HTTP_NOT_FOUND, plain_type, "the metrics are at /metrics\n"};
}

MetricsServer::MetricsServer(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}

MetricsServer::~MetricsServer() {
  if (state_->http != nullptr) MHD_stop_daemon(state_->http);  // joins the thread
  if (!state_->socket.unix_path.empty()) ::unlink(state_->socket.unix_path.c_str());
}

const std::string& MetricsServer::address() const noexcept { return state_->socket.address; }

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(std::string_view address,
                                                            std::string bus,
                                                            const SpanCounts* spans) {
  auto socket = listen_at(address);
  if (!socket) return tl::unexpected<Error>(socket.error());
  auto state = std::make_unique<State>();
  state->bus = std::move(bus);
  state->spans = spans;
  state->socket = std::move(*socket);
  // Called again and again for one request; a request of ours is complete at the first time.
  const MHD_AccessHandlerCallback answer =
      [](void* self, MHD_Connection* connection, const char* path, const char* method,
         const char* /*version*/, const char* /*upload*/, std::size_t* /*upload_bytes*/,
         void** /*of_request*/) -> MHD_Result {
    try {
      static_cast<State*>(self)->connections.moved_on(connection);
      return send(connection, static_cast<State*>(self)->answer_for(method, path));
    } catch (const std::exception&) {
      return MHD_NO;  // out of memory: this connection is closed, the daemon goes on
    }
  };
  const MHD_NotifyConnectionCallback noticed = [](void* self, MHD_Connection* connection, void**,
                                                  MHD_ConnectionNotificationCode code) {
    static_cast<State*>(self)->notice(connection, code == MHD_CONNECTION_NOTIFY_STARTED);
  };
  const MHD_RequestCompletedCallback answered = [](void* self, MHD_Connection* connection, void**,
                                                   MHD_RequestTerminationCode) {
    static_cast<State*>(self)->connections.moved_on(connection);
  };
  std::unique_ptr<MetricsServer> server(new MetricsServer(std::move(state)));
  State& s = *server->state_;
  s.http = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD, 0, nullptr, nullptr, answer, &s, MHD_OPTION_LISTEN_SOCKET,
      s.socket.fd.get(), MHD_OPTION_CONNECTION_LIMIT, connections_max,
      MHD_OPTION_CONNECTION_TIMEOUT, silence_max_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      request_bytes_max, MHD_OPTION_NOTIFY_CONNECTION, noticed, &s, MHD_OPTION_NOTIFY_COMPLETED,
      answered, &s, MHD_OPTION_END);
  if (s.http == nullptr) {
    return fail(ErrorKind::bus_unusable, "cannot start the HTTP server for metrics", errno);
  }
  (void)s.socket.fd.release();  // closed by MHD_stop_daemon
  return server;
}

}  // namespace shmbus::daemon
