// A bus with a handler, a caller and a participant who reclaims; one of them will be stopped. What
// the others say about it is the test: it must never be "dead".
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "support/child.hpp"

namespace shmbus::torture {

using namespace std::chrono_literals;

enum class Part : std::uint8_t { handler, caller, reclaimer, nobody };
const char* to_string(Part part) noexcept;

/// What the parts write down; no library code sees it.
struct Notes {
  std::atomic<bool> stop{false};
  std::atomic<bool> stop_handler{false};  ///< later: what is under way is to be answered
  std::atomic<int> reached{0};            ///< the test point at which one of them stops
  std::atomic<int> serving{0};
  std::atomic<int> ordered{0};                  ///< the handler serves under global order
  std::atomic<std::uint64_t> answered{0};       ///< calls of the caller
  std::atomic<std::uint64_t> declared_dead{0};  ///< it was told that its handler had gone
  std::atomic<std::uint64_t> late{0};           ///< a wait beyond its limit
  std::atomic<std::uint64_t> strange{0};
  std::atomic<std::uint64_t> elsewhere{0};   ///< calls of the pair that has nothing to do with it
  std::atomic<std::uint64_t> slowest_us{0};  ///< of those
};

struct Stage {
  std::string path;
  Notes& notes;
};

/// Bodies of processes; they return exit codes, 0 when all went well.
int play_handler(const Stage& stage);
int play_caller(const Stage& stage);
int play_reclaimer(const Stage& stage);
int play_elsewhere(const Stage& stage);              ///< handler and caller of another name, in one
int play_mortal(const Stage& stage);                 ///< leaves something behind when it is killed
int take_what_is_left(const Stage& stage);           ///< runs what the mortals left for a successor
int try_call(const Stage& stage, bool must_answer);  ///< from a newcomer, with 300 ms
int try_to_take_the_name(const Stage& stage);        ///< 0 when it was refused, its owner named
int look_for_the_dead(const Stage& stage);           ///< 0 when nobody who stays is called dead

/// The calling process stops itself where it first passes this test point.
void stop_at(Notes& notes, const char* test_point);

}  // namespace shmbus::torture
