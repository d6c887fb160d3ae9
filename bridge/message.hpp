// A message of the engine, and what the bridge's protocol writes into its headers.
#pragma once

#include <nats/nats.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shmbus/error.hpp"

namespace shmbus::bridge {

/// Headers. docs/fleet.md says what each holds.
namespace header {
inline constexpr const char* from = "Shmbus-From";        ///< id of the sending bridge
inline constexpr const char* path = "Shmbus-Path";        ///< machines passed so far
inline constexpr const char* sent = "Shmbus-Sent";        ///< sender's monotonic clock, ns
inline constexpr const char* left = "Shmbus-Left";        ///< ns before the deadline
inline constexpr const char* label = "Shmbus-Label";      ///< of the caller
inline constexpr const char* attempt = "Shmbus-Attempt";  ///< if it is not the first
inline constexpr const char* schema = "Shmbus-Schema";    ///< hash of the types, hexadecimal
inline constexpr const char* room = "Shmbus-Room";        ///< bytes for the reply
inline constexpr const char* one_way = "Shmbus-One-Way";  ///< no reply is wanted
inline constexpr const char* size = "Shmbus-Size";        ///< of a payload in parts
inline constexpr const char* at = "Shmbus-At";            ///< where this part begins
inline constexpr const char* go_on = "Shmbus-Go-On";      ///< subject for the other parts
inline constexpr const char* cancel = "Shmbus-Cancel";    ///< reply subject of the call
inline constexpr const char* kind = "Shmbus-Error";       ///< name of the kind
inline constexpr const char* code = "Shmbus-Code";
inline constexpr const char* never_ran = "Shmbus-Never-Ran";
inline constexpr const char* needed = "Shmbus-Needed";
inline constexpr const char* retry = "Shmbus-Retry-After";  ///< ns
inline constexpr const char* causes = "Shmbus-Causes";      ///< hexadecimal
inline constexpr const char* trace = "traceparent";
inline constexpr const char* content = "Content-Type";
inline constexpr const char* service_error = "Nats-Service-Error";
inline constexpr const char* service_code = "Nats-Service-Error-Code";
}  // namespace header

class Message {
 public:
  Message() noexcept = default;
  explicit Message(natsMsg* message) noexcept : message_(message) {}
  /// Not valid() when there is no memory, or the subject is none.
  Message(const std::string& subject, const std::string& reply, std::span<const std::byte> body);

  [[nodiscard]] bool valid() const noexcept { return message_ != nullptr; }
  [[nodiscard]] natsMsg* get() const noexcept { return message_.get(); }
  [[nodiscard]] std::string_view subject() const noexcept;
  /// Empty when no reply is wanted.
  [[nodiscard]] std::string_view reply() const noexcept;
  [[nodiscard]] std::span<const std::byte> body() const noexcept;
  [[nodiscard]] std::string_view text() const noexcept;
  /// The engine's notice that a request had no subscriber.
  [[nodiscard]] bool no_responders() const noexcept {
    return natsMsg_IsNoResponders(message_.get());
  }
  /// Empty when there is none of that name. Valid while the message is.
  [[nodiscard]] std::string_view get(const char* name) const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> number(const char* name, int base = 10) const noexcept;
  Message& set(const char* name, const std::string& value) noexcept;
  Message& set(const char* name, std::uint64_t value) noexcept;

 private:
  struct Destroy {
    void operator()(natsMsg* message) const noexcept { natsMsg_Destroy(message); }
  };
  std::unique_ptr<natsMsg, Destroy> message_;
};

/// An error of a call that was not run.
Error unrun(ErrorKind kind, std::string_view text) noexcept;
/// An answer that is an error: kind, code, causes and all in headers, the words in the body.
Message error_answer(const std::string& to, const Error& error);
/// The error that an answer holds; nothing when it is a reply.
std::optional<Error> error_in(const Message& answer);

/// A value of a header: printable ASCII, everything else as %XX; at most 256 bytes of `text`.
std::string header_text(std::string_view text);
std::string text_of_header(std::string_view value);

}  // namespace shmbus::bridge
