// What stands behind the handles of shmbus.h, and how its errors and options pass.
//
// Loans, pending calls and replies are nodes of their caller, which keeps the used ones in lists of
// its own: once warm, nothing is allocated. All of them belong to the thread of the caller.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "shmbus/bus.hpp"
#include "shmbus/shmbus.h"
#include "shmbus/signals.hpp"
#include "shmbus/stream.hpp"

namespace shmbus::capi {

/// Copies `error` to the program's struct, as far as that goes; returns its kind.
[[gnu::cold, gnu::noinline]] int report(shmbus_error_t* out, const Error& error) noexcept;
[[gnu::cold, gnu::noinline]] int refuse(shmbus_error_t* out, ErrorKind kind,
                                        std::string_view text) noexcept;
/// A NULL where there has to be something.
[[gnu::cold, gnu::noinline]] int no_argument(shmbus_error_t* out) noexcept;
/// An Error as a program hands it back.
Error error_of(const shmbus_error_t& error) noexcept;

template <class T>
int report(shmbus_error_t* out, const Result<T>& result) noexcept {
  if (result) [[likely]]
    return SHMBUS_OK;
  return report(out, result.error());
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
/// As much as the program's struct has room for.
template <class T>
bool write_out(T value, T* out) noexcept {
  if (out->size < sizeof out->size) return false;
  value.size = out->size;
  std::memcpy(out, &value, std::min(out->size, sizeof value));
  return true;
}

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

/// A handle with a value, which it has only while it is in use. The result that the library returns
/// is made in its place: moving it would be the larger part of what this interface costs.
template <class Self, class Value>
struct Node {
  Node() noexcept {}   // NOLINT: makes no result
  ~Node() noexcept {}  // NOLINT: nor ends one
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  [[nodiscard]] Value& value() noexcept { return *result; }
  [[nodiscard]] const Value& value() const noexcept { return *result; }
  union {
    Result<Value> result;
  };
  shmbus_caller_t* owner = nullptr;
  Self* next = nullptr;
};

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

/// A {context, call, drop} of C, dropped once.
template <class C>
class Closure {
 public:
  explicit Closure(const C* closure) noexcept : closure_(closure == nullptr ? C{} : *closure) {}
  Closure(Closure&& other) noexcept : closure_(std::exchange(other.closure_, C{})) {}
  Closure(const Closure&) = delete;
  Closure& operator=(const Closure&) = delete;
  Closure& operator=(Closure&&) = delete;
  ~Closure() {
    if (closure_.drop != nullptr) closure_.drop(closure_.context);
  }
  [[nodiscard]] bool callable() const noexcept { return closure_.call != nullptr; }

 protected:
  C closure_;
};

}  // namespace shmbus::capi

struct shmbus_loan_t : shmbus::capi::Node<shmbus_loan_t, shmbus::Loan> {};
struct shmbus_pending_t : shmbus::capi::Node<shmbus_pending_t, shmbus::Pending> {};
struct shmbus_reply_t : shmbus::capi::Node<shmbus_reply_t, shmbus::ReplyView> {};

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

/// One of its caller's handles, as loans are.
struct shmbus_stream_t {
  shmbus::RawStream stream;
  shmbus_caller_t* owner;
};

struct shmbus_publisher_t {
  shmbus::RawPublisher publisher;
  std::optional<shmbus::EventLoan> loan{};
};
struct shmbus_subscriber_t {
  shmbus::RawSubscriber subscriber;
  std::optional<shmbus::EventView> held{};
};

struct shmbus_writer_t {
  shmbus::RawWriter end;
};
struct shmbus_reader_t {
  shmbus::RawReader end;
};

struct shmbus_server_t {
  struct RequestStop {
    std::stop_source& stop;
    void operator()() const noexcept { (void)stop.request_stop(); }
  };
  shmbus::Server server;
  std::stop_source stop;
  std::optional<shmbus::StopOnSignals> signals{};
  std::optional<std::stop_callback<RequestStop>> on_signal{};
};

struct shmbus_context_t {
  explicit shmbus_context_t(shmbus::Context& running) noexcept : context(&running) {}
  void refuse(const shmbus::Status& why) noexcept {
    std::construct_at(&status, why);
    refused = true;
  }
  shmbus::Context* context;
  bool deferred = false;
  bool refused = false;  ///< and then there is a status
  union {
    shmbus::Status status;
  };
};

struct shmbus_responder_t {
  shmbus::Responder responder;
};

struct shmbus_watch_t {
  shmbus::NameWatch watch;
  std::vector<shmbus::NameChange> undelivered;  ///< found no room in the last poll, oldest first
};

namespace shmbus::capi {

[[gnu::cold, gnu::noinline]] int no_node(shmbus_error_t* error) noexcept;
/// Ends one of the handles of a caller; the last one ends the caller.
void let_go(shmbus_caller_t* caller) noexcept;

/// NULL stands for no bytes.
inline bool readable(const void* data, std::size_t size) noexcept {
  return data != nullptr || size == 0;
}

/// Makes a handle of what `make` returns. Without memory for the handle, `make` is not called.
template <class Handle, class F>
int hand_out(shmbus_caller_t* owner, Nodes<Handle>& nodes, Handle** out, shmbus_error_t* error,
             F&& make) noexcept {
  auto* const node = nodes.take();
  if (node == nullptr) [[unlikely]]
    return no_node(error);
  ::new (static_cast<void*>(&node->result)) decltype(node->result)(make());
  if (!node->result) [[unlikely]] {
    const int kind = report(error, node->result.error());
    std::destroy_at(&node->result);
    nodes.put(node);
    return kind;
  }
  node->owner = owner;
  ++owner->handles;
  *out = node;
  return SHMBUS_OK;
}

/// A handler of C, as one of C++.
class HandlerClosure : public Closure<shmbus_handler_t> {
 public:
  using Closure::Closure;
  Status operator()(Context& context) {
    shmbus_context_t command(context);
    closure_.call(closure_.context, &command);
    if (command.refused && !command.deferred) [[unlikely]]
      return command.status;
    return Status::ok();
  }
};

}  // namespace shmbus::capi
