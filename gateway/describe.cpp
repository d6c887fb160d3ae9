// /openapi.json: what a client may call and read, as it is registered now.
#include "codec/openapi.hpp"
#include "common/escape.hpp"
#include "gateway/negotiate.hpp"
#include "gateway/routes.hpp"
#include "inspect/described.hpp"

namespace shmbus::gateway {

Response Routes::describe(const Principal& principal) {
  const auto reader = inspect::Reader::open(config_.bus);
  if (!reader) return problem(reader.error());
  std::vector<codec::OpenApiName> names;
  for (auto& one : inspect::described_names(*reader)) {
    const bool may =
        one.event ? principal.may(Action::listen, one.name)
                  : principal.may(Action::call, one.name) || principal.may(Action::send, one.name);
    if (may) names.push_back({std::move(one.name), std::move(one.schema), one.event});
  }
  if (reader->lost()) {
    return problem(Error{ErrorKind::bus_unusable, 0, 0, "the file of the bus was cut short"});
  }
  Response out;
  out.body = escape::json_document(codec::openapi_document("shmbus", names));
  // What one principal sees is for no other: a cache may keep it for its own client alone.
  out.add("Content-Type", "application/json").add("Cache-Control", "private, no-cache");
  out.add("ETag", weak_tag(out.body));
  return out;
}

}  // namespace shmbus::gateway
