// Newcomers, noticed at once and for nothing while there are none: a thread sleeps on the bus's
// futex of arrivals and feeds the loop through a queue and an eventfd.
//
// The word is a hint that any process can change or swallow. So a sleep has a limit, the thread
// feeds at most one event per millisecond, and the supervisor's sweep finds whom it missed.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "daemon/messages.hpp"
#include "daemon/program.hpp"
#include "layout/lane.hpp"
#include "shmbus/error.hpp"

// The macros of moodycamel's header stay out of ours.
namespace moodycamel {
struct ConcurrentQueueDefaultTraits;
template <typename T, typename Traits>
class ConcurrentQueue;
}  // namespace moodycamel

namespace shmbus::daemon {

class Arrivals {
 public:
  /// `word` must outlive this object.
  static Result<std::unique_ptr<Arrivals>> watch(layout::Word32& word);
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;
  ~Arrivals();

  /// Readable when there is something to drain.
  [[nodiscard]] int fd() const noexcept { return event_.get(); }
  void drain(std::vector<Event>& out);

 private:
  using Queue = moodycamel::ConcurrentQueue<Event, moodycamel::ConcurrentQueueDefaultTraits>;

  Arrivals(Descriptor event, layout::Word32& word);
  void run() noexcept;

  Descriptor event_;
  layout::Word32* word_;
  std::unique_ptr<Queue> queue_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace shmbus::daemon
