#pragma once
// A daemon that a peer needs: started when first used, told to end when the suite does.

#include <string>
#include <vector>

#include <sys/types.h>

namespace shmbus::bench {

class DaemonProcess {
 public:
  /// Starts it and waits until a line of its output contains `ready`. Throws Unavailable otherwise.
  DaemonProcess(const std::vector<std::string>& command, const std::string& ready);
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  /// The line that said that it was ready.
  [[nodiscard]] const std::string& ready_line() const noexcept { return ready_line_; }

 private:
  pid_t owner_;
  pid_t pid_ = -1;
  int output_ = -1;
  std::string ready_line_;
};

}  // namespace shmbus::bench
