// A file system of SQLite in memory that can lose power: then of what was written since the last
// sync of a file, any part may be on the disk, in sectors, in any order.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace shmbus::test {

class MemoryFiles {
 public:
  struct File {
    std::string now;
    std::string synced;
    struct Write {
      std::size_t at = 0;
      std::string data;
    };
    std::vector<Write> since;
    bool on_disk = false;  ///< it was synced once, so its name is there
  };

  /// Registers it as the VFS "memory"; one at a time.
  MemoryFiles();
  ~MemoryFiles();
  MemoryFiles(const MemoryFiles&) = delete;
  MemoryFiles& operator=(const MemoryFiles&) = delete;

  void put(const std::string& path, std::string content);
  /// The power goes with the n-th write or sync from now on.
  void lose_power_after(std::uint64_t operations) noexcept { left_ = operations; }
  [[nodiscard]] bool off() const noexcept { return left_ == 0; }
  /// What is on the disk then.
  [[nodiscard]] std::map<std::string, std::string> disk(std::minstd_rand& random) const;

  // For the VFS.
  bool spend() noexcept {
    if (left_ > 0) --left_;
    return left_ > 0;
  }
  std::map<std::string, File> files;

 private:
  std::uint64_t left_ = ~std::uint64_t{0};
};

}  // namespace shmbus::test
