// A mapped segment. Not inherited by fork (MADV_DONTFORK): a child that could still store to the
// bus would be a participant that nobody can see die.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "segment/file.hpp"
#include "shmbus/error.hpp"

namespace shmbus::segment {

class Mapping {
 public:
  Mapping() noexcept;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  /// Maps the first `bytes` of the file through its own open file description.
  static Result<Mapping> map(const File& file, std::uint64_t bytes, bool writable) noexcept;

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return bytes_; }

  /// Forget the mapping without unmapping it: in a forked child those addresses are not ours.
  void abandon() noexcept;

 private:
  struct Region;
  std::unique_ptr<Region> region_;
  std::byte* data_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace shmbus::segment
