// A type as JSON Schema (2020-12): what encode() takes and decode() makes. For OpenAPI documents,
// forms and tools that are described by a schema.
//
// It says as much as JSON Schema can: the length of a text is bounded in bytes on the bus and in
// characters here, so a value that fits the schema may still be refused; x-max-bytes says so.
#pragma once

#include <string>

#include "codec/type.hpp"
#include "shmbus/error.hpp"

namespace shmbus::codec {

/// Appends the schema to `out`, on one line, without "$schema". Errors: limit_reached (no memory).
Result<void> json_schema(const Type& type, std::string& out) noexcept;

}  // namespace shmbus::codec
