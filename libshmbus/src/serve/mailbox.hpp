// What other threads of this process want done by the thread that serves, between two commands. The
// serving thread learns of it by a bit of a word that its loop looks at anyway, and when it sleeps
// by the bells of its endpoints.
//
// The lock is this process's own, held for a few instructions, never while a task runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "layout/lane.hpp"
#include "shmbus/handler_swap.hpp"

namespace shmbus::serve {

/// Bits of the word that says that something besides commands has come.
namespace loop_flag {
inline constexpr std::uint32_t lost_ownership = 1;  ///< an endpoint was found in other hands; stays
inline constexpr std::uint32_t mail = 2;            ///< look into the mailbox
inline constexpr std::uint32_t removed = 4;         ///< handlers that were removed may go
inline constexpr std::uint32_t room = 8;  ///< workers have room for what was left in its lane
}  // namespace loop_flag

class Mailbox {
 public:
  /// May throw: an empty queue asks for memory.
  explicit Mailbox(std::atomic<std::uint32_t>& loop_flags) : loop_flags_(&loop_flags) {}

  /// Any thread. May throw std::bad_alloc.
  void post(detail::Task task);
  /// The oldest; empty when there is none. The serving thread alone.
  detail::Task next() noexcept;

  /// Makes room for a bell. May throw.
  void expect_bell();
  /// A word on which the serving thread sleeps, from now on. REQUIRES: it was expected.
  void add_bell(layout::Word32& word) noexcept;
  /// Wakes the serving thread, which looks at its news. Any thread.
  void ring() noexcept;
  /// The segment is about to go: nobody rings any more. What was not done never is.
  void close() noexcept;

 private:
  std::atomic<std::uint32_t>* loop_flags_;
  std::mutex mutex_;
  bool open_ = true;
  std::deque<detail::Task> tasks_;
  std::vector<layout::Word32*> bells_;
};

}  // namespace shmbus::serve
