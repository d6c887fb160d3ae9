// What stands behind the handles of shmbus.h, and how its errors and options pass.
//
// Loans, pending calls and replies are nodes of their caller, which keeps the used ones in lists of
// its own: once warm, nothing is allocated. All of them belong to the thread of the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "shmbus/bus.hpp"
#include "shmbus/shmbus.h"

namespace shmbus::capi {

/// Copies `error` out; returns its kind.
[[gnu::cold, gnu::noinline]] int told(shmbus_error_t* out, const Error& error) noexcept;
[[gnu::cold, gnu::noinline]] int refuse(shmbus_error_t* out, ErrorKind kind,
                                        std::string_view text) noexcept;
/// A NULL where there has to be something.
[[gnu::cold, gnu::noinline]] int no_argument(shmbus_error_t* out) noexcept;
/// An Error as a program hands it back.
Error error_of(const shmbus_error_t& error) noexcept;

template <class T>
int told(shmbus_error_t* out, const Result<T>& result) noexcept {
  if (result) [[likely]]
    return SHMBUS_OK;
  return told(out, result.error());
}

/// NULL is an empty text.
inline std::string_view view_of(const char* text) noexcept {
  return text == nullptr ? std::string_view{} : std::string_view{text};
}
template <std::size_t N>
void copy_text(char (&out)[N], std::string_view text) noexcept {  // NOLINT: an array of C
  const std::size_t bytes = text.size() < N ? text.size() : N - 1;
  if (bytes != 0) std::memcpy(out, text.data(), bytes);
  out[bytes] = '\0';
}

/// `out` becomes what a program gave, 0 where it gave less. False: it gave more than is known here.
bool read_options(const void* given, void* out, std::size_t bytes) noexcept;
int bad_options(shmbus_error_t* out) noexcept;

/// As an enumeration that begins with 0 and has `count` values.
template <class E>
bool read_enum(std::int32_t given, std::int32_t count, E& out) noexcept {
  if (given < 0 || given >= count) return false;
  out = static_cast<E>(given);
  return true;
}

/// Of a schema's text, kept until the process ends: servers hold views into it. No text: bytes.
Result<Schema> schema_of_text(const char* text) noexcept;

inline std::span<const std::byte> bytes_of(const void* data, std::size_t size) noexcept {
  return {static_cast<const std::byte*>(data), size};
}
inline std::span<std::byte> bytes_of(void* data, std::size_t size) noexcept {
  return {static_cast<std::byte*>(data), size};
}
inline Duration duration_of(std::int64_t ns) noexcept { return Duration(ns); }
static_assert(forever == Duration(SHMBUS_FOREVER));
static_assert(default_timeout == Duration(SHMBUS_DEFAULT_TIMEOUT));

/// Nodes that are not in use.
template <class Node>
class Nodes {
 public:
  Nodes() noexcept = default;
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;
  ~Nodes() {
    while (free_ != nullptr) delete std::exchange(free_, free_->next);
  }
  /// Null when there is no memory.
  Node* take() noexcept {
    if (free_ == nullptr) [[unlikely]]
      return new (std::nothrow) Node;
    return std::exchange(free_, free_->next);
  }
  void put(Node* node) noexcept {
    node->next = free_;
    free_ = node;
  }

 private:
  Node* free_ = nullptr;
};

}  // namespace shmbus::capi

struct shmbus_loan_t {
  shmbus::Loan value;
  shmbus_caller_t* owner = nullptr;
  shmbus_loan_t* next = nullptr;
};
struct shmbus_pending_t {
  shmbus::Pending value;
  shmbus_caller_t* owner = nullptr;
  shmbus_pending_t* next = nullptr;
};
struct shmbus_reply_t {
  shmbus::ReplyView value;
  shmbus_caller_t* owner = nullptr;
  shmbus_reply_t* next = nullptr;
};

struct shmbus_bus_t {
  shmbus::Bus bus;
  std::string path;
};

struct shmbus_caller_t {
  shmbus::RawCaller raw;
  std::uint32_t handles = 1;  ///< itself, and what was made with it and is in use
  std::uint32_t pending = 0;
  shmbus_lost_t lost{};
  shmbus::capi::Nodes<shmbus_loan_t> loans;
  shmbus::capi::Nodes<shmbus_pending_t> calls;
  shmbus::capi::Nodes<shmbus_reply_t> replies;
};

struct shmbus_server_t {
  shmbus::Server server;
  std::stop_source stop;
};

struct shmbus_context_t {
  shmbus::Context* context;
  shmbus::Status status;
  bool deferred = false;
};

struct shmbus_responder_t {
  shmbus::Responder responder;
};

struct shmbus_watch_t {
  shmbus::NameWatch watch;
  std::vector<shmbus::NameChange> untold;  ///< found no room in the last poll, oldest first
};
