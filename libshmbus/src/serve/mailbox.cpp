#include "serve/mailbox.hpp"

#include <new>
#include <utility>

#include "os/futex.hpp"

namespace shmbus::serve {

void Mailbox::post(detail::Task task) {
  if (!task) throw std::bad_alloc();
  const std::scoped_lock lock(mutex_);
  if (!open_) return;
  tasks_.push_back(std::move(task));
  // SYNC serve.mail: the task, then the bit; the bit, then the bell.
  loop_flags_->fetch_or(loop_flag::mail, std::memory_order_release);
  // Under the lock: once close() has returned, nobody touches a bell.
  for (auto* bell : bells_) wait::bump_and_wake(*bell);
}

detail::Task Mailbox::next() noexcept {
  const std::scoped_lock lock(mutex_);
  if (tasks_.empty()) return {};
  detail::Task task = std::move(tasks_.front());
  tasks_.pop_front();
  return task;
}

void Mailbox::expect_bell() {
  const std::scoped_lock lock(mutex_);
  bells_.reserve(bells_.size() + 1);
}

void Mailbox::add_bell(layout::Word32& word) noexcept {
  const std::scoped_lock lock(mutex_);
  bells_.push_back(&word);
}

void Mailbox::ring() noexcept {
  const std::scoped_lock lock(mutex_);
  for (auto* bell : bells_) wait::bump_and_wake(*bell);
}

void Mailbox::close() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    open_ = false;
    bells_.clear();
  }
  while (next()) {  // destroyed without the lock: they are the user's
  }
}

}  // namespace shmbus::serve
