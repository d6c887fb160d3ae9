// The types with which a name is registered, for commands that speak JSON to it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/files.hpp"
#include "cli/payload.hpp"
#include "codec/type.hpp"
#include "inspect/model.hpp"
#include "inspect/reader.hpp"

namespace shmbus::cli {

/// Members keep the order of the struct.
using Json = nlohmann::ordered_json;

struct RegisteredTypes {
  std::string text;  ///< of the schema
  codec::Type request;
  codec::Type reply;
  bool request_stream = false;  ///< many of `request`: see codec::CommandTypes
  bool reply_stream = false;
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
  std::uint64_t bytes_max = request_bytes_max;  ///< payload memory of the bus, when it is known
};
NamedTypes types_of(const std::string& bus, const std::string& name);

/// The value as one line of JSON, fit to be shown. Throws Failure when the bytes are too few for
/// the type, or too much follows from them.
std::string json_text(const codec::Type& type, std::span<const std::byte> bytes);

/// The request as its options give it: a plain argument is JSON when the types are known, else
/// text.
std::vector<std::byte> read_request(const PayloadOptions& options, const NamedTypes& known);

}  // namespace shmbus::cli
