// The file of a plug-in: a private copy of it in memory, which cannot change while it is in use,
// and under which the same path can be loaded again beside it; and the code that is mapped from it.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

#include "shmbus/plugin.h"

namespace shmbus::cli::host {

/// Why a plug-in does not come to serve, for people.
class PluginError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Image {
 public:
  Image() noexcept = default;
  /// Of a file that only this user and root can change or replace: see trusted_file.hpp.
  /// PluginError otherwise.
  static Image copy_of(const std::string& path);
  /// One that was handed over, as to a trial process.
  explicit Image(int fd) noexcept : fd_(fd) {}
  Image(Image&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Image& operator=(Image&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  ~Image();

  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

/// Mapped code. The image stays open as long: the loader knows it by its descriptor's path.
class Library {
 public:
  Library() noexcept = default;
  /// Resolves everything now; PluginError with the loader's words.
  explicit Library(Image image);
  Library(Library&& other) noexcept
      : image_(std::move(other.image_)), handle_(std::exchange(other.handle_, nullptr)) {}
  Library& operator=(Library&& other) noexcept;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() { (void)close(); }

  /// Its table, of our ABI and complete. PluginError otherwise.
  [[nodiscard]] const shmbus_plugin& table() const;
  /// False when its code stays mapped: it has unique symbols, or a thread still has thread-local
  /// objects of it.
  bool close() noexcept;

 private:
  Image image_;
  void* handle_ = nullptr;
};

}  // namespace shmbus::cli::host
