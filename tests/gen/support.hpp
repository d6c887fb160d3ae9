// What the tests of `shmbus gen` share: documents in a line, what is said of them, and a compiler.
#pragma once

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "gen/emit.hpp"
#include "gen/openapi.hpp"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"
#include "support/tool.hpp"

namespace shmbus::test {

/// A document with one command whose request is this schema; the schema stands in line 8.
inline std::string document(const std::string& schema, const std::string& components = {}) {
  return "openapi: 3.0.0\npaths:\n  /a:\n    post:\n      operationId: a.b\n      requestBody:\n"
         "        content: { application/json: { schema:\n" +
         schema + "\n        }}\n      responses: { \"204\": { description: done } }\n" +
         components;
}

inline gen::Model model_of(const std::string& text, const gen::Options& options = {}) {
  return gen::Document(text, "api.yaml").read(options);
}

/// Its header.
inline std::string header_of(const std::string& text, const gen::Options& options = {}) {
  return gen::emit_commands(model_of(text, options));
}

/// What is said of a document that is refused.
inline std::string refusal(const std::string& text, const gen::Options& options = {}) {
  try {
    (void)header_of(text, options);
  } catch (const gen::Error& error) {
    return error.what();
  }
  return "accepted";
}

/// The type of a request with this schema, without the leading "::".
inline std::string request_of(const std::string& schema, const gen::Options& options = {}) {
  const auto model = model_of(document(schema), options);
  REQUIRE(model.commands.size() == 1);
  return model.commands[0].request.text;
}

/// Limits for all that a document leaves without one.
inline gen::Options bounded() {
  gen::Options options;
  options.bound_strings = 64;
  options.bound_arrays = 8;
  options.bound_maps = 8;
  options.bound_json = 128;
  return options;
}

inline std::string read_document(const std::string& name) {
  return read_whole_file(std::string(SHMBUS_TESTS_DIR) + "/gen/documents/" + name);
}

/// Compiles `source` beside these files, with the warnings of a strict user as errors. Empty when
/// the compiler has nothing to say.
inline std::string compile_errors(
    const std::string& source, const std::vector<std::pair<std::string, std::string>>& files = {}) {
  const TempFolder folder;
  const auto main = folder.path() + "/main.cpp";
  std::ofstream(folder.path() + "/source.hpp") << source;
  std::ofstream(main) << "#include \"source.hpp\"\n";
  for (const auto& [name, text] : files) std::ofstream(folder.path() + "/" + name) << text;
  const auto ran =
      run_program({SHMBUS_CXX, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic",
                   "-Wshadow", "-Wconversion", "-Wold-style-cast", "-Werror", "-I", folder.path(),
                   "-isystem", SHMBUS_INCLUDE_DIR, "-isystem", SHMBUS_GENERATED_INCLUDE_DIR, main});
  return ran.code == 0 && ran.err.empty() ? std::string{} : "compiler: " + ran.err;
}

/// Contains `part`; `text` is shown when not.
inline bool has(const std::string& text, const std::string& part) {
  INFO(text);
  INFO("should contain: " << part);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

}  // namespace shmbus::test
