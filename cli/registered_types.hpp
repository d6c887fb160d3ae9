// The types with which a name is registered, for commands that speak JSON to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/payload.hpp"
#include "inspect/model.hpp"
#include "inspect/reader.hpp"
#include "schema/grammar.hpp"

namespace shmbus::cli {

struct RegisteredTypes {
  std::string text;  ///< of the schema; what follows are views into it
  std::string request;
  std::string reply;
  std::uint64_t hash = 0;
  bool hash_only = false;  ///< the text was too long for the segment
};

/// What the present or last owner of the name said. Nothing when it registered bytes.
std::optional<RegisteredTypes> registered_types(const inspect::Reader& reader,
                                                const inspect::NameInfo& name);

/// The same for a name of the bus at `bus`; nothing when there is no such name.
struct NamedTypes {
  std::optional<RegisteredTypes> types;
  std::uint32_t request_bytes = 0;  ///< both are 0 when they are not known
  std::uint32_t reply_bytes = 0;
};
NamedTypes types_of(const std::string& bus, const std::string& name);

/// The request as its options give it: a plain argument is JSON when the types are known, else
/// text.
std::vector<std::byte> read_request(const PayloadOptions& options, const NamedTypes& known);

}  // namespace shmbus::cli
