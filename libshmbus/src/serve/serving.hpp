// Which servers this process has, and which thread serves each.
#pragma once

#include "trace/current_command.hpp"

namespace shmbus::detail {

class ServerCore;

/// While one lives, the calling thread polls that server: its handlers, its tasks, and what they do
/// run inside.
class Serving {
 public:
  explicit Serving(ServerCore& core) noexcept;
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;
  ~Serving() { this_thread.serving = before_; }

  [[nodiscard]] ServerCore& core() const noexcept { return *core_; }
  [[nodiscard]] const Serving* before() const noexcept { return before_; }

 private:
  ServerCore* core_;
  const Serving* before_;
};

/// The calling thread polls it just now.
[[nodiscard]] bool is_serving(const ServerCore& core) noexcept;

/// In the list of this process's servers.
class Listed {
 public:
  explicit Listed(ServerCore& core) noexcept;
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;
  ~Listed() { leave(); }
  /// Nobody finds the server from here on.
  void leave() noexcept;

 private:
  friend struct Servers;
  ServerCore* core_;
  Listed* next_ = nullptr;
  bool listed_ = true;
};

}  // namespace shmbus::detail
