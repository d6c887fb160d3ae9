// One test body on three stages: both parts in one thread, in two threads, in two processes.
//
// A part is made in the thread and process where it plays, so each joins the bus for itself; in one
// process the two parts therefore see the segment at two addresses.
#pragma once

#include <sched.h>

#include <string_view>
#include <thread>

#include "support/child.hpp"

namespace shmbus::test {

enum class Stage : unsigned char { one_thread, two_threads, two_processes };

constexpr std::string_view to_string(Stage stage) noexcept {
  switch (stage) {
    case Stage::one_thread:
      return "one thread";
    case Stage::two_threads:
      return "two threads";
    case Stage::two_processes:
      return "two processes";
  }
  return "";
}

/// What a part's step() says.
enum class Step : unsigned char {
  worked,
  idle,  ///< nothing to do until the other part has acted
  finished,
  failed,
};

namespace staging {

/// Steps until the part has finished or failed; patience counts idle steps in a row.
template <class Part>
bool play_alone(Part& part) {
  const auto give_up = std::chrono::steady_clock::now() + 60s;
  for (unsigned idle = 0;;) {
    switch (part.step()) {
      case Step::finished:
        return true;
      case Step::failed:
        return false;
      case Step::worked:
        idle = 0;
        break;
      case Step::idle:
        if (++idle % 64 == 0) ::sched_yield();
        if (idle % 1024 == 0) nap(10us);  // on a busy machine the other part needs this core
        if (idle % 4096 == 0 && std::chrono::steady_clock::now() > give_up) return false;
        break;
    }
  }
}

template <class First, class Second>
bool play_in_turns(First& first, Second& second) {
  Step a = Step::worked;
  Step b = Step::worked;
  for (unsigned idle = 0; idle < 100'000;) {
    if (a != Step::finished) a = first.step();
    if (b != Step::finished) b = second.step();
    if (a == Step::failed || b == Step::failed) return false;
    if (a == Step::finished && b == Step::finished) return true;
    idle = a == Step::worked || b == Step::worked ? 0 : idle + 1;
  }
  return false;
}

}  // namespace staging

/// True when both parts have finished. Make no assertions in a part: return Step::failed.
template <class MakeFirst, class MakeSecond>
bool play(Stage stage, MakeFirst make_first, MakeSecond make_second) {
  if (stage == Stage::one_thread) {
    auto first = make_first();
    auto second = make_second();
    return staging::play_in_turns(*first, *second);
  }
  if (stage == Stage::two_threads) {
    bool other = false;
    std::thread thread([&] {
      auto second = make_second();
      other = staging::play_alone(*second);
    });
    auto first = make_first();
    const bool mine = staging::play_alone(*first);
    thread.join();
    return mine && other;
  }
  Child child([&] {
    auto second = make_second();
    return staging::play_alone(*second) ? 0 : 1;
  });
  auto first = make_first();
  const bool mine = staging::play_alone(*first);
  return child.wait() == 0 && mine;
}

}  // namespace shmbus::test
