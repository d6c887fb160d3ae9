// A bus of a test's own: a path that nobody else uses, gone when the test is over.
#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "session/core.hpp"
#include "support/catch.hpp"

namespace shmbus::test {

/// A file path for a bus in `folder`; never the default bus, removed at the end.
class TempBus {
 public:
  explicit TempBus(const std::string& folder = "/dev/shm") {
    static std::atomic<int> counter{0};
    path_ = folder + "/shmbus-test." + std::to_string(::getpid()) + "." +
            std::to_string(counter.fetch_add(1));
  }
  TempBus(const TempBus&) = delete;
  TempBus& operator=(const TempBus&) = delete;
  ~TempBus() {
    // Only the process that made it: a forked child may run this destructor too.
    if (::getpid() == maker_) ::unlink(path_.c_str());
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  pid_t maker_ = ::getpid();
};

/// A folder under /tmp, removed with what is in it.
class TempFolder {
 public:
  TempFolder() {
    std::string name = "/tmp/shmbus-test.XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) name.clear();
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    if (!path_.empty() && ::getpid() == maker_) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  pid_t maker_ = ::getpid();
};

/// A few of everything: tables that a test can fill.
inline OpenOptions small_bus() {
  OpenOptions options;
  options.capacities = {.participants = 8,
                        .names = 16,
                        .endpoints = 4,
                        .lanes = 8,
                        .cells_per_lane = 8,
                        .inbox_slots = 8,
                        .extents = 8,
                        .extent_bytes = 4096};
  return options;
}

/// One participant, with the private view of the library.
inline std::shared_ptr<detail::BusCore> join(const std::string& path,
                                             const OpenOptions& options = small_bus()) {
  auto core = detail::BusCore::open(path, {options, false});
  if (!core) FAIL(core.error().message.view());
  return *core;
}

/// What went wrong, for INFO and CHECK messages.
inline std::string describe(const Error& error) {
  return std::string(to_string(error.kind)) + ": " + std::string(error.message.view());
}
template <class T>
std::string describe(const Result<T>& result) {
  return result ? "ok" : describe(result.error());
}
template <class T>
ErrorKind kind(const Result<T>& result) {
  return result ? ErrorKind::none : result.error().kind;
}

}  // namespace shmbus::test

#define CHECK_OK(result)                                                               \
  do {                                                                                 \
    const auto& check_ok_result = (result);                                            \
    if (!check_ok_result) FAIL_CHECK(shmbus::test::describe(check_ok_result.error())); \
  } while (false)

/// For results that carry their own explanation.
#define REQUIRE_OK(result)                                                           \
  do {                                                                               \
    const auto& require_ok_result = (result);                                        \
    if (!require_ok_result) FAIL(shmbus::test::describe(require_ok_result.error())); \
  } while (false)
