#include "cli/host/control_server.hpp"

#include <unistd.h>

#include <utility>

#include "cli/exit_codes.hpp"

namespace shmbus::cli::host {
namespace {

/// A typed handler behind a name that is made at run time.
template <class C, class F>
Result<void> on(Server& server, const std::string& name, F handler) {
  return server.on(name, schema_of<C>, [handler = std::move(handler)](Context& context) mutable {
    return shmbus::detail::run_typed<C, F>(&handler, context);
  });
}

Status list(const Host& host, const std::string& label, PluginList& out, Context& context) {
  out.pid = static_cast<std::uint32_t>(::getpid());
  out.host = String<48>::truncate(label);
  const auto rows = host.rows();
  if (context.tail().put(out.plugins, std::span<const PluginRow>(rows))) return Status::ok();
  return Status::reject(1, "more plug-ins than the caller has room");
}

}  // namespace

ControlServer::ControlServer(Bus& bus, const std::string& label, Host& host, Reloader& reloader)
    : server_(value_or_fail(bus.serve({.label = label, .wait = WaitMode::blocking}))) {
  value_or_fail(
      on<ListPlugins>(server_, list_name(label), [&host, label](PluginList& out, Context& context) {
        return list(host, label, out, context);
      }));
  value_or_fail(
      on<ReloadPlugin>(server_, reload_name(label),
                       [&reloader](const ReloadRequest& request, Deferred<ReloadPlugin> answer) {
                         reloader.ask(request, std::move(answer));
                       }));
  thread_ = std::thread([this] { (void)server_.run(stop_.get_token()); });
}

ControlServer::~ControlServer() {
  stop_.request_stop();
  thread_.join();
}

}  // namespace shmbus::cli::host
