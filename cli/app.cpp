#include "cli/app.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/complete.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "common/command_line.hpp"
#include "inspect/trust_text.hpp"
#include "os/handle_guard.hpp"
#include "shmbus/version.hpp"

namespace shmbus::cli {
namespace {

constexpr int last_error_kind = 18;

std::string exit_code_footer() {
  std::string text = "Exit codes:\n  0   ok\n";
  for (int kind = 1; kind <= last_error_kind; ++kind) {
    text += fmt::format("  {:<3} {}\n", kind, to_string(static_cast<ErrorKind>(kind)));
  }
  text += fmt::format("  {:<3} wrong usage\n", exit_usage);
  text += fmt::format("  {:<3} doctor found something", exit_findings);
  return text;
}

void report(const Context& context, const Failure& failure) {
  const Error& error = failure.error();
  fmt::print(stderr, "shmbus: {}\n", printable(failure.what()));
  if (!context.json) return;
  nlohmann::json out;
  out["error"] = {{"kind", to_string(error.kind)},
                  {"number", failure.exit_code()},
                  {"code", error.code},
                  {"needed", error.needed},
                  {"message", failure.what()}};
  print_json(out);
}

/// Whatever a command made of it: from a bus that was cut short it read zeros.
void refuse_if_cut_short(const Context& context) {
  if (liveness::HandleGuard::lost_mappings() == 0) return;
  throw Failure(ErrorKind::bus_unusable,
                fmt::format("the file of bus {} was cut short while it was read; see what `shmbus "
                            "doctor` advises",
                            context.bus));
}

int run_guarded(const Context& context, const std::function<int()>& body) {
  int code = 0;
  try {
    code = body();
  } catch (const Failure&) {
    refuse_if_cut_short(context);
    throw;
  }
  refuse_if_cut_short(context);
  return code;
}

int parse_and_run(CLI::App& app, Context& context, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return context.exit_code;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    // The parser misses the words that belong where the misspelt one stands.
    const std::vector<std::string> words(argv + 1, argv + argc);
    const auto senseless = what_makes_no_sense(read_command_line(app, words));
    fmt::print(stderr, "shmbus: {}; see `shmbus --help`\n",
               senseless.empty() ? e.what() : senseless);
    return exit_usage;
  } catch (const UsageError& e) {
    fmt::print(stderr, "shmbus: {}\n", e.what());
    return exit_usage;
  } catch (const Failure& failure) {
    report(context, failure);
    return failure.exit_code();
  }
}

}  // namespace

CLI::App& add_command(CLI::App& app, Context& context, const std::string& name,
                      const std::string& description, std::function<int()> body) {
  CLI::App& command = *app.add_subcommand(name, description);
  command.fallthrough();
  command.footer("");  // the exit codes stand in the tool's own help
  command.callback(
      [&context, body = std::move(body)] { context.exit_code = run_guarded(context, body); });
  return command;
}

std::unique_ptr<CLI::App> make_app(Context& context, std::span<const AddCommand> commands) {
  auto app = std::make_unique<CLI::App>("Looks at, tries and tends a shared-memory command bus.",
                                        "shmbus");
  app->add_option("--bus", context.bus, "Name of the bus, or a path with a '/'")
      ->envname("SHMBUS_BUS")
      ->type_name("NAME|PATH")
      ->capture_default_str();
  app->add_option_function<std::string>(
         "--trust",
         [&context](const std::string& text) {
           const auto trust = inspect::trust_from(text);
           if (!trust) throw CLI::ValidationError("--trust", "there is no user " + text);
           context.trust = *trust;
         },
         "Also join the bus of this user, with the permissions that it chose: own (default), "
         "anybody, a name or uid")
      ->type_name("USER");
  app->add_flag("--json", context.json, "Print JSON instead of text");
  app->set_version_flag("--version", std::string("shmbus ") + SHMBUS_VERSION);
  app->require_subcommand(1);
  app->footer(exit_code_footer());
  for (const AddCommand add : commands) add(*app, context);
  return app;
}

int run(int argc, char** argv, std::span<const AddCommand> commands) {
  try {
    Context context;
    const auto app = make_app(context, commands);
    if (argc > 1 && std::string_view(argv[1]) == "complete") {
      return run_completion(*app, std::vector<std::string>(argv + 2, argv + argc));
    }
    return parse_and_run(*app, context, argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "shmbus: %s\n", e.what());
    return static_cast<int>(ErrorKind::bus_unusable);
  }
}

}  // namespace shmbus::cli
