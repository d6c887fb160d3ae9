#include "serve/workers.hpp"

#include <utility>

#include "base/testpoint.hpp"
#include "os/scoped_signal_mask.hpp"
#include "serve/server_core.hpp"

namespace shmbus::serve {
namespace {

constexpr std::uint32_t serving_thread = 0;  // its number in the queue
constexpr std::uint64_t stop_slice_ns = 100'000'000;

}  // namespace

Workers::Workers(detail::ServerCore& core, std::uint32_t count)
    : core_(core),
      book_(core, count),
      // Room for what ends the workers, too.
      queue_(book_.jobs() + count, count + 1),
      parallel_(core.attachment().view.capacities().names) {
  workers_.reserve(count);
  try {
    while (workers_.size() < count) {
      auto& worker = *workers_.emplace_back(std::make_unique<Worker>(core.attachment().time_all));
      worker.workers = this;
      worker.producer = static_cast<std::uint32_t>(workers_.size());
      start(worker);
    }
  } catch (...) {
    stop();
    throw;
  }
}

Workers::~Workers() { stop(); }

void Workers::start(Worker& worker) {
  const wait::ScopedSignalMask blocked;
  worker.thread = std::thread([this, &worker] { work(worker); });
}

void Workers::handover_wanted() noexcept { core_.handover_wanted(); }

std::size_t Workers::run_queued(OwnerLane& lane, std::size_t limit) {
  std::size_t taken = 0;
  for (; taken < limit; ++taken) {
    const auto name = lane.next_name();
    if (!name || !prepare(lane, *name)) break;
    const bool serial = *name >= parallel_.size() || parallel_[*name] == Parallel::no;
    Job* job = book_.reserve(lane.index(), serial);
    if (job == nullptr) break;
    job->serial = serial;
    if (!take(lane, *job)) {
      book_.put_back(*job);
      break;
    }
    if (book_.enter(*job)) queue_.put(serving_thread, job);
  }
  return taken;
}

/// What asks for memory, once for each lane and name. Without it the commands stay where they are.
bool Workers::prepare(OwnerLane& lane, std::uint32_t record) noexcept {
  if (lane.deferred && core_.handlers_.has_life(record)) return true;
  const auto prepared = detail::without_throwing([&]() -> Result<void> {
    if (!lane.deferred) lane.deferred = std::make_shared<std::atomic<std::uint32_t>>(0);
    (void)core_.handler_life(record);
    return {};
  });
  return prepared.has_value();
}

bool Workers::take(OwnerLane& lane, Job& job) noexcept {
  lane.deferred->fetch_add(1, std::memory_order_relaxed);
  if (lane.take(job.call.taken) != TakeResult::taken || !core_.guard_->was_intact()) {
    lane.deferred->fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  SHMBUS_TESTPOINT("command.started");
  job.lane = lane;
  const auto* entry = core_.handlers_.find(job.call.taken.word().code());
  job.handler = entry != nullptr ? entry->handler.ref() : detail::Handler::Ref();
  if (entry != nullptr) {
    job.life = core_.handlers_.known_life(job.call.taken.word().code());
    job.stats = entry->stats;
  }
  return true;
}

// --- the end ---------------------------------------------------------------------------------

Worker* Workers::on_this_thread(const detail::ServerCore& core) noexcept {
  if (core.workers_ == nullptr) return nullptr;
  auto& workers = *core.workers_;
  const std::scoped_lock lock(workers.threads_mutex_);
  for (const auto& worker : workers.workers_) {
    if (worker->thread.get_id() == std::this_thread::get_id()) return worker.get();
  }
  return nullptr;
}

void Workers::stop() noexcept {
  if (workers_.empty()) return;
  refuse_rest();
  while (!book_.idle_within(stop_slice_ns)) {
  }
  { const std::scoped_lock lock(threads_mutex_); }  // no thread is being replaced: see abandon()
  for (std::size_t i = 0; i < workers_.size(); ++i) queue_.put(serving_thread, nullptr);
  for (auto& worker : workers_) {
    if (!worker->thread.joinable()) continue;
    if (worker->thread.get_id() == std::this_thread::get_id()) {
      worker->thread.detach();  // it looks at nothing of this any more: see work()
    } else {
      worker->thread.join();
    }
  }
  workers_.clear();
}

}  // namespace shmbus::serve
