// The way of answers that are not given by the thread that serves, in the turn of their command:
// deferred ones, and those of workers.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "attach/attachment.hpp"
#include "serve/pending_replies.hpp"
#include "serve/stop_watcher.hpp"

namespace shmbus::detail {

/// Deferred answers may come from any thread, and after the server has gone: they pass through
/// this gate, which closes when the server leaves its endpoint.
struct ReplyGate {
  std::mutex mutex;
  std::atomic<bool> open{true};  ///< closed under the mutex
  std::vector<serve::PendingReplies>
      debts;  ///< where this server was replaced and still owes answers
  std::shared_ptr<serve::StopWatcher> stop_watcher;  ///< made when first asked for
};

/// A token that is stopped when `command` is cancelled; null when there is no memory or thread.
std::unique_ptr<serve::StopWatch> watch_for_stop(ReplyGate& gate,
                                                 const serve::Started& command) noexcept;

/// Stops the draining where the last answer was given. REQUIRES: the gate is locked.
void finish_drain(const Attachment& bus, ReplyGate& gate) noexcept;

/// Commits by `commit()` what is one of the `owed` answers of its lane. False, and nothing is
/// committed, when the server has left: its caller has an error by then.
template <class Commit>
bool answer_through(ReplyGate& gate, const Attachment& bus, std::atomic<std::uint32_t>& owed,
                    Commit commit) noexcept {
  const std::scoped_lock lock(gate.mutex);
  if (!gate.open) return false;
  commit();
  // SYNC deferred: the lane may go free after this.
  owed.fetch_sub(1, std::memory_order_release);
  if (!gate.debts.empty()) finish_drain(bus, gate);
  return true;
}

}  // namespace shmbus::detail
