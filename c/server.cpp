// Servers: registering closures of C, running them.
#include "c/handles.hpp"
#include "session/core.hpp"

namespace shmbus::capi {
namespace {

class TaskClosure : public Closure<shmbus_task_t> {
 public:
  using Closure::Closure;
  void operator()() { closure_.call(closure_.context); }
};

}  // namespace
}  // namespace shmbus::capi

using namespace shmbus;

extern "C" {

int shmbus_server_new(shmbus_bus_t* bus, const shmbus_serve_options_t* options,
                      shmbus_server_t** server, shmbus_error_t* error) {
  if (bus == nullptr || server == nullptr) return capi::no_argument(error);
  shmbus_serve_options_t given;
  ServeOptions how;
  if (!capi::read_options(options, &given, sizeof given) ||
      !capi::read_enum(given.wait, 3, how.wait) || !capi::read_enum(given.order, 2, how.order)) {
    return capi::bad_options(error);
  }
  how.label = capi::view_of(given.label);
  if (given.hot_lanes != 0) how.hot_lanes = given.hot_lanes;
  how.stand_by = given.stand_by != 0;
  auto made = bus->bus.serve(how);
  if (!made) return capi::report(error, made.error());
  return capi::report(error, detail::without_throwing([&]() -> Result<void> {
                        *server = new shmbus_server_t{std::move(*made), std::stop_source()};
                        return {};
                      }));
}

void shmbus_server_free(shmbus_server_t* server) { delete server; }

int shmbus_server_on(shmbus_server_t* server, const char* name, const shmbus_handler_t* handler,
                     const shmbus_registration_t* options, shmbus_error_t* error) {
  capi::HandlerClosure closure(handler);
  if (server == nullptr || name == nullptr || !closure.callable()) return capi::no_argument(error);
  shmbus_registration_t given;
  Registration how;
  if (!capi::read_options(options, &given, sizeof given) ||
      !capi::read_enum(given.sharing, 3, how.sharing) || given.reserved != 0) {
    return capi::bad_options(error);
  }
  const auto types = capi::schema_of_text(given.schema);
  if (!types) return capi::report(error, types.error());
  return capi::report(error,
                      server->server.on(std::string_view(name), *types, std::move(closure), how));
}

int shmbus_server_off(shmbus_server_t* server, const char* name, shmbus_error_t* error) {
  if (server == nullptr || name == nullptr) return capi::no_argument(error);
  return capi::report(error, server->server.off(name));
}

int shmbus_server_replace(shmbus_server_t* server, const char* name,
                          const shmbus_handler_t* handler, const char* schema,
                          shmbus_error_t* error) {
  capi::HandlerClosure closure(handler);
  if (server == nullptr || name == nullptr || !closure.callable()) return capi::no_argument(error);
  const auto types = capi::schema_of_text(schema);
  if (!types) return capi::report(error, types.error());
  return capi::report(error,
                      server->server.replace(std::string_view(name), std::move(closure), *types));
}

int shmbus_server_poll(shmbus_server_t* server, size_t budget, size_t* ran, shmbus_error_t* error) {
  constexpr size_t usual = 256;
  if (server == nullptr) [[unlikely]]
    return capi::no_argument(error);
  const auto count = server->server.poll(budget == 0 ? usual : budget);
  if (!count) [[unlikely]]
    return capi::report(error, count.error());
  if (ran != nullptr) *ran = *count;
  return SHMBUS_OK;
}

int shmbus_server_run_for(shmbus_server_t* server, int64_t timeout_ns, size_t* ran,
                          shmbus_error_t* error) {
  if (server == nullptr) return capi::no_argument(error);
  const auto count = server->server.run_for(Duration(timeout_ns));
  if (!count) return capi::report(error, count.error());
  if (ran != nullptr) *ran = *count;
  return SHMBUS_OK;
}

int shmbus_server_run(shmbus_server_t* server, shmbus_error_t* error) {
  if (server == nullptr) return capi::no_argument(error);
  return capi::report(error, server->server.run(server->stop.get_token()));
}

void shmbus_server_stop(shmbus_server_t* server) {
  if (server != nullptr) (void)server->stop.request_stop();
}

int shmbus_server_stop_on_signals(shmbus_server_t* server, shmbus_error_t* error) {
  if (server == nullptr) return capi::no_argument(error);
  if (server->signals) return SHMBUS_OK;
  auto signals = stop_on_signals();
  if (!signals) return capi::report(error, signals.error());
  return capi::report(error, detail::without_throwing([&]() -> Result<void> {
                        server->signals.emplace(std::move(*signals));
                        server->on_signal.emplace(server->signals->token(),
                                                  shmbus_server_t::RequestStop{server->stop});
                        return {};
                      }));
}

int shmbus_server_fd(shmbus_server_t* server, int* fd, shmbus_error_t* error) {
  if (server == nullptr || fd == nullptr) return capi::no_argument(error);
  const auto found = server->server.fd();
  if (!found) return capi::report(error, found.error());
  *fd = *found;
  return SHMBUS_OK;
}

int shmbus_server_post(shmbus_server_t* server, const shmbus_task_t* task, shmbus_error_t* error) {
  capi::TaskClosure closure(task);
  if (server == nullptr || !closure.callable()) return capi::no_argument(error);
  return capi::report(error, server->server.post(std::move(closure)));
}

int shmbus_server_take_over(shmbus_server_t* server, int64_t timeout_ns, int32_t if_unresponsive,
                            shmbus_error_t* error) {
  if (server == nullptr) return capi::no_argument(error);
  IfUnresponsive how{};
  if (!capi::read_enum(if_unresponsive, 2, how)) return capi::bad_options(error);
  return capi::report(error, server->server.take_over(Duration(timeout_ns), how));
}

int shmbus_server_stand_by(shmbus_server_t* server, int64_t timeout_ns, int* taken,
                           shmbus_error_t* error) {
  if (server == nullptr) return capi::no_argument(error);
  const auto took = server->server.stand_by(Duration(timeout_ns));
  if (!took) return capi::report(error, took.error());
  if (taken != nullptr) *taken = *took ? 1 : 0;
  return SHMBUS_OK;
}

int shmbus_server_replaced(const shmbus_server_t* server) {
  return server != nullptr && server->server.replaced() ? 1 : 0;
}

int shmbus_server_draining(const shmbus_server_t* server) {
  return server != nullptr && server->server.draining() ? 1 : 0;
}

}  // extern "C"
