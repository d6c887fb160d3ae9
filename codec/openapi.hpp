// What is registered on a bus, as an OpenAPI 3.1 document in JSON: the gateway's /openapi.json and
// `shmbus openapi`.
//
// Each command is POST /call/NAME, with x-command for `shmbus gen`. Events are no operations; they
// stand under x-events with the schema of their values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shmbus::codec {

struct OpenApiName {
  std::string name;
  std::string schema;  ///< "request->reply"; empty, or none: bytes
  bool event = false;
};

/// Names and schemas may be anybody's. `title` is what the document calls the bus.
std::string openapi_document(std::string_view title, const std::vector<OpenApiName>& names);

}  // namespace shmbus::codec
