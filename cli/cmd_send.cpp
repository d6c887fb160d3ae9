// shmbus send NAME: a one-way command. It is committed when the tool ends; that it ran nobody says.
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/open_bus.hpp"
#include "cli/output.hpp"
#include "cli/payload.hpp"
#include "cli/registered_types.hpp"
#include "cli/units.hpp"
#include "shmbus/shmbus.hpp"

namespace shmbus::cli {
namespace {

struct SendOptions {
  std::string name;
  PayloadOptions payload;
  std::string timeout;
  bool wait = false;
};

int run_send(const Context& context, const SendOptions& options) {
  const auto request = read_request(options.payload, types_of(context.bus, options.name));
  const auto timeout =
      options.timeout.empty() ? default_timeout : duration_or_fail(options.timeout);
  auto bus = open_bus(context, "shmbus send");
  auto caller = value_or_fail(
      bus.caller(std::string_view(options.name),
                 {.when_vacant = options.wait ? WhenVacant::wait : WhenVacant::fail}));
  const auto sequence = value_or_fail(caller.send(request, Notify::now, timeout));
  if (context.json) {
    print_json({{"name", options.name}, {"bytes", request.size()}, {"sequence", sequence}});
  }
  return exit_ok;
}

}  // namespace

void add_send(CLI::App& app, Context& context) {
  const auto options = std::make_shared<SendOptions>();
  auto& command = add_command(app, context, "send", "Send a one-way command: no reply is awaited",
                              [&context, options] { return run_send(context, *options); });
  command.add_option("NAME", options->name, "Name of a command")->required();
  add_payload_options(command, options->payload);
  command.add_option("--timeout", options->timeout, "The handler drops it unstarted after this")
      ->type_name("DURATION");
  command.add_flag("--wait", options->wait, "Queue it for the next handler when there is none");
}

}  // namespace shmbus::cli
