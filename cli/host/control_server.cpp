#include "cli/host/control_server.hpp"

#include <unistd.h>

#include <memory>
#include <utility>

#include "cli/exit_codes.hpp"

namespace shmbus::cli::host {
namespace {

/// A typed handler behind a name that is made at run time; `before` sees the context first.
template <class C, class F, class Before>
Result<void> on(Server& server, const std::string& name, F handler, Before before) {
  return server.on(name, schema_of<C>,
                   [handler = std::move(handler), before](shmbus::Context& context) mutable {
                     before(context);
                     return shmbus::detail::run_typed<C, F>(&handler, context);
                   });
}

/// Whether the caller of the command that runs may ask for it.
struct Gate {
  Permission permission;
  std::string refusal;
};

Status list(const Host& host, const std::string& label, PluginList& out, shmbus::Context& context) {
  out.pid = static_cast<std::uint32_t>(::getpid());
  out.host = String<48>::truncate(label);
  const auto rows = host.rows();
  if (context.tail().put(out.plugins, std::span<const PluginRow>(rows))) return Status::ok();
  return Status::reject(1, "more plug-ins than the caller has room");
}

}  // namespace

ControlServer::ControlServer(Bus& bus, const std::string& label, Host& host, Reloader& reloader,
                             Permission permission)
    : server_(value_or_fail(bus.serve({.label = label, .wait = WaitMode::blocking}))) {
  value_or_fail(on<ListPlugins>(
      server_, list_name(label),
      [&host, label](PluginList& out, shmbus::Context& context) {
        return list(host, label, out, context);
      },
      [](shmbus::Context&) {}));
  const auto gate = std::make_shared<Gate>(Gate{std::move(permission), {}});
  value_or_fail(on<ReloadPlugin>(
      server_, reload_name(label),
      [&reloader, gate](const ReloadRequest& request, Deferred<ReloadPlugin> answer) {
        if (gate->refusal.empty()) return reloader.ask(request, std::move(answer));
        ReloadReply no;
        no.why_not = String<200>::truncate("the caller may not ask for this: " + gate->refusal);
        (void)answer.reply(no);
      },
      [gate](shmbus::Context& context) {
        gate->refusal = gate->permission.refusal_of(context.caller());
      }));
  thread_ = std::thread([this] { (void)server_.run(stop_.get_token()); });
}

ControlServer::~ControlServer() {
  stop_.request_stop();
  thread_.join();
}

}  // namespace shmbus::cli::host
