// shmbus serve NAME -- COMMAND...: any program as the handler of a name, run once for each command.
#include <fmt/format.h>
#include <sys/eventfd.h>

#include <csignal>
#include <memory>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/serve/served_name.hpp"
#include "cli/units.hpp"
#include "common/options.hpp"
#include "common/standard_output.hpp"
#include "os/descriptor.hpp"
#include "shmbus/shmbus.hpp"
#include "shmbus/signals.hpp"

namespace shmbus::cli {
namespace {

struct ServeOptions {
  std::string name;
  std::vector<std::string> words;
  std::string label = "serve";
  std::string schema;
  std::string time_limit = "forever";
  std::string grace = "2s";
  std::string output_limit = "1M";
  std::uint32_t workers = 1;
  bool parallel = false;
};

serve::ServedName::Settings settings_of(const Context& context, const ServeOptions& options) {
  serve::ServedName::Settings settings;
  settings.name = options.name;
  settings.bus = context.bus;
  settings.line = serve::look_up(options.words);
  settings.time_limit = duration_or_fail(options.time_limit);
  settings.limits.grace = duration_or_fail(options.grace);
  const auto output = parse_bytes(options.output_limit);
  if (!output) throw UsageError("--output-limit takes a size, like 4096, 64K or 1M");
  settings.limits.output_bytes = static_cast<std::size_t>(*output);
  if (!options.schema.empty()) {
    settings.types = value_or_fail(codec::CommandTypes::parse(options.schema));
  }
  return settings;
}

Schema types_of(const serve::ServedName::Settings& settings, const std::string& text) {
  if (!settings.types) return {};
  return {text, shmbus::detail::hash_name(text),
          static_cast<std::uint32_t>(settings.types->request.size()),
          static_cast<std::uint32_t>(settings.types->reply.size())};
}

int run_serve(const Context& context, const ServeOptions& options) {
  auto settings = settings_of(context, options);
  std::signal(SIGPIPE, SIG_IGN);  // a program need not read its request
  const serve::Descriptor leaving(descriptor::event(0, EFD_NONBLOCK));
  settings.leaving = leaving.get();
  const auto schema = types_of(settings, options.schema);
  const auto stop = value_or_fail(stop_on_signals());
  // Programs that run are ended with this one, after the same grace.
  const std::stop_callback tell(stop.token(), [&] {
    const std::uint64_t one = 1;
    (void)!::write(leaving.get(), &one, sizeof one);
  });
  auto bus =
      value_or_fail(Bus::open(context.bus, {.trust = context.trust, .label = "shmbus serve"}));
  const serve::ServedName served(std::move(settings));
  auto server = value_or_fail(bus.serve({.label = options.label, .workers = options.workers}));
  const auto parallel = options.parallel ? Parallel::yes : Parallel::no;
  value_or_fail(server.on(options.name, schema,
                          [&served](shmbus::Context& command) { return served.run(command); },
                          {.parallel = parallel}));
  fmt::print("serves {}\n", printable(options.name));
  (void)flush_output_now();
  value_or_fail(server.run(stop.token()));
  return exit_ok;
}

}  // namespace

void add_serve(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ServeOptions>();
  auto& command = add_command(app, context, "serve", "Serve a name by running a program",
                              [&context, options] { return run_serve(context, *options); });
  command.add_option("NAME", options->name, "Name of the command")->required();
  command
      .add_option("COMMAND", options->words,
                  "After --: a program with its arguments, run once for each command, without a "
                  "shell: the request on standard input, the reply on standard output")
      ->required();
  command
      .add_option("--schema", options->schema,
                  "Types of request and reply, as `shmbus describe --json` shows them; the program "
                  "then reads and writes JSON")
      ->type_name("TYPE->TYPE");
  add_number(command, "--workers", options->workers, "Programs that run at the same time", 1, 1000)
      ->capture_default_str();
  command.add_flag("--parallel", options->parallel,
                   "Also commands of one caller run at the same time, in no order");
  command.add_option("--time-limit", options->time_limit, "For each run of the program")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_option("--output-limit", options->output_limit, "What it may write as the reply")
      ->type_name("SIZE")
      ->capture_default_str();
  command
      .add_option("--grace", options->grace, "From SIGTERM to SIGKILL, for what has to be ended")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_option("--label", options->label, "Name of this handler on the bus")
      ->capture_default_str();
}

}  // namespace shmbus::cli
