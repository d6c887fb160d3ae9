#include "serve/job_book.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "os/clock.hpp"

namespace shmbus::serve {
namespace {

constexpr std::uint32_t jobs_per_worker = 8;
constexpr std::uint32_t jobs_min = 32;
/// Few: what is taken counts as started. With twice as many jobs for each worker there is one left
/// for every lane that has none, as long as a worker is.
constexpr std::uint32_t strand_max = 4;

}  // namespace

JobBook::JobBook(detail::ServerCore& core, std::uint32_t workers)
    : strands_(core.attachment().view.capacities().lanes), workers_(workers) {
  const std::size_t count = std::max(jobs_min, workers * jobs_per_worker);
  jobs_.reserve(count);
  while (jobs_.size() < count) {
    jobs_.push_back(std::make_unique<Job>(core));
    free(*jobs_.back());
  }
}

void JobBook::free(Job& job) noexcept {
  job.next = std::exchange(free_, &job);
  ++free_count_;
}

Job* JobBook::reserve(std::uint32_t lane, bool serial) noexcept {
  const std::scoped_lock lock(mutex_);
  const bool strand_full = serial && strands_[lane].taken >= strand_max;
  if (strand_full || paused_ || free_ == nullptr) {
    (strand_full ? strands_[lane].left : left_) = true;
    left_since_ = true;
    return nullptr;
  }
  Job* job = free_;
  free_ = job->next;
  --free_count_;
  return job;
}

void JobBook::put_back(Job& job) noexcept {
  const std::scoped_lock lock(mutex_);
  free(job);
}

Job* JobBook::pop(Strand& strand) noexcept {
  Job* job = strand.first;
  if (job != nullptr) strand.first = job->next;
  return job;
}

void JobBook::push(Strand& strand, Job& job) noexcept {
  job.next = nullptr;
  (strand.first != nullptr ? strand.last->next : strand.first) = &job;
  strand.last = &job;
}

bool JobBook::enter(Job& job) noexcept {
  const std::scoped_lock lock(mutex_);
  Strand& strand = strands_[job.lane->index()];
  if (job.one_way()) {
    strand.sends.push_back(job);
    strand.last_send = job.seq();
    ++sends_;
  }
  if (!job.serial || strand.taken++ == 0) return true;
  push(strand, job);
  return false;
}

void JobBook::begin(Job& job) noexcept {
  const std::scoped_lock lock(mutex_);
  job.began = wait::ticks();
  running_.push_back(job);
  ++busy_;
  show();
}

void JobBook::end_one_way(Job& job) noexcept {
  const std::scoped_lock lock(mutex_);
  Strand& strand = strands_[job.lane->index()];
  strand.sends.remove(job);
  --sends_;
  const Job* oldest = strand.sends.first();
  job.lane->mark_done(oldest != nullptr ? oldest->seq() - 1 : strand.last_send);
}

bool JobBook::made_room() noexcept {
  if (paused_ ? sends_ != 0 : free_count_ < jobs_.size() / 4) return false;
  return std::exchange(left_, false);
}

JobBook::Finished JobBook::finish(Job& job) noexcept {
  const std::scoped_lock lock(mutex_);
  running_.remove(job);
  --busy_;
  show();
  Finished finished{nullptr, false};
  if (job.serial) {
    Strand& strand = strands_[job.lane->index()];
    --strand.taken;
    finished.next = pop(strand);
    if (strand.taken <= strand_max / 2) finished.room = std::exchange(strand.left, false);
  }
  free(job);
  finished.room = made_room() || finished.room;
  if (free_count_ == jobs_.size()) idle_.notify_all();
  return finished;
}

bool JobBook::pause() noexcept {
  const std::scoped_lock lock(mutex_);
  paused_ = sends_ != 0;
  if (paused_) left_ = true;
  return paused_;
}

bool JobBook::resume() noexcept {
  const std::scoped_lock lock(mutex_);
  return std::exchange(paused_, false);
}

bool JobBook::idle_within(std::uint64_t ns) noexcept {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, std::chrono::nanoseconds(ns),
                        [this] { return free_count_ == jobs_.size(); });
}

bool JobBook::take_left() noexcept {
  const std::scoped_lock lock(mutex_);
  return std::exchange(left_since_, false);
}

void JobBook::show_at(layout::Word64& word) {
  const std::scoped_lock lock(mutex_);
  if (std::find(shown_at_.begin(), shown_at_.end(), &word) != shown_at_.end()) return;
  shown_at_.push_back(&word);
  show();
}

void JobBook::hide_at(layout::Word64& word) noexcept {
  const std::scoped_lock lock(mutex_);
  if (std::erase(shown_at_, &word) != 0) word.store(0, std::memory_order_relaxed);
}

void JobBook::show() noexcept {
  const Job* oldest = running_.first();
  const auto word =
      layout::WorkersWord::make(oldest != nullptr ? oldest->began : 0, busy_, workers_);
  for (auto* at : shown_at_) at->store(word.bits, std::memory_order_relaxed);
}

}  // namespace shmbus::serve
