#include "cli/help.hpp"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "cli/exit_codes.hpp"
#include "common/command_line.hpp"

namespace shmbus::cli {
namespace {

constexpr int last_error_kind = 18;

struct Entry {
  std::string_view command;
  std::string_view examples;  ///< one a line
};
struct Group {
  std::string_view title;
  std::vector<Entry> entries;
};

const std::vector<Group>& groups() {
  static const std::vector<Group> all{
      {"Look at buses",
       {{"buses", "shmbus buses"},
        {"ls", "shmbus --bus hello ls\nshmbus ls --all --json"},
        {"describe", "shmbus describe user.create"},
        {"ps", "shmbus ps"},
        {"top", "shmbus top --sort p99\nshmbus top --count 1 --json"},
        {"watch", "shmbus watch user.create\nshmbus watch --for 10s"},
        {"doctor", "shmbus doctor || echo 'something is wrong'"}}},
      {"Try commands and events",
       {{"call",
         "shmbus call user.create '{\"email\": \"ann@example.org\"}'\n"
         "shmbus call echo --hex 'de ad be ef' --timeout 200ms\n"
         "shmbus call greet '{\"name\": \"Ann\"}' --wait"},
        {"send", "shmbus send log.append 'a line' --wait"},
        {"publish",
         "shmbus publish price.changed '{\"price\": 10150}' --keep 64\n"
         "tail -f app.log | shmbus publish log.line --lines"},
        {"listen",
         "shmbus listen price.changed --from latest --count 1\n"
         "shmbus listen log.line --hold --for 10s"},
        {"bench", "shmbus bench --duration 1s"}}},
      {"See what goes on, and where time goes",
       {{"heat", "shmbus heat user.create --svg heat.svg"},
        {"hist",
         "shmbus hist user.create --over 10s\nshmbus hist user.create --json > before.json"},
        {"tap", "shmbus tap --failed\nshmbus tap user.create --slower 1ms --for 10s"},
        {"trace", "shmbus trace\nshmbus trace export --perfetto trace.json"},
        {"record", "shmbus record shop.rec --for 10s"},
        {"replay", "shmbus replay shop.rec --rate 5000 --loops 10"},
        {"postmortem", "shmbus postmortem\nshmbus postmortem 4711 --last 20"},
        {"probe", "sudo shmbus probe heat --for 10s"}}},
      {"Change a bus",
       {{"create", "shmbus --bus shop create --names 64 --mode 0660 --group users"},
        {"policy",
         "shmbus policy set user.create --rate 100/s --burst 20\nshmbus policy show\n"
         "shmbus policy clear user.create"},
        {"route", "shmbus route user.create --canary 10%\nshmbus route user.create --promote"},
        {"spool",
         "shmbus spool send user.create '{\"id\": 7}' --key user-7\nshmbus spool ls --dead\n"
         "shmbus spool retry --all"},
        {"gc", "shmbus gc --dry-run"},
        {"rm", "shmbus --bus hello rm"}}},
      {"Serve commands by programs and plug-ins",
       {{"serve",
         "shmbus serve text.upper -- tr a-z A-Z\n"
         "shmbus serve image.shrink --workers 4 --time-limit 30s -- convert - -resize 50% -\n"
         "shmbus serve sum --schema 'u64->u64' -- sh -c 'read n; echo $((n + 1))'"},
        {"host", "shmbus host --label shop prices.so stock.so"},
        {"plugins", "shmbus plugins"},
        {"reload", "shmbus reload prices build/prices.so"},
        {"gateway", "shmbus gateway --listen 127.0.0.1:8080 --allow 'user.*'"},
        {"mcp", "shmbus --bus shop mcp --allow 'user.*'"}}},
      {"For programmers and shells",
       {{"gen", "shmbus gen users.yaml -o users.hpp --namespace users"},
        {"openapi", "shmbus openapi > shop.json"},
        {"layout", "shmbus layout --defaults"},
        {"completions", "source <(shmbus completions bash)"},
        {"help", "shmbus help call"}}}};
  return all;
}

std::string examples_text(std::string_view examples) {
  std::string out = "Examples:\n";
  while (!examples.empty()) {
    const auto end = std::min(examples.find('\n'), examples.size());
    out.append("  ").append(examples.substr(0, end)).append("\n");
    examples.remove_prefix(std::min(end + 1, examples.size()));
  }
  out.pop_back();
  return out;
}

std::string exit_code_footer() {
  std::string text =
      "`shmbus help COMMAND` explains one of them. First steps:\n"
      "  shmbus buses                 which buses there are\n"
      "  shmbus --bus hello ls        what is served on one\n"
      "  shmbus --bus hello doctor    what is wrong with it, and how to mend it\n\n"
      "Exit codes:\n  0   ok\n";
  for (int kind = 1; kind <= last_error_kind; ++kind) {
    text += fmt::format("  {:<3} {}\n", kind, to_string(static_cast<ErrorKind>(kind)));
  }
  text += fmt::format("  {:<3} wrong usage\n", exit_usage);
  text += fmt::format("  {:<3} doctor found something\n", exit_findings);
  text += fmt::format("  {:<3} the tool itself failed\n", exit_internal);
  text += fmt::format("  {:<3} the output could not be written", exit_output);
  return text;
}

int run_help(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  std::string before;
  for (const auto& word : words) {
    const auto* next = command_named(*at, word);
    if (next == nullptr) {
      CommandLine line;
      line.command = at;
      line.unknown_command = word;
      throw UsageError(what_makes_no_sense(line) + "; see `shmbus help`");
    }
    before += (before.empty() ? "" : " ") + at->get_name();
    at = next;
  }
  // App::help() would explain the command that is being run, which is this one.
  const auto name = (before.empty() ? "" : before + " ") + at->get_name();
  fmt::print("{}", at->get_formatter()->make_help(at, name, CLI::AppFormatMode::Normal));
  return exit_ok;
}

}  // namespace

void arrange_help(CLI::App& app) {
  for (const auto& group : groups()) {
    for (const auto& entry : group.entries) {
      const auto named = [&](const CLI::App* one) { return one->get_name() == entry.command; };
      for (auto* command : app.get_subcommands(named)) {
        command->group(std::string(group.title));
        command->footer(examples_text(entry.examples));
      }
    }
  }
  app.footer(exit_code_footer());
}

void add_help(CLI::App& app, Context& context) {
  const auto words = std::make_shared<std::vector<std::string>>();
  auto& command = add_command(app, context, "help", "Explain the tool, or one command",
                              [&app, words] { return run_help(app, *words); });
  command.add_option("COMMAND", *words, "The command to explain");
}

}  // namespace shmbus::cli
