// A bus opened only to be looked at. The file is opened and mapped read-only, no slot is taken and
// nothing is locked, so a reader cannot disturb anybody, needs no free slot, and works when every
// participant is dead, stopped or faulty.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "os/handle_guard.hpp"
#include "segment/open.hpp"
#include "segment/view.hpp"
#include "shmbus/error.hpp"

namespace shmbus::inspect {

/// What stands at a path, whether it is a usable bus or not.
struct FileReport {
  std::string path;
  int error_number = 0;  ///< why it could not be opened; ENOENT when there is nothing
  bool regular = false;
  std::uint64_t bytes = 0;
  segment::Condition condition = segment::Condition::empty;
  layout::Header header{};

  [[nodiscard]] bool usable() const noexcept {
    return error_number == 0 && regular && condition == segment::Condition::usable;
  }
};
Result<FileReport> look_at(std::string_view name_or_path);

class Reader {
 public:
  /// bus_unusable, with the reason and what to do, for anything but a sound bus of this version.
  static Result<Reader> open(std::string_view name_or_path);
  Reader(Reader&& other) noexcept;
  Reader& operator=(Reader&& other) noexcept;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader();

  [[nodiscard]] const segment::View& view() const noexcept { return view_; }
  [[nodiscard]] const layout::Header& header() const noexcept { return header_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] int fd() const noexcept { return fd_; }

  /// The kernel's word. When it cannot tell, a participant counts as alive.
  [[nodiscard]] bool alive(std::uint32_t participant) const noexcept;
  [[nodiscard]] bool daemon_present() const noexcept;
  /// The path leads to another file by now, or to none.
  [[nodiscard]] bool replaced() const noexcept;
  /// The file was cut short meanwhile: what was read since may be zeros that nobody wrote.
  [[nodiscard]] bool lost() const noexcept { return guard_ != nullptr && guard_->lost(); }

 private:
  Reader() noexcept = default;
  void swap(Reader& other) noexcept;

  std::string path_;
  int fd_ = -1;
  void* base_ = nullptr;
  std::uint64_t bytes_ = 0;
  segment::FileId id_;
  layout::Header header_{};
  segment::View view_;
  liveness::HandleGuard* guard_ = nullptr;
};

}  // namespace shmbus::inspect
