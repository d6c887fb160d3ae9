// What the tool ends with, and how a command gives up. 1 to 18 are the numbers of ErrorKind, which
// never change; the others follow sysexits.h where it has a fitting one.
#pragma once

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "shmbus/error.hpp"

namespace shmbus::cli {

inline constexpr int exit_ok = 0;
inline constexpr int exit_usage = 64;
inline constexpr int exit_findings = 70;
inline constexpr int exit_internal = 71;  ///< the tool itself failed: memory, or a fault of it
inline constexpr int exit_output = 74;    ///< what was printed is lost

/// Ends a command from anywhere inside it. Caught in run() alone.
class Failure : public std::exception {
 public:
  explicit Failure(const Error& error) : error_(error), text_(error.message.view()) {
    if (text_.empty()) text_ = to_string(error_.kind);
  }
  Failure(ErrorKind kind, std::string text) : text_(std::move(text)) { error_.kind = kind; }

  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  [[nodiscard]] int exit_code() const noexcept { return static_cast<int>(error_.kind); }

 private:
  Error error_;
  std::string text_;
};

/// A command line that makes no sense in a way the parser cannot see.
class UsageError : public std::exception {
 public:
  explicit UsageError(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

template <class T>
T value_or_fail(Result<T> result) {
  if (!result) throw Failure(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace shmbus::cli
