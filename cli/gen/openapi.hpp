// Reads an OpenAPI 3 document, YAML or JSON, into a model. What the subset does not cover is a
// Failure that begins with file and line: "openapi.yaml:31: ...". docs/commands.md says what is
// covered.
#pragma once

#include <string>

#include "cli/gen/model.hpp"

namespace shmbus::cli::gen {

Model read_openapi(const std::string& path);

/// The same from text; `source` stands in messages.
Model parse_openapi(const std::string& text, const std::string& source);

}  // namespace shmbus::cli::gen
