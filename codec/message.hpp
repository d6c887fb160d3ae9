// Puts the text of an error together, in memory of its own. What others wrote goes in escaped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shmbus/error.hpp"

namespace shmbus::codec {

class Message {
 public:
  explicit Message(ErrorKind kind) noexcept { error_.kind = kind; }

  /// A text of our own.
  Message& put(std::string_view text) noexcept {
    error_.message.append(text);
    return *this;
  }
  Message& put(std::uint64_t number) noexcept {
    error_.message.append(static_cast<unsigned long long>(number));
    return *this;
  }
  /// A text of others: control characters and what is no UTF-8 become "\xNN".
  Message& foreign(std::string_view text) noexcept;
  /// The same, its first 60 bytes, between quotes.
  Message& quoted(std::string_view text) noexcept;
  Message& needed(std::uint64_t bytes) noexcept {
    error_.needed = bytes;
    return *this;
  }

  [[nodiscard]] tl::unexpected<Error> fail() const noexcept {
    return tl::unexpected<Error>(error_);
  }
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

tl::unexpected<Error> no_memory() noexcept;

/// Bytes of the UTF-8 character that the text begins with; 0 when it begins with none.
std::size_t character_bytes(std::string_view text) noexcept;
bool is_utf8(std::string_view text) noexcept;
/// A character that is not to be seen but acts on what shows it: a control character, or one that
/// turns the direction of what stands around it.
bool steers(std::string_view character) noexcept;

}  // namespace shmbus::codec
