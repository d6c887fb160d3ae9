// A mapped segment. Not inherited by fork (MADV_DONTFORK): a child that could still store to the
// bus would be a participant that nobody can see die.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "os/handle_guard.hpp"
#include "segment/file.hpp"
#include "shmbus/error.hpp"

namespace shmbus::segment {

class Mapping {
 public:
  Mapping() noexcept;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  struct How {
    bool writable = true;
    bool catch_bus_errors = true;  ///< survive a file that is cut short: see bus_error.hpp
  };
  /// Maps the first `bytes` of the file through its own open file description.
  static Result<Mapping> map(const File& file, std::uint64_t bytes, How how) noexcept;

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return bytes_; }
  [[nodiscard]] liveness::HandleGuard* guard() const noexcept { return guard_; }

 private:
  void leave() noexcept;

  struct Region;
  std::unique_ptr<Region> region_;
  liveness::HandleGuard* guard_ = nullptr;
  std::byte* data_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace shmbus::segment
