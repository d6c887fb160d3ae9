#include "schedule/ledger.hpp"

namespace shmbus::schedule {

std::uint64_t Ledger::send(std::size_t caller, bool one_way, bool ordered) noexcept {
  Command& one = commands_[count_ % commands_max];
  one = {};
  one.caller = caller;
  one.one_way = one_way;
  one.ordered = ordered;
  one.began = ++moment_;
  return count_++;
}

void Ledger::sent(std::uint64_t command) noexcept {
  commands_[command].published = true;
  commands_[command].ended = ++moment_;
}

void Ledger::not_sent(std::uint64_t command) noexcept { commands_[command].withdrawn = true; }

void Ledger::number(std::uint64_t command, std::uint64_t sequence) noexcept {
  commands_[command].sequence = sequence;
}

const char* Ledger::ran(std::uint64_t command, std::size_t handler) noexcept {
  if (command >= count_) return "a handler was given what nobody sent";
  Command& one = commands_[command];
  if (++one.runs > 1) return "a command ran twice";
  if (one.withdrawn || one.told == Told::never_ran) {
    return "a command ran after its caller was told that it never would";
  }
  if (one.told == Told::started) {
    return "a command ran after its caller was told that its handler had died in it";
  }
  one.started = ++moment_;
  one.handler = handler;
  return nullptr;
}

void Ledger::died(std::size_t participant) noexcept {
  dead_ |= 1U << participant;
  last_death_ = ++moment_;
}

bool Ledger::may_have_died(const Command& one) const noexcept {
  if (one.runs != 0) return (dead_ >> one.handler & 1U) != 0;
  return last_death_ > one.began;
}

const char* Ledger::told(std::uint64_t command, Told what) noexcept {
  Command& one = commands_[command];
  if (one.told != Told::nothing) return "a caller was told of a command twice";
  one.told = what;
  if (what == Told::never_ran && one.runs != 0) {
    return "a caller was told that a command never ran, and it had";
  }
  return nullptr;
}

const char* Ledger::lost(std::size_t caller, std::uint64_t sequence, Told what) noexcept {
  for (std::size_t i = 0; i < count_; ++i) {
    Command& one = commands_[i];
    if (one.caller == caller && one.one_way && one.sequence == sequence) return told(i, what);
  }
  return "a caller was told of the loss of what it had not sent";
}

/// Of the commands of one caller, and under one order for all, the one whose publishing was over
/// when the other's began is started first.
bool Ledger::in_order(const Command& earlier, const Command& later) const noexcept {
  if (earlier.runs == 0 || later.runs == 0) return true;
  const bool comparable = earlier.caller == later.caller || (earlier.ordered && later.ordered);
  if (!comparable || earlier.ended == 0 || earlier.ended > later.began) return true;
  return earlier.started < later.started;
}

Told told_by(const Error& error) noexcept {
  switch (error.kind) {
    case ErrorKind::handler_died_after_start:
      return Told::started;
    case ErrorKind::handler_died_before_start:
    case ErrorKind::not_registered:
    case ErrorKind::cancelled:
      return Told::never_ran;
    case ErrorKind::timed_out:
      return error.never_ran ? Told::never_ran : Told::unknown;
    default:
      return Told::unknown;
  }
}

}  // namespace shmbus::schedule
