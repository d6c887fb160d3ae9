// shmbus gen OPENAPI -o HEADER: types and commands from an OpenAPI document, or the checks that
// hold hand-written structs against it.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/gen/emit.hpp"
#include "cli/gen/openapi.hpp"

namespace shmbus::cli {
namespace {

struct Options {
  std::string document;
  std::string output = "-";
  std::string name_space = "commands";
  std::vector<std::string> checks;
  std::vector<std::string> includes;
};

std::vector<gen::Held> held_structs(const std::vector<std::string>& checks) {
  std::vector<gen::Held> held;
  for (const auto& check : checks) {
    const auto equals = check.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == check.size()) {
      throw UsageError("--check takes SCHEMA=TYPE, like User=shop::User");
    }
    held.push_back({check.substr(0, equals), check.substr(equals + 1)});
  }
  return held;
}

/// In place only when all of it is written: a build must not see half a header.
void write_file(const std::string& path, const std::string& text) {
  const auto scratch = path + ".new";
  std::ofstream file(scratch, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file || std::rename(scratch.c_str(), path.c_str()) != 0) {
    const int why = errno;
    (void)std::remove(scratch.c_str());
    throw Failure(ErrorKind::invalid_argument,
                  fmt::format("cannot write {}: {}", path, std::strerror(why)));
  }
}

int run_gen(const Options& options) {
  const auto model = gen::read_openapi(options.document);
  const auto text = options.checks.empty()
                        ? gen::emit_commands(model, options.name_space)
                        : gen::emit_checks(model, held_structs(options.checks), options.includes);
  if (options.output == "-") {
    fmt::print("{}", text);
  } else {
    write_file(options.output, text);
  }
  return exit_ok;
}

}  // namespace

void add_gen(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  auto& command =
      add_command(app, context, "gen", "Make C++ types and commands from an OpenAPI 3 document",
                  [options] { return run_gen(*options); });
  command
      .add_option("DOCUMENT", options->document,
                  "OpenAPI 3, YAML or JSON; - reads it from "
                  "standard input")
      ->required();
  command.add_option("-o,--output", options->output, "Header to write; - prints it")
      ->type_name("HEADER")
      ->capture_default_str();
  command.add_option("--namespace", options->name_space, "Namespace of what is made")
      ->capture_default_str();
  command
      .add_option("--check", options->checks,
                  "Make static_asserts instead: this struct of yours is what that schema says")
      ->type_name("SCHEMA=TYPE");
  command
      .add_option("--include", options->includes,
                  "With --check: a header that declares your structs")
      ->type_name("HEADER");
}

}  // namespace shmbus::cli
