// Running a command on a worker: check, call the handler, answer through the gate, count. As
// run_command.cpp does it on the serving thread, with what belongs to one thread there belonging to
// the job or the worker here.
#include <utility>

#include "base/probes.hpp"
#include "base/testpoint.hpp"
#include "lane/status_kind.hpp"
#include "os/clock.hpp"
#include "serve/server_core.hpp"
#include "serve/workers.hpp"
#include "stats/histogram.hpp"

namespace shmbus::serve {

void Workers::work(Worker& worker) {
  while (Job* job = queue_.take()) {
    while (job != nullptr) {
      run(worker, *job);
      job = finish(worker, *job);
      if (worker.kept == nullptr) continue;
      if (job != nullptr) queue_.put(worker.producer, job);
      // This may be the last that keeps the server, and with it all that is named here.
      const auto last = std::move(worker.kept);
      return;
    }
  }
}

void Workers::run(Worker& worker, Job& job) {
  auto& call = job.call;
  book_.begin(job);
  if (!core_.guard_->was_intact()) return;
  call.turn_to(*job.lane);
  call.begin(call.taken.word());
  call.life = &job.life;
  look_for_taps(worker);
  call.observed.wish = worker.wish;
  const detail::ScopedCurrentCommand here(&call);
  const bool known = job.handler && !refusing_.load(std::memory_order_relaxed);
  const StatusCode why = known ? core_.refusal_here(call) : StatusCode::not_registered;
  if (why != StatusCode::ok) {
    refuse(job, why);
    return;
  }
  if (call.taken.head().has(layout::cell_flags::stamped)) {
    const std::scoped_lock lock(core_.gate_->mutex);
    core_.note_time_queued(call, *job.stats);
  }
  call.slow_path = true;  // the lane's next command is not for this thread to take: take_next()
  const bool sampled = worker.sampler.due();
  const std::uint64_t began = sampled ? core_.begin_observed(call) : 0;
  probes::start(call.target.lane_index, call.target.seq, call.request.size());
  const Status status = call_handler(worker, job);
  SHMBUS_TESTPOINT("command.ran");
  end(worker, job, status, sampled, began);
}

/// What leaves a handler otherwise than by its end is the thread itself, as in run_command.cpp.
Status Workers::call_handler(Worker& worker, Job& job) {
  Context context(job.call);
#if defined(__cpp_exceptions)
  try {
    return job.handler(context);
  } catch (...) {
    abandon(worker, job);
    throw;
  }
#else
  return job.handler(context);
#endif
}

/// Commits the answer, which is one that the lane is owed. `commit` runs under the gate's lock.
template <class Commit>
void Workers::answer(Job& job, Commit commit) noexcept {
  auto& call = job.call;
  (void)detail::answer_through(*core_.gate_, core_.attachment(), *job.lane->deferred, [&] {
    commit();
    if (call.one_way) book_.end_one_way(job);
  });
}

void Workers::end(Worker& worker, Job& job, const Status& status, bool sampled,
                  std::uint64_t began) {
  auto& call = job.call;
  core_.before_answer(call, status);
  const std::uint64_t ended = sampled ? wait::ticks() : 0;
  answer(job, [&] {
    if (!call.one_way && !call.deferred) call.target.commit_status(status);
    auto& stats = *job.stats;
    stats::add(stats.commands, 1);
    stats::add(stats.bytes_in, call.request.size());
    stats::add(stats.bytes_out, call.target.size);
    if (!status.is_ok()) stats::add(stats.errors, 1);
    if (!sampled) return;
    stats::record(stats.service_ns, core_.attachment().rate.to_ns(ended - began));
    stats::add(stats.sampled, 1);
  });
  const bool too_large = call.target.needed != 0;
  if (sampled || !status.is_ok()) {
    core_.observe(call, too_large ? StatusCode::reply_too_large : code_of(status),
                  static_cast<std::uint32_t>(status.code()), began,
                  sampled ? ended : wait::ticks());
    look_for_taps(worker);
  }
  call.end();
}

void Workers::refuse(Job& job, StatusCode why) noexcept {
  auto& call = job.call;
  const std::uint32_t record = call.taken.word().code();
  call.slow_path = true;
  if (why == StatusCode::malformed || !core_.locate_memory(call)) call.request = {};
  core_.keep_request(call);
  if (call.span) call.end_span(detail::kind_of(why), 0);
  answer(job, [&] {
    if (record < parallel_.size()) stats::add(core_.bus_->view().name_stats(record).expired, 1);
    if (call.one_way) call.lane->count_send_answer();
    call.target.commit_code(why);
  });
  core_.observe(call, why, 0, 0, wait::ticks());
  call.end();
}

/// The thread ends in a handler: the caller gets `abandoned`, and another thread works in its
/// place.
void Workers::abandon(Worker& worker, Job& job) {
  auto& call = job.call;
  call.token.reset();
  answer(job, [&] {
    if (call.one_way) call.lane->count_send_answer();
    if (!call.deferred) call.target.commit_code(StatusCode::abandoned);
  });
  // Under one lock: stop(), which has waited for the job, finds the new thread.
  const std::scoped_lock lock(threads_mutex_);
  if (Job* next = finish(worker, job)) queue_.put(worker.producer, next);
  worker.thread.detach();
  start(worker);
}

Job* Workers::finish(Worker& worker, Job& job) {
  job.life.reset();  // a handler that was exchanged may go with it
  const auto finished = book_.finish(job);
  if (finished.room) {
    // SYNC serve.mail
    core_.loop_flags_.fetch_or(loop_flag::room, std::memory_order_release);
    core_.mailbox_.ring();
  }
  if (finished.next == nullptr || queue_.empty()) return finished.next;
  queue_.put(worker.producer, finished.next);  // others first
  return nullptr;
}

void Workers::look_for_taps(Worker& worker) noexcept {
  worker.wish = recorder::tap_wish(core_.attachment(), wait::ticks());
  if (worker.wish.events) worker.sampler.next_is_due();
}

}  // namespace shmbus::serve
