#pragma once
// What makes counts of instructions repeatable: places of this program's own code that stop in a
// signal handler (int3), natively and under valgrind alike.
//
//   clocks     every instruction that reads the time-stamp counter gets a virtual time instead,
//              which moves by a little for each look. So nothing happens because counting is slow.
//   hand-over  behind the store that commits a call, the caller lets the handler's thread run it:
//              it finds its answer at its first look. Where that is, differs with each build: it is
//              found by single steps (the processor's trap flag; natively only), after each of
//              which the handler's thread polls once.
//
// x86-64 only. One thread at a time may hand over.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <vector>

namespace shmbus::bench {

/// Offsets in this program's image, as objdump prints them.
using Offset = std::uintptr_t;

/// Puts a virtual clock in the place of each of these instructions.
void patch_clocks(const std::vector<Offset>& clocks);

/// While one lives, the virtual time is the real counter: for what compares clocks, as opening a
/// bus does.
class RealTime {
 public:
  RealTime() noexcept;
  RealTime(const RealTime&) = delete;
  RealTime& operator=(const RealTime&) = delete;
  ~RealTime();
};

/// Called where a call is committed; true when the handler ran it. In a signal handler.
using HandOver = std::function<bool()>;

/// Lets the next call stop at each of the places, until `hand_over` returns true.
void arm_hand_over(const std::set<Offset>& places, const HandOver& hand_over);
/// Whether it has not done so since.
[[nodiscard]] bool is_armed() noexcept;
void disarm() noexcept;

/// Runs `run`, which calls step_from_here() somewhere: from there on by single steps, `hand_over`
/// after each of them until it returns true. Returns where that was.
Offset find_hand_over(const std::function<void()>& run, const HandOver& hand_over);
void step_from_here() noexcept;

}  // namespace shmbus::bench
