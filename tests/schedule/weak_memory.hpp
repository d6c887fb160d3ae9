// Which values a load may return when memory is weaker than sequentially consistent: the C++20
// model as an abstract machine. After the operational models with messages and views of
//   Kang, Hur, Lahav, Vafeiadis, Dreyer: A promising semantics for relaxed-memory concurrency
//   (POPL 2017), without its promises, and
//   Lahav, Vafeiadis, Kang, Hur, Dreyer: Repairing sequential consistency in C/C++11 (PLDI 2017),
//   RC11, of whose consistent executions this machine runs the ones that it can name;
// views are kept as vector clocks, as in Norris and Demsky's CDSChecker (OOPSLA 2013).
//
// - A *message* is what one store left: a value, its place in the modification order of its word
//   (`stamp`), and the view that it carries. A store may go anywhere in that order behind what its
//   thread has seen there, also before a message that is there already (2+2W).
// - A *view* is what a thread has seen. It is a clock: of each thread, the number of its accesses
//   that are known. A load returns a message that is not older than any that those accesses read or
//   wrote (coherence).
// - A release store carries the view of its thread; a relaxed one the view of the last release
//   fence. An acquire load joins what its message carries; a relaxed load keeps it for the next
//   acquire fence.
// - A read-modify-write reads one message and puts its own directly behind it, where nothing else
//   comes between afterwards. What that message carried its own carries on (release sequences as in
//   C++20: plain stores of the same thread do not continue one).
// - A sequentially consistent fence joins the view of the thread and one that all such fences
// share.
//   A sequentially consistent access is such a fence and then an acquire load or a release store:
//   for SB and IRIW just as strong as C++ says, in mixtures with weaker accesses a little stronger.
//   The library has no such access but the kernel's addition to an event count.
// - *membarrier* joins two views with each thread in turn: a full fence at some point of that
//   thread's program, where the compiler may have moved stores behind loads except across
//   `publisher_fence()`. So the thread gets what the sleeper has seen at its next such fence, and
//   the sleeper gets what the thread had seen at its last one.
// - A lock of the file hands on the view of the process that let it go, or died, to the one that
// then takes it or
//   finds it free. Falling asleep and waking up are full fences (the kernel's scheduler has them;
//   membarrier rests on that), but no synchronisation: `seen` grows, `synced` does not. A futex
//   compares with the newest value and hands on nothing.
//
// Each view has two clocks. `synced` is happens-before; races of plain data are judged by it.
// `seen` is that and what fences and coherence add; it decides what may be read.
//
// What is left out: *load buffering*. A load never returns what is stored later in the execution,
// as RC11 demands (no cycle of program order and reads-from) and C++ does not; ARM64 does allow it
// for a load and a store to other addresses that depend on nothing. For what this could spoil in
// the protocol, data that is read after it was given away for reuse, there is the check for races:
// it asks that the load happens before the store, whatever value was read.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace shmbus::schedule::weak {

inline constexpr std::size_t threads_max = 8;

class Clock {
 public:
  void join(const Clock& other) noexcept {
    for (std::size_t i = 0; i < threads_max; ++i) {
      if (other.at_[i] > at_[i]) at_[i] = other.at_[i];
    }
  }
  [[nodiscard]] std::uint32_t of(std::size_t thread) const noexcept { return at_[thread]; }
  std::uint32_t tick(std::size_t thread) noexcept { return ++at_[thread]; }
  friend bool operator==(const Clock&, const Clock&) noexcept = default;

 private:
  std::array<std::uint32_t, threads_max> at_{};
};

struct View {
  Clock synced;
  Clock seen;
  void join(const View& other) noexcept {
    synced.join(other.synced);
    seen.join(other.seen);
  }
};

using Place = std::uint32_t;  ///< a word, by its offset in the segment
using Order = std::memory_order;

constexpr bool acquires(Order order) noexcept {
  return order == Order::acquire || order == Order::acq_rel || order == Order::seq_cst;
}
constexpr bool releases(Order order) noexcept {
  return order == Order::release || order == Order::acq_rel || order == Order::seq_cst;
}

/// `older` picks among what is allowed: 0 the newest, up to what the question before it answered.
class Memory {
 public:
  explicit Memory(std::size_t words) : index_(words, -1) {}
  void reset() noexcept;

