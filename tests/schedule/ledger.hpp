// What participants did and were told, written down outside of the segment, and the judgement of
// it: each command ran exactly once or its caller was told, nobody ran it after that, and the order
// was kept.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "shmbus/error.hpp"

namespace shmbus::schedule {

enum class Told : std::uint8_t {
  nothing,  ///< yet; or for ever, if its caller was killed, or for a one-way command that went well
  reply,
  started,    ///< and its handler died
  never_ran,  ///< and never will
  unknown,    ///< the limit passed, or nobody can say
};

class Ledger {
 public:
  static constexpr std::size_t commands_max = 24;

  void clear() noexcept { *this = {}; }

  /// A caller is about to send; returns the command's number, which travels as its request.
  std::uint64_t send(std::size_t caller, bool one_way, bool ordered = false) noexcept;
  /// send() or start() has returned, so whatever is sent from now on comes later.
  void sent(std::uint64_t command) noexcept;
  /// The caller has no answer to expect: it was not sent after all.
  void not_sent(std::uint64_t command) noexcept;
  /// By the library's own sequence number, for one-way commands.
  void number(std::uint64_t command, std::uint64_t sequence) noexcept;

  /// Each returns what is wrong, or null.
  const char* ran(std::uint64_t command, std::size_t handler) noexcept;
  const char* told(std::uint64_t command, Told what) noexcept;
  const char* lost(std::size_t caller, std::uint64_t sequence, Told what) noexcept;

  [[nodiscard]] bool answered(std::uint64_t command) const noexcept {
    return commands_[command].told == Told::reply;
  }
  void died(std::size_t participant) noexcept;
  /// What an honest answer is.
  static std::uint64_t answer(std::uint64_t command) noexcept { return command * 1'000'003 + 17; }

  /// When all is over. `caller_killed(i)`: it need not have been told anything.
  template <class F>
  [[nodiscard]] std::string judge(F caller_killed) const;

 private:
  struct Command {
    std::size_t caller = 0;
    bool one_way = false;
    bool ordered = false;
    bool published = false;
    bool withdrawn = false;
    std::uint64_t sequence = 0;
    std::uint32_t began = 0;    ///< moments, in the order of the ledger's entries
    std::uint32_t ended = 0;    ///< its publishing
    std::uint32_t started = 0;  ///< its run
    unsigned runs = 0;
    std::size_t handler = 0;
    Told told = Told::nothing;
  };
  /// Whoever may have started it can have died in it.
  [[nodiscard]] bool may_have_died(const Command& one) const noexcept;
  [[nodiscard]] bool in_order(const Command& earlier, const Command& later) const noexcept;

  std::array<Command, commands_max> commands_{};
  std::size_t count_ = 0;
  std::uint32_t moment_ = 0;
  std::uint32_t last_death_ = 0;
  std::uint32_t dead_ = 0;  ///< bit i: participant i
};

Told told_by(const Error& error) noexcept;

template <class F>
std::string Ledger::judge(F caller_killed) const {
  for (std::size_t i = 0; i < count_; ++i) {
    const Command& one = commands_[i];
    const std::string which = "command " + std::to_string(i) + " of " + std::to_string(one.caller);
    if (one.withdrawn || caller_killed(one.caller)) continue;
    if (!one.published) return which + " was never published";
    if (!one.one_way && one.told == Told::nothing) return which + ": its caller was told nothing";
    if (one.one_way && one.told == Told::nothing && one.runs == 0) {
      return which + " neither ran nor was reported lost";
    }
    if (one.told == Told::reply && one.runs != 1) return which + " was answered but did not run";
    if (one.told == Told::started && !may_have_died(one)) {
      return which + ": its caller was told of the death of a handler that lives";
    }
    for (std::size_t j = 0; j < count_; ++j) {
      if (!in_order(one, commands_[j])) return which + " ran after a later one";
    }
  }
  return {};
}

}  // namespace shmbus::schedule
