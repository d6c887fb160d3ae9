// shmbus gen OPENAPI -o HEADER: types and commands from an OpenAPI document, or the checks that
// hold hand-written structs against it.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "common/options.hpp"
#include "common/standard_output.hpp"
#include "gen/emit.hpp"
#include "gen/emit_rust.hpp"
#include "gen/names.hpp"
#include "gen/openapi.hpp"
#include "gen/parse.hpp"
#include "os/descriptor.hpp"

namespace shmbus::cli {
namespace {

constexpr std::uint64_t bound_max = 1ULL << 24U;

struct GenOptions {
  std::string document;
  std::string output = "-";
  std::vector<std::string> overlays;
  std::vector<std::string> checks;
  std::vector<std::string> includes;
  std::string suggestion;
  bool list = false;
  bool rust = false;
  gen::Options made;
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

void write_or_print(const std::string& path, const std::string& text) {
  if (path == "-") {
    fmt::print("{}", text);
  } else {
    write_file(path, text);
  }
}

/// No more than a document may have, also from a pipe or a device that never ends.
std::string read_input(const std::string& path) {
  struct Close {
    void operator()(std::FILE* file) const noexcept {
      if (file != stdin) (void)std::fclose(file);
    }
  };
  const std::unique_ptr<std::FILE, Close> file(
      path == "-" ? stdin : descriptor::stream(path.c_str(), "rb"));
  std::string text;
  std::array<char, 65536> chunk;
  while (file && text.size() <= gen::document_bytes_max) {
    const auto got = std::fread(chunk.data(), 1, chunk.size(), file.get());
    text.append(chunk.data(), got);
    if (got < chunk.size()) break;
  }
  if (!file || std::ferror(file.get()) != 0) {
    throw Failure(ErrorKind::invalid_argument,
                  fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  }
  return text;
}

std::string base_name(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat one {};
  struct stat other {};
  return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

std::string made_text(gen::Document& document, const GenOptions& options) {
  auto made = options.made;
  const auto held = held_structs(options.checks);
  if (options.rust) return gen::emit_rust(document.read(made));
  if (held.empty()) return gen::emit_commands(document.read(made));
  made.name_space = gen::check_namespace;
  for (const auto& one : held) made.schemas.push_back(one.schema);
  return gen::emit_checks(document.read(made), held, options.includes);
}

/// The list of what to mend goes ahead of the error, line by line.
[[noreturn]] void give_up(const gen::Error& error) {
  const std::string text = error.what();
  const auto headline = text.find('\n');
  if (headline != std::string::npos) {
    const auto list = text.find_first_not_of('\n', headline);
    print_error(fmt::format("{}\n\n", text.substr(std::min(list, text.size()))));
  }
  throw Failure(ErrorKind::invalid_argument, text.substr(0, headline));
}

int run_gen(const GenOptions& options) {
  if (const auto why = gen::why_no_namespace(options.made.name_space); !why.empty()) {
    throw UsageError("--namespace: " + why);
  }
  if (options.rust && !options.checks.empty()) throw UsageError("--check is for C++, not --rust");
  if (options.output != "-" && is_same_file(options.output, options.document)) {
    throw UsageError("-o names the document itself");
  }
  try {
    gen::Document document(read_input(options.document), base_name(options.document));
    for (const auto& overlay : options.overlays) {
      document.overlay(read_input(overlay), base_name(overlay));
    }
    if (options.list) {
      fmt::print("{}", document.list());
      return exit_ok;
    }
    std::string text;
    try {
      text = made_text(document, options);
    } catch (const gen::Error&) {
      if (!options.suggestion.empty() && !document.problems().empty()) {
        write_or_print(options.suggestion,
                       document.problems().overlay(base_name(options.document)));
      }
      throw;
    }
    for (const auto& note : document.problems().notes())
      print_error(fmt::format("note: {}\n", note));
    write_or_print(options.output, text);
  } catch (const gen::Error& error) {
    give_up(error);
  }
  return exit_ok;
}

void add_selection(CLI::App& command, GenOptions& options) {
  command
      .add_option("--operation", options.made.operations,
                  "Only this command (x-command or operationId); may be repeated")
      ->type_name("NAME");
  command.add_option("--tag", options.made.tags, "Only operations with this tag; may be repeated")
      ->type_name("TAG");
  command.add_flag("--list", options.list,
                   "Print the operations of the document, and make nothing");
  command
      .add_option("--overlay", options.overlays,
                  "Change the document by an OpenAPI Overlay 1 first; may be repeated")
      ->type_name("FILE");
  command
      .add_option("--suggest-overlay", options.suggestion,
                  "When something has to be mended: write an overlay that does, to edit")
      ->type_name("FILE");
}

void add_bounds(CLI::App& command, GenOptions& options) {
  const auto add = [&command](const char* name, std::optional<std::uint64_t>& value,
                              const char* help) {
    add_number(command, name, value, help, 1, bound_max);
  };
  add("--bound-strings", options.made.bound_strings, "Bytes of strings that have no maxLength");
  add("--bound-arrays", options.made.bound_arrays, "Items of arrays that have no maxItems");
  add("--bound-maps", options.made.bound_maps, "Entries of maps that have no maxProperties");
  add("--bound-json", options.made.bound_json,
      "Carry what has no fixed type (oneOf, free objects, recursion) as JSON text of N bytes");
}

}  // namespace

void add_gen(CLI::App& app, Context& context) {
  const auto options = std::make_shared<GenOptions>();
  auto& command = add_command(app, context, "gen",
                              "Make C++ or Rust types and commands from an OpenAPI document",
                              [options] { return run_gen(*options); });
  command
      .add_option("DOCUMENT", options->document,
                  "OpenAPI 3.0, 3.1 or Swagger 2.0, YAML or JSON; - reads it from standard input")
      ->required();
  command.add_option("-o,--output", options->output, "File to write; - prints it")
      ->type_name("FILE")
      ->capture_default_str();
  command
      .add_option("--namespace", options->made.name_space, "Namespace of what is made, like a::b")
      ->capture_default_str();
  command.add_flag("--rust", options->rust, "Make a module of Rust instead, for the crate shmbus");
  add_selection(command, *options);
  add_bounds(command, *options);
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
