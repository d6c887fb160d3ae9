// shmbus openapi: what is registered, as an OpenAPI document.
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "codec/openapi.hpp"
#include "common/escape.hpp"
#include "inspect/described.hpp"

namespace shmbus::cli {
namespace {

int run_openapi(const Context& context) {
  const auto reader = value_or_fail(inspect::Reader::open(context.bus));
  std::vector<codec::OpenApiName> names;
  for (auto& one : inspect::described_names(reader)) {
    names.push_back({std::move(one.name), std::move(one.schema), one.event});
  }
  fmt::print("{}", escape::json_document(codec::openapi_document("shmbus", names)));
  return exit_ok;
}

}  // namespace

void add_openapi(CLI::App& app, Context& context) {
  add_command(app, context, "openapi",
              "Print an OpenAPI 3.1 document of the commands that are registered",
              [&context] { return run_openapi(context); });
}

}  // namespace shmbus::cli
