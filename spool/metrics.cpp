#include "spool/metrics.hpp"

#include <fmt/format.h>
#include <microhttpd.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <iterator>

#include "common/listen_socket.hpp"

namespace shmbus::spool {
namespace {

constexpr unsigned connections_max = 32;
constexpr unsigned silence_max_s = 5;
constexpr std::size_t request_bytes_max = 8 * 1024;

}  // namespace

std::string metrics_text(const Snapshot& s) {
  const auto number = [](auto value) { return static_cast<double>(value); };
  const Counters& c = s.counters;
  const struct {
    std::string_view name;
    std::string_view help;
    double value;
  } all[] = {
      {"commands_waiting", "Commands that wait for delivery", number(s.totals.waiting)},
      {"commands_dead", "Dead letters", number(s.totals.dead)},
      {"commands_under_way", "Attempts under way", number(s.under_way)},
      {"bytes", "Bytes of all commands in the spool", number(s.totals.bytes)},
      {"limit_bytes", "limits.bytes", number(s.limits.bytes)},
      {"oldest_seconds", "How long the oldest command has waited", number(s.oldest_ms) / 1000},
      {"file_bytes", "Size of the file", number(s.file_bytes)},
      {"wal_bytes", "Size of the write-ahead log", number(s.wal_bytes)},
      {"disk_free_bytes", "Free on its disk", number(s.disk_free)},
      {"disk_full", "1 while the disk takes nothing", number(s.disk_full)},
      {"accepted_total", "Commands stored", number(c.accepted)},
      {"repeated_total", "Commands that were there already, by their ids", number(c.repeated)},
      {"refused_total", "Commands refused for want of room", number(c.refused)},
      {"delivered_total", "Commands that ran", number(c.delivered)},
      {"attempts_failed_total", "Attempts that may have run and failed", number(c.attempts_failed)},
      {"buried_total", "Commands that became dead letters", number(c.buried)},
      {"carried_total", "Rows taken out of outboxes", number(c.carried)},
      {"commits_total", "Transactions", number(c.commits)},
      {"commits_failed_total", "Transactions that the disk refused", number(c.commits_failed)},
      {"rule_dropped_total", "Commands that a rule dropped", number(c.dropped_by_rule)},
      {"rule_replaced_total", "Commands that keep_last replaced", number(c.replaced_by_rule)},
      {"rule_calls_total", "Commands that rules sent at once", number(c.calls_by_rule)},
      {"rule_calls_failed_total", "The same that could not be sent",
       number(c.calls_by_rule_failed)},
  };
  std::string out;
  for (const auto& one : all) {
    fmt::format_to(
        std::back_inserter(out),
        "# HELP shmbus_spool_{0} {1}\n# TYPE shmbus_spool_{0} {2}\nshmbus_spool_{0} {3}\n",
        one.name, one.help, one.name.ends_with("_total") ? "counter" : "gauge", one.value);
  }
  return out;
}

struct Metrics::State {
  const Service* service = nullptr;
  program::ListenSocket socket;
  MHD_Daemon* http = nullptr;

  MHD_Result answer(MHD_Connection* connection, std::string_view path, std::string_view method) {
    const bool asks = method == "GET" || method == "HEAD";
    const bool here = path == "/metrics";
    const unsigned status = !asks  ? MHD_HTTP_METHOD_NOT_ALLOWED
                            : here ? MHD_HTTP_OK
                                   : MHD_HTTP_NOT_FOUND;
    std::string body =
        status == MHD_HTTP_OK ? metrics_text(service->snapshot()) : "the metrics are at /metrics\n";
    MHD_Response* response =
        MHD_create_response_from_buffer(body.size(), body.data(), MHD_RESPMEM_MUST_COPY);
    if (response == nullptr) return MHD_NO;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                  "text/plain; version=0.0.4; charset=utf-8");
    const MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
  }
};

Metrics::Metrics(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}

Metrics::~Metrics() {
  if (state_->http != nullptr) MHD_stop_daemon(state_->http);  // joins the thread
  if (!state_->socket.unix_path.empty()) ::unlink(state_->socket.unix_path.c_str());
}

const std::string& Metrics::address() const noexcept { return state_->socket.address; }

Result<std::unique_ptr<Metrics>> Metrics::start(std::string_view address, const Service& service) {
  auto socket = program::listen_at(address);
  if (!socket) return tl::unexpected<Error>(socket.error());
  auto state = std::make_unique<State>();
  state->service = &service;
  state->socket = std::move(*socket);
  const MHD_AccessHandlerCallback answer =
      [](void* self, MHD_Connection* connection, const char* path, const char* method,
         const char* /*version*/, const char* /*upload*/, std::size_t* /*upload_bytes*/,
         void** /*of_request*/) -> MHD_Result {
    try {
      return static_cast<State*>(self)->answer(connection, path, method);
    } catch (const std::exception&) {
      return MHD_NO;  // out of memory: this connection is closed
    }
  };
  std::unique_ptr<Metrics> metrics(new Metrics(std::move(state)));
  State& s = *metrics->state_;
  s.http =
      MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, nullptr, nullptr, answer, &s,
                       MHD_OPTION_LISTEN_SOCKET, s.socket.fd.get(), MHD_OPTION_CONNECTION_LIMIT,
                       connections_max, MHD_OPTION_CONNECTION_TIMEOUT, silence_max_s,
                       MHD_OPTION_CONNECTION_MEMORY_LIMIT, request_bytes_max, MHD_OPTION_END);
  if (s.http == nullptr) {
    return fail(ErrorKind::bus_unusable, "cannot start the HTTP server for metrics", errno);
  }
  (void)s.socket.fd.release();  // closed by MHD_stop_daemon
  return metrics;
}

}  // namespace shmbus::spool
