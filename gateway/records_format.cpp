#include "gateway/records_format.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace shmbus::gateway {
namespace {

constexpr char record_separator = '\x1E';

using Entry = std::pair<std::string_view, RecordsFormat>;
constexpr std::array<Entry, 6> record_types{{
    {"application/x-ndjson", RecordsFormat::ndjson},
    {"application/ndjson", RecordsFormat::ndjson},
    {"application/jsonl", RecordsFormat::ndjson},
    {"application/json-seq", RecordsFormat::json_seq},
    {"text/event-stream", RecordsFormat::events},
    {"application/json", RecordsFormat::array},
}};

std::string_view trimmed(std::string_view text) noexcept {
  const auto outer = [](char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == record_separator;
  };
  while (!text.empty() && outer(text.front())) text.remove_prefix(1);
  while (!text.empty() && outer(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<RecordsFormat> format_of_accept(std::optional<std::string_view> accept) {
  if (!accept) return RecordsFormat::ndjson;
  bool any = false;
  // The first that is known: weights are not looked at.
  while (!accept->empty()) {
    const auto comma = std::min(accept->find(','), accept->size());
    const auto item = accept->substr(0, comma);
    accept->remove_prefix(std::min(comma + 1, accept->size()));
    const auto type = trimmed(item.substr(0, item.find(';')));
    const auto found = std::find_if(record_types.begin(), record_types.end(),
                                    [&](const auto& t) { return t.first == type; });
    if (found != record_types.end()) return found->second;
    any = any || type == "*/*" || type == "application/*";
  }
  if (!any) return std::nullopt;
  return RecordsFormat::ndjson;
}

bool is_records_type(std::string_view media) noexcept {
  return std::any_of(record_types.begin(), record_types.begin() + 4,
                     [&](const auto& type) { return type.first == media; });
}

std::string_view media_type_of(RecordsFormat format) noexcept {
  return std::find_if(record_types.begin(), record_types.end(),
                      [&](const auto& type) { return type.second == format; })
      ->first;
}

std::string framed(RecordsFormat format, std::string_view json, std::uint64_t count) {
  std::string out;
  out.reserve(json.size() + 16);
  if (format == RecordsFormat::json_seq) out += record_separator;
  if (format == RecordsFormat::events) out += "data: ";
  if (format == RecordsFormat::array) out += count == 0 ? "[" : ",\n";
  out += json;
  if (format == RecordsFormat::events) out += '\n';
  if (format != RecordsFormat::array) out += '\n';
  return out;
}

std::string end_of_records(RecordsFormat format, std::uint64_t count) {
  if (format == RecordsFormat::events) return "event: end\ndata: {}\n\n";
  if (format == RecordsFormat::array) return count == 0 ? "[]\n" : "]\n";
  return {};
}

std::string problem_in_records(RecordsFormat format, std::string_view problem,
                               std::uint64_t count) {
  while (problem.ends_with('\n')) problem.remove_suffix(1);
  if (format == RecordsFormat::events) {
    return "event: error\ndata: " + std::string(problem) + "\n\n";
  }
  return framed(format, "{\"problem\":" + std::string(problem) + "}", count);
}

std::vector<std::string_view> records_of_body(std::string_view body, std::size_t most) {
  std::vector<std::string_view> out;
  while (!body.empty() && out.size() < most) {
    const auto end = std::min(body.find('\n'), body.size());
    const auto line = trimmed(body.substr(0, end));
    if (!line.empty()) out.push_back(line);
    body.remove_prefix(std::min(end + 1, body.size()));
  }
  return out;
}

}  // namespace shmbus::gateway
