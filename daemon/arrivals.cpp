#include "daemon/arrivals.hpp"

#include <concurrentqueue.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "os/descriptor.hpp"
#include "os/futex.hpp"

namespace shmbus::daemon {
namespace {

constexpr Nanos slice = second;
constexpr auto breather = std::chrono::milliseconds(1);
constexpr std::size_t queue_capacity = 64;

}  // namespace

Result<std::unique_ptr<Arrivals>> Arrivals::watch(layout::Word32& word) {
  Descriptor event{descriptor::event(0, EFD_NONBLOCK)};
  if (!event.valid()) return fail(ErrorKind::bus_unusable, "cannot make an eventfd", errno);
  std::unique_ptr<Arrivals> arrivals(new Arrivals(std::move(event), word));
  try {
    arrivals->thread_ = std::thread([raw = arrivals.get()] { raw->run(); });
  } catch (const std::system_error& e) {
    return fail(ErrorKind::bus_unusable, "cannot start a thread", e.code().value());
  }
  return arrivals;
}

Arrivals::Arrivals(Descriptor event, layout::Word32& word)
    : event_(std::move(event)), word_(&word), queue_(std::make_unique<Queue>(queue_capacity)) {}

Arrivals::~Arrivals() {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_release);  // SYNC arrivals.stop
  wait::bump_and_wake(*word_);
  thread_.join();
}

void Arrivals::drain(std::vector<Event>& out) {
  eventfd_t count = 0;
  (void)::eventfd_read(event_.get(), &count);  // before the queue: what comes later is readable
  Event next;
  while (queue_->try_dequeue(next)) out.push_back(std::move(next));
}

void Arrivals::run() noexcept {
  std::uint32_t seen = word_->load(std::memory_order_acquire);  // SYNC wait.event
  while (!stopping_.load(std::memory_order_acquire)) {          // SYNC arrivals.stop
    wait::futex_wait(*word_, seen, slice);
    const std::uint32_t now = word_->load(std::memory_order_acquire);  // SYNC wait.event
    if (now == seen) continue;
    // No room: come back after the breather, with `seen` as it is.
    if (queue_->try_enqueue(Event{event::Arrival{}})) seen = now;
    (void)::eventfd_write(event_.get(), 1);
    std::this_thread::sleep_for(breather);
  }
}

}  // namespace shmbus::daemon
