#pragma once
// A fresh path under /tmp for peers that meet at a Unix socket, removed with its folder at the end
// of the round, by the process that made it.

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "harness/round.hpp"

namespace shmbus::bench {

class SocketPath {
 public:
  SocketPath() : owner_(getpid()) {
    char folder[] = "/tmp/shmbus-bench-XXXXXX";
    if (mkdtemp(folder) == nullptr) {
      throw Unavailable("cannot make a folder under /tmp");
    }
    folder_ = folder;
  }
  ~SocketPath() {
    if (getpid() == owner_) {
      std::error_code ignored;
      std::filesystem::remove_all(folder_, ignored);
    }
  }
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;

  [[nodiscard]] std::string path() const { return folder_ + "/socket"; }
  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }

 private:
  pid_t owner_;
  std::string folder_;
};

}  // namespace shmbus::bench
