// What a server with workers does otherwise than one without, in the thread that polls it.
#include <algorithm>
#include <utility>

#include "serve/server_core.hpp"
#include "serve/workers.hpp"

namespace shmbus::detail {
namespace {

constexpr std::size_t finish_budget = 256;
constexpr std::uint64_t finish_slice_ns = 1'000'000;

}  // namespace

void ServerCore::start_workers(std::weak_ptr<ServerCore> self) {
  self_ = std::move(self);
  workers_ = std::make_unique<serve::Workers>(*this, options_.workers);
  runner_ = workers_.get();
}

/// Another thread than before polls. With workers it is noted with each poll that the server is to
/// live until that has ended: a handler on a worker may destroy the handle meanwhile.
void ServerCore::begin_serving(std::uint32_t thread) noexcept {
  if (workers_) {
    kept_ = self_.lock();
  } else {
    served_by_.store(thread, std::memory_order_relaxed);
  }
}

/// Workers have room again for what was left in its lane.
void ServerCore::look_for_room() noexcept {
  if (!workers_) return;
  // One-way commands held up a change of hands: now is the moment, before others are taken.
  if (workers_->book().resume() && !check_handovers()) {
    end_loop();
    return;
  }
  for (auto& endpoint : endpoints_) endpoint->queue_waiting();
}

/// Whether one-way commands of workers have to end before the endpoint can be given away: their end
/// is told in a word of the journal that says the same of all that was sent before them.
bool ServerCore::one_way_first() noexcept {
  if (!workers_ || !workers_->book().pause()) return false;
  handover_wanted();
  return true;
}

void ServerCore::show_workers() noexcept try {
  if (!workers_) return;
  for (auto& endpoint : endpoints_) workers_->book().show_at(endpoint->shared().owner.workers);
} catch (...) {
  // Out of memory: the next sweep tries again.
}

void ServerCore::hide_workers(const serve::OwnedEndpoint& endpoint) noexcept {
  if (workers_) workers_->book().hide_at(endpoint.shared().owner.workers);
}

/// Answers of workers may be owed at an endpoint that is about to be let go.
void ServerCore::wait_for_workers(const serve::OwnedEndpoint& endpoint) noexcept {
  if (!workers_) return;
  while (endpoint.owes_answers() && !workers_->book().idle_within(finish_slice_ns)) {
  }
}

/// finish_committed(): also waits for the handlers. What these call in this server itself is run.
void ServerCore::finish_on_workers() {
  for (auto& endpoint : endpoints_) (void)endpoint->sweep(*runner_);
  std::size_t left = std::size_t{bus_->view().capacities().cells_per_lane} * 4;
  while (attachment().intact() && !told_to_end()) {
    const std::size_t ran = left != 0 ? poll_all(std::min(left, finish_budget)) : 0;
    left -= ran;
    if (ran != 0) continue;
    const bool idle = workers_->book().idle_within(finish_slice_ns);
    const bool more = workers_->book().take_left() && left != 0;
    if (more) look_for_room();
    if (idle && !more) return;
  }
}

/// REQUIRES: nothing is taken any more.
void ServerCore::end_workers() noexcept {
  if (!workers_) return;
  std::shared_ptr<serve::StopWatcher> watcher;
  {
    const std::scoped_lock lock(gate_->mutex);
    watcher = gate_->stop_watcher;
  }
  workers_->refuse_rest();
  if (watcher) watcher->shut_down();  // handlers that look at their token end sooner
  workers_->stop();
  for (auto& endpoint : endpoints_) hide_workers(*endpoint);
}

const std::atomic<bool>* ServerCore::ending() const noexcept {
  return workers_ ? &workers_->refusing() : nullptr;
}

bool ServerCore::end_on_worker(std::shared_ptr<ServerCore>& handle) noexcept {
  if (!workers_ || attachment().forked()) return false;
  auto* worker = serve::Workers::on_this_thread(*handle);
  if (worker == nullptr) return false;
  workers_->refuse_rest();
  end_loop();
  mailbox_.ring();
  worker->kept = std::move(handle);
  return true;
}

}  // namespace shmbus::detail
