// The commands of the recorded log (log/README.md says what each does), as bytes on the bus.
// Callers and handlers are dynamically typed here: a command is a name and bytes.
//
//   request   Head · path · to · payload        reply   Record · for file.read: the bytes found
//
// Names      file.*, file.clear     the store: log_store.cpp
//            digest.crc32, text.count          log_digest.cpp
// file.clear is not in the log: it drops every file whose path begins with `path`.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace log_commands {

struct Head {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint32_t path_bytes = 0;
  std::uint32_t to_bytes = 0;
};
static_assert(sizeof(Head) == 24);

inline constexpr std::uint32_t done = 0;
inline constexpr std::uint32_t no_such_file = 2;

struct Record {
  std::uint64_t checksum = 0;
  std::uint64_t size = 0;
  std::uint32_t status = done;
  std::uint32_t unused = 0;
  friend bool operator==(const Record&, const Record&) = default;
};
static_assert(sizeof(Record) == 24);

struct Request {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::string_view path;
  std::string_view to;
  std::span<const std::byte> payload;
};

inline std::size_t encoded_size(const Request& request) {
  return sizeof(Head) + request.path.size() + request.to.size() + request.payload.size();
}

/// Writes the request where it shall lie: in loaned memory of the bus, no copy is made after this.
inline void encode(const Request& request, std::span<std::byte> out) {
  const Head head{request.offset, request.length, static_cast<std::uint32_t>(request.path.size()),
                  static_cast<std::uint32_t>(request.to.size())};
  auto* at = out.data();
  const auto put = [&at](const void* data, std::size_t size) {
    if (size != 0) std::memcpy(at, data, size);
    at += size;
  };
  put(&head, sizeof head);
  put(request.path.data(), request.path.size());
  put(request.to.data(), request.to.size());
  put(request.payload.data(), request.payload.size());
}

/// Views into `bytes`, or nothing when they are no request. The head is copied before it is
/// checked: a faulty caller may still write to these bytes.
inline std::optional<Request> decode(std::span<const std::byte> bytes) {
  Head head;
  if (bytes.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, bytes.data(), sizeof head);
  bytes = bytes.subspan(sizeof head);
  const std::uint64_t names = std::uint64_t{head.path_bytes} + head.to_bytes;
  if (names > bytes.size()) return std::nullopt;
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  return Request{head.offset, head.length, std::string_view(text, head.path_bytes),
                 std::string_view(text + head.path_bytes, head.to_bytes), bytes.subspan(names)};
}

}  // namespace log_commands
