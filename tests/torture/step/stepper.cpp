#include "torture/step/stepper.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "layout/geometry.hpp"
#include "layout/header.hpp"

namespace shmbus::torture {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto asleep_after = std::chrono::milliseconds(2);
constexpr auto stuck_after = std::chrono::seconds(15);
constexpr std::uint64_t instructions_max = 5'000'000;

/// The child was forked from this process: its code lies at the same addresses.
bool at_system_call(pid_t child) {
#if defined(__x86_64__)
  errno = 0;
  const auto at = static_cast<std::uintptr_t>(
      ::ptrace(PTRACE_PEEKUSER, child, offsetof(user_regs_struct, rip), nullptr));
  unsigned char code[2];
  std::memcpy(code, reinterpret_cast<const void*>(at), sizeof code);
  return code[0] == 0x0F && code[1] == 0x05;
#else
  (void)child;
  return true;
#endif
}

enum class Waited : std::uint8_t { stopped, asleep, gone };

/// Until the step is over, or the child sleeps in its system call.
Waited wait_for_step(pid_t child, bool may_sleep, int& signal) {
  int status = 0;
  const auto until = Clock::now() + asleep_after;
  for (unsigned looks = 0;; ++looks) {
    const pid_t got = ::waitpid(child, &status, may_sleep ? WNOHANG | __WALL : __WALL);
    if (got == child) break;
    if (got < 0 && errno != EINTR) return Waited::gone;
    ::sched_yield();
    if (looks % 16 == 15 && Clock::now() > until) return Waited::asleep;
  }
  if (!WIFSTOPPED(status)) return Waited::gone;
  signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
  return Waited::stopped;
}

}  // namespace

SegmentWatch::~SegmentWatch() {
  if (base_ != nullptr) ::munmap(const_cast<std::byte*>(base_), mapped_);
}

void SegmentWatch::look_for_file() {
  if (base_ != nullptr) return;
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  layout::Header header{};
  if (::pread(fd, &header, sizeof header, 0) == sizeof header && header.magic == layout::magic) {
    const auto geometry = layout::compute_geometry(header.capacities);
    void* base = ::mmap(nullptr, header.segment_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (geometry && base != MAP_FAILED) {
      base_ = static_cast<const std::byte*>(base);
      mapped_ = header.segment_bytes;
      words_ = payload_ ? geometry->extents.end() : geometry->extents.offset;
      last_.assign(base_, base_ + words_);
    }
  }
  ::close(fd);
}

bool SegmentWatch::changed() {
  if (base_ == nullptr || std::memcmp(base_, last_.data(), words_) == 0) return false;
  std::memcpy(last_.data(), base_, words_);
  return true;
}

Walk walk(pid_t child, const Ledger& ledger, SegmentWatch& watch, const Target& target) {
  Walk walk;
  int status = 0;
  if (::waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status)) return walk;
  int signal = 0;
  while (walk.instructions < instructions_max) {
    if (ledger.phase == 1 &&
        (walk.events >= target.events || walk.instructions >= target.instructions)) {
      return walk;
    }
    if (ledger.phase == 2) {
      walk.finished = true;
      return walk;
    }
    const bool call = at_system_call(child);
    if (::ptrace(PTRACE_SINGLESTEP, child, nullptr, signal) != 0) return walk;
    auto waited = wait_for_step(child, call, signal);
    if (waited == Waited::asleep) {
      if (ledger.phase == 1 && ++walk.events >= target.events) return walk;
      const auto until = Clock::now() + stuck_after;
      while (waited == Waited::asleep && Clock::now() < until) {
        waited = wait_for_step(child, call, signal);
      }
      walk.stuck = waited == Waited::asleep;
    }
    if (waited != Waited::stopped) return walk;
    if (ledger.phase != 1) continue;
    ++walk.instructions;
    if (call) watch.look_for_file();
    const bool changed = watch.changed();
    if (call || changed) ++walk.events;
  }
  walk.stuck = true;
  return walk;
}

}  // namespace shmbus::torture
