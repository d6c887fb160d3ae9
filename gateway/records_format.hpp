// The forms in which records stand in bodies: NDJSON, JSON text sequences (RFC 7464), events
// (text/event-stream) and one JSON array.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shmbus::gateway {

enum class RecordsFormat : std::uint8_t { ndjson, json_seq, events, array };

/// What `Accept` asks for; NDJSON when it leaves the choice. Nothing: none of these.
std::optional<RecordsFormat> format_of_accept(std::optional<std::string_view> accept);
/// Whether a body of this media type (in lower case) holds records.
bool is_records_type(std::string_view media) noexcept;
std::string_view media_type_of(RecordsFormat format) noexcept;

/// One record, which is JSON on one line; the `count`th, from 0 on.
std::string framed(RecordsFormat format, std::string_view json, std::uint64_t count);
/// What stands behind the last of `count` records.
std::string end_of_records(RecordsFormat format, std::uint64_t count);
/// In its place, when the stream ended with a problem; the body is cut off behind it.
std::string problem_in_records(RecordsFormat format, std::string_view problem, std::uint64_t count);

/// Records that one request may send to a handler: each takes memory beside its bytes.
inline constexpr std::size_t records_max = 100'000;

/// The first `most` records of a body: a line each; empty lines are none.
std::vector<std::string_view> records_of_body(std::string_view body, std::size_t most);

}  // namespace shmbus::gateway
