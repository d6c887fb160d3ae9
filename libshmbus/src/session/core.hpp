// What every handle of one opened bus shares. The last handle to go leaves the bus.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "attach/attachment.hpp"
#include "segment/file.hpp"
#include "segment/mapping.hpp"
#include "segment/slot_mark.hpp"
#include "shmbus/error.hpp"
#include "shmbus/options.hpp"

namespace shmbus::detail {

struct JoinOptions {
  OpenOptions open;
  bool as_daemon = false;  ///< also take the daemon's lock; already_registered when it is taken
};

class ThreadResources;

class BusCore {
 public:
  /// May throw std::bad_alloc.
  static Result<std::shared_ptr<BusCore>> open(std::string_view name_or_path,
                                               const JoinOptions& options);
  BusCore() noexcept;
  BusCore(const BusCore&) = delete;
  BusCore& operator=(const BusCore&) = delete;
  ~BusCore();

  [[nodiscard]] const Attachment& attachment() const noexcept { return attachment_; }
  [[nodiscard]] const segment::View& view() const noexcept { return attachment_.view; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::string& label() const noexcept { return label_; }
  [[nodiscard]] double trace_ratio() const noexcept { return trace_ratio_; }

  /// Keeps what an ended thread had lent to handlers until they have answered. Any thread.
  void leave_behind(std::unique_ptr<ThreadResources> resources) noexcept;
  /// Gives back what of it has been answered meanwhile.
  void settle_left_behind() noexcept;

  /// Why these handles cannot be used. REQUIRES: !attachment().intact()
  [[nodiscard]] tl::unexpected<Error> not_intact() const noexcept;

 private:
  static Result<std::shared_ptr<BusCore>> open_once(std::string_view name_or_path,
                                                    const JoinOptions& options);

  std::string path_;
  std::string label_;
  double trace_ratio_ = 0;
  segment::Mapping mapping_;
  segment::SlotMark mark_;
  std::unique_ptr<liveness::Prober> prober_;
  Attachment attachment_;
  std::mutex left_behind_mutex_;
  std::vector<std::unique_ptr<ThreadResources>> left_behind_;
};

/// Runs `body`, which may allocate, and turns running out of memory into an error.
template <class F>
auto without_throwing(F&& body) noexcept -> decltype(body()) {
  try {
    return body();
  } catch (...) {
    return fail(ErrorKind::overloaded, "out of memory");
  }
}

}  // namespace shmbus::detail
