#include "cli/app.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/buses.hpp"
#include "cli/complete.hpp"
#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "cli/words.hpp"
#include "common/command_line.hpp"
#include "common/standard_output.hpp"
#include "inspect/reader.hpp"
#include "inspect/trust_text.hpp"
#include "os/handle_guard.hpp"
#include "shmbus/version.hpp"

namespace shmbus::cli {
namespace {

/// What the library says, in the words of the command line, and with what this machine offers
/// instead.
std::string text_of(const Context& context, const Failure& failure) {
  std::string text = in_words_of_the_tool(failure.what());
  if (failure.error().kind != ErrorKind::bus_unusable) return text;
  const auto report = inspect::look_at(context.bus);
  if (!report || report->error_number != ENOENT) return text;
  return fmt::format("there is no bus '{}'; {}", context.bus, other_buses_text());
}

void report(const Context& context, const Failure& failure) {
  const Error& error = failure.error();
  const auto text = text_of(context, failure);
  print_error(fmt::format("shmbus: {}\n", printable(text)));
  if (!context.json) return;
  nlohmann::json out;
  out["error"] = {{"kind", to_string(error.kind)},
                  {"number", failure.exit_code()},
                  {"code", error.code},
                  {"needed", error.needed},
                  {"message", text}};
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

/// "shmbus help call", for the end of a complaint.
std::string help_for(const CLI::App& app, const CLI::App* command) {
  std::string path;
  for (; command != nullptr && command != &app; command = command->get_parent()) {
    path.insert(0, " " + command->get_name());
  }
  return "see `shmbus help" + path + "`";
}

int complain(std::string_view what, const std::string& advice) {
  const std::string_view joint = advice.empty() ? "" : what.ends_with('?') ? " " : "; ";
  print_error(
      fmt::format("shmbus: {}{}{}\n", printable(in_words_of_the_tool(what)), joint, advice));
  return exit_usage;
}

int parse_and_run(CLI::App& app, Context& context, int argc, char** argv) {
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const auto line = read_command_line(app, words);
  try {
    app.parse(argc, argv);
    return context.exit_code;
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return exit_ok;
  } catch (const CLI::CallForVersion& e) {
    fmt::print("{}\n", e.what());
    return exit_ok;
  } catch (const CLI::ParseError& e) {
    // The parser misses the words that belong where the misspelt one stands.
    const auto senseless = what_makes_no_sense(line);
    return complain(senseless.empty() ? e.what() : senseless, help_for(app, line.command));
  } catch (const UsageError& e) {
    return complain(e.what(), {});
  } catch (const Failure& failure) {
    report(context, failure);
    return failure.exit_code();
  }
}

/// The one place that knows whether what was printed has arrived.
int finish_output(int code) {
  const auto printed = flush_standard_output();
  if (printed.state == Printed::ok) return code;
  if (printed.state == Printed::lost) {
    print_error(fmt::format("shmbus: the output could not be written: {}\n", printed.why));
  }
  return code == exit_ok ? exit_output : code;
}

int run_guarded_from_libraries(int argc, char** argv, std::span<const AddCommand> commands) {
  try {
    Context context;
    const auto app = make_app(context, commands);
    if (argc == 1) {
      fmt::print("{}", app->help());
      return exit_ok;
    }
    if (std::string_view(argv[1]) == "complete") {
      return run_completion(*app, std::vector<std::string>(argv + 2, argv + argc));
    }
    return parse_and_run(*app, context, argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("shmbus: out of memory\n", stderr);
  } catch (const std::exception& e) {
    if (std::ferror(stdout) != 0) {  // finish_output() says it
      const auto* of_system = dynamic_cast<const std::system_error*>(&e);
      if (of_system != nullptr) keep_output_error(of_system->code().value());
      return exit_output;
    }
    std::fprintf(stderr, "shmbus: %s\n", printable(e.what()).c_str());
  }
  return exit_internal;
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
  for (const AddCommand add : commands) add(*app, context);
  arrange_help(*app);
  return app;
}

int run(int argc, char** argv, std::span<const AddCommand> commands) {
  return finish_output(run_guarded_from_libraries(argc, argv, commands));
}

}  // namespace shmbus::cli
