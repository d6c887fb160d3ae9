// JSON to the bytes of a registered type, and back. What does not fit is told with its place:
// "request.email: 81 bytes, at most 64". Replies come from a peer: any bytes become some JSON.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <vector>

namespace shmbus::cli {

/// Members keep the order of the struct.
using Json = nlohmann::ordered_json;

/// Throws Failure (invalid_argument) that names the member.
std::vector<std::byte> encode(const Json& value, std::string_view type);

/// Throws Failure (type_mismatch) when there are fewer bytes than the type has.
Json decode(std::span<const std::byte> bytes, std::string_view type);

/// Throws Failure (invalid_argument) that says where it is no JSON.
Json parse_json(std::string_view text);

/// On one line, what is no UTF-8 replaced.
std::string to_text(const Json& value);

}  // namespace shmbus::cli
