// Reads the recorded log, and the replies that it must get; log/README.md defines both formats.
// Throws std::runtime_error (or what nlohmann-json throws) when a file is not as defined there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "log_commands.hpp"

namespace log_reader {

struct Entry {
  std::uint64_t seq = 0;
  std::string name;
  std::string path;
  std::string to;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::vector<std::byte> payload;
};

inline void append(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

inline void append_base64(std::vector<std::byte>& out, std::string_view text) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.find('='))) {
    const auto value = alphabet.find(c);
    if (value == std::string_view::npos) throw std::runtime_error("the log holds bad base64");
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<std::byte>(bits >> static_cast<unsigned>(count)));
    }
  }
}

/// copy:SEQ:AT:LENGTH, a piece of the payload of an earlier command.
inline void append_copy(std::vector<std::byte>& out, const std::string& text,
                        const std::vector<Entry>& earlier) {
  std::size_t used = 0;
  const auto number = [&text, &used](std::size_t from) {
    std::size_t length = 0;
    const auto value = std::stoull(text.substr(from), &length);
    used = from + length + 1;
    return value;
  };
  const auto seq = number(0);
  const auto at = number(used);
  const auto length = number(used);
  if (seq == 0 || seq > earlier.size()) throw std::runtime_error("the log copies from nowhere");
  const auto& source = earlier[seq - 1].payload;
  if (at > source.size() || length > source.size() - at) {
    throw std::runtime_error("the log copies past the end of a payload");
  }
  append(out, std::span(source).subspan(at, length));
}

inline void append_part(std::vector<std::byte>& out, const std::string& part,
                        const std::vector<Entry>& earlier) {
  const auto colon = part.find(':');
  const std::string_view kind = std::string_view(part).substr(0, colon);
  const std::string rest = colon == std::string::npos ? std::string() : part.substr(colon + 1);
  if (kind == "text") {
    append(out, std::as_bytes(std::span(rest)));
  } else if (kind == "b64") {
    append_base64(out, rest);
  } else if (kind == "zero") {
    out.resize(out.size() + std::stoull(rest));
  } else if (kind == "copy") {
    append_copy(out, rest, earlier);
  } else {
    throw std::runtime_error("the log holds a part of an unknown kind");
  }
}

inline Entry parse_line(const std::string& line, const std::vector<Entry>& earlier) {
  const auto json = nlohmann::json::parse(line);
  Entry entry{json.at("seq"),
              json.at("name"),
              json.value("path", ""),
              json.value("to", ""),
              json.value("offset", 0ULL),
              json.value("length", 0ULL),
              {}};
  if (entry.seq != earlier.size() + 1) throw std::runtime_error("the log has a gap");
  if (const auto data = json.find("data"); data != json.end()) {
    for (const auto& part : *data) append_part(entry.payload, part, earlier);
  }
  if (entry.payload.size() != json.value("size", std::size_t{0})) {
    throw std::runtime_error("a payload of the log has another size than it should");
  }
  return entry;
}

inline std::ifstream open(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  return file;
}

inline std::vector<Entry> read_log(const std::string& path) {
  auto file = open(path);
  std::vector<Entry> entries;
  for (std::string line; std::getline(file, line);) entries.push_back(parse_line(line, entries));
  return entries;
}

/// `seq checksum size status`, a line each, in order.
inline std::vector<log_commands::Record> read_expected(const std::string& path) {
  auto file = open(path);
  std::vector<log_commands::Record> records;
  std::uint64_t seq = 0;
  log_commands::Record record;
  while (file >> seq >> std::hex >> record.checksum >> std::dec >> record.size >> record.status) {
    records.push_back(record);
    if (seq != records.size()) throw std::runtime_error(path + " has a gap");
  }
  return records;
}

}  // namespace log_reader
