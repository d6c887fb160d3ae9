// Which jobs are free, which wait for another of their caller, which run: what the serving thread
// and the workers of a server share. All of it under one mutex of this process, held for a few
// instructions.
//
// A strand is what one lane has under way of names with Parallel::no: one job runs, few wait behind
// it. A command without room stays in its lane, which is noted; the worker that makes room then
// wakes the serving thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "serve/job.hpp"

namespace shmbus::serve {

class JobBook {
 public:
  JobBook(detail::ServerCore& core, std::uint32_t workers);

  [[nodiscard]] std::size_t jobs() const noexcept { return jobs_.size(); }

  // The serving thread.
  /// A job for the lane's next command; null when there is no room for it.
  Job* reserve(std::uint32_t lane, bool serial) noexcept;
  /// There was no command after all.
  void put_back(Job& job) noexcept;
  /// It holds a command that was taken. False: it waits for others of its strand.
  bool enter(Job& job) noexcept;
  /// No more is reserved while one-way commands run; true if some do.
  bool pause() noexcept;
  /// True if it was paused.
  bool resume() noexcept;
  /// Every job is free, now or within that time.
  bool idle_within(std::uint64_t ns) noexcept;
  /// A command was left in its lane since the last call.
  bool take_left() noexcept;
  /// Where those who look from outside see what runs.
  void show_at(layout::Word64& word);
  void hide_at(layout::Word64& word) noexcept;

  // Workers.
  void begin(Job& job) noexcept;
  /// A one-way command has ended: those below it that have ended too are their caller's again.
  void end_one_way(Job& job) noexcept;
  struct Finished {
    Job* next;  ///< of the same strand, to be run now; or null
    bool room;  ///< for what was left in its lane: wake the serving thread
  };
  Finished finish(Job& job) noexcept;

 private:
  struct Strand {
    Job* first = nullptr;  ///< that waits
    Job* last = nullptr;
    std::uint32_t taken = 0;                             ///< the one that runs included
    bool left = false;                                   ///< the next was left in its lane
    JobList<&Job::sent_before, &Job::sent_after> sends;  ///< one-way, of any kind
    std::uint64_t last_send = 0;
  };
  static Job* pop(Strand& strand) noexcept;
  static void push(Strand& strand, Job& job) noexcept;
  void free(Job& job) noexcept;
  void show() noexcept;
  [[nodiscard]] bool made_room() noexcept;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::vector<Strand> strands_;  ///< by lane
  Job* free_ = nullptr;
  std::size_t free_count_ = 0;
  JobList<&Job::began_before, &Job::began_after> running_;
  std::uint32_t busy_ = 0;
  std::uint32_t sends_ = 0;  ///< one-way commands under way
  bool left_ = false;        ///< for want of a free job, or while paused
  bool left_since_ = false;  ///< for take_left()
  bool paused_ = false;
  std::uint32_t workers_;
  std::vector<layout::Word64*> shown_at_;
};

}  // namespace shmbus::serve
