// A command on its way through the workers: from before its start until its handler has ended. Made
// once, used for one command after another.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "serve/handler_table.hpp"
#include "serve/server_core.hpp"

namespace shmbus::serve {

struct Job {
  explicit Job(detail::ServerCore& core) noexcept : call(core) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  [[nodiscard]] std::uint64_t seq() const noexcept { return call.taken.word().seq(); }
  [[nodiscard]] bool one_way() const noexcept {
    return call.taken.word().phase() == layout::Phase::send;
  }

  detail::Invocation call;
  std::optional<OwnerLane> lane;       ///< as it was when the command was taken
  detail::Handler::Ref handler;        ///< none: the command is refused
  std::shared_ptr<HandlerLife> life;   ///< keeps the handler
  layout::NameStats* stats = nullptr;  ///< where its runs are counted
  bool serial = false;                 ///< Parallel::no
  std::uint64_t began = 0;             ///< its handler, in ticks

  // Links of the lists in which it stands: see job_book.hpp.
  Job* next = nullptr;
  Job* began_before = nullptr;
  Job* began_after = nullptr;
  Job* sent_before = nullptr;
  Job* sent_after = nullptr;
};

/// Jobs in the order in which they came, each of which may leave at any time.
template <Job* Job::*Before, Job* Job::*After>
class JobList {
 public:
  void push_back(Job& job) noexcept {
    job.*Before = last_;
    job.*After = nullptr;
    (last_ != nullptr ? last_->*After : first_) = &job;
    last_ = &job;
  }
  void remove(Job& job) noexcept {
    (job.*Before != nullptr ? job.*Before->*After : first_) = job.*After;
    (job.*After != nullptr ? job.*After->*Before : last_) = job.*Before;
  }
  [[nodiscard]] Job* first() const noexcept { return first_; }

 private:
  Job* first_ = nullptr;
  Job* last_ = nullptr;
};

}  // namespace shmbus::serve