  /// How many older messages than the newest a load may return. `first`: the value of a word that
  /// nobody has stored to.
  [[nodiscard]] unsigned loads(std::size_t thread, Place place, std::uint64_t first);
  std::uint64_t load(std::size_t thread, Place place, Order order, unsigned older);

  /// Before how many messages, counted from the newest, a store may go.
  [[nodiscard]] unsigned stores(std::size_t thread, Place place, std::uint64_t first);
  /// Returns the newest value.
  std::uint64_t store(std::size_t thread, Place place, std::uint64_t value, Order order,
                      unsigned older);

  /// A read-modify-write in two halves, with nothing between them. `expected`: it only loads when
  /// it finds another value.
  [[nodiscard]] unsigned modifies(std::size_t thread, Place place, std::uint64_t first,
                                  std::optional<std::uint64_t> expected);
  std::uint64_t modify_load(std::size_t thread, Place place, Order order, Order failure,
                            std::optional<std::uint64_t> expected, unsigned older);
  std::uint64_t modify_store(std::size_t thread, Place place, std::uint64_t value, Order order);

  void fence(std::size_t thread, Order order) noexcept;
  /// A fence for the compiler alone, which membarrier turns into one for the processor.
  void compiler_fence(std::size_t thread) noexcept;
  void barrier_begins(std::size_t caller) noexcept;
  void barrier_reaches(std::size_t caller, std::size_t other) noexcept;
  void barrier_ends(std::size_t caller) noexcept;
  /// Falling asleep, waking up, dying: see above.
  void switched(std::size_t thread) noexcept;

  void lock_released(std::size_t thread, Place lock);
  void lock_acquired(std::size_t thread, Place lock);

  struct Race {
    std::size_t with = 0;
    bool reader = false;  ///< that one only read it
  };
  /// Plain data: nothing when this access is ordered with all others that conflict with it.
  [[nodiscard]] std::optional<Race> race(std::size_t thread, Place place, bool writes);
  /// What it read there it has thrown away.
  void forget_reads(std::size_t thread, Place place) noexcept {
    if (index_[place / 4] >= 0) word(place).last_read[thread] = 0;
  }

 private:
  struct Message {
    std::uint64_t stamp = 0;
    std::uint64_t value = 0;
    View carries;
    bool follows = false;  ///< directly, and for ever, the one before it
  };
  struct Touch {
    std::uint32_t event = 0;
    std::uint64_t stamp = 0;
  };
  struct Word {
    std::vector<Message> order;  ///< by stamp
    std::array<std::vector<Touch>, threads_max> touches;
    std::array<std::uint32_t, threads_max> last_read{}, last_write{};
    void clear() noexcept;
  };
  struct Thread {
    View view;
    View kept;                ///< of relaxed loads, for the next acquire fence
    View released;            ///< as of the last release fence
    Clock fenced;             ///< `seen` as of the last compiler fence
    Clock owed;               ///< what membarrier brings at the next one
    Clock gathers;            ///< during its own membarrier
    std::size_t read_at = 0;  ///< by the first half of a read-modify-write
  };

  Word& word(Place place, std::uint64_t first);
  Word& word(Place place) noexcept { return words_[static_cast<std::size_t>(index_[place / 4])]; }
  [[nodiscard]] std::uint64_t floor(std::size_t thread, const Word& word) const noexcept;
  void note(std::size_t thread, Word& word, std::uint64_t stamp);
  void take(std::size_t thread, const Message& message, Order order) noexcept;
  std::size_t put(std::size_t thread, Word& word, std::size_t at, std::uint64_t value, Order order);
  /// Whether a read-modify-write may read this one, and store behind it.
  static bool open_behind(const Word& word, std::size_t at) noexcept {
    return at + 1 == word.order.size() || !word.order[at + 1].follows;
  }
  /// The places from the newest down that `allowed` and the thread's view admit; the `nth`.
  template <class F>
  [[nodiscard]] std::pair<unsigned, std::size_t> nth(std::size_t thread, const Word& word,
                                                     unsigned nth, F allowed) const;

  std::vector<std::int32_t> index_;
  std::vector<Word> words_;
  std::size_t used_ = 0;
  std::vector<Place> touched_;
  std::array<Thread, threads_max> threads_;
  Clock common_;  ///< of all sequentially consistent fences
  std::unordered_map<Place, View> locks_;
};

}  // namespace shmbus::schedule::weak
