// The oracle of a storm: what each side says that it did, in memory of its own that no library code
// ever sees. One round of a storm fills one book; judge() then holds both sides against each other.
//
// A caller writes `sending` before it hands a command to the library, and what it was told after. A
// handler counts each run before it does anything else. Both survive a kill at any instruction.
#pragma once

#include <sys/mman.h>
#include <time.h>

#include <atomic>
#include <cstdint>
#include <new>

namespace shmbus::torture {

enum class Told : std::uint8_t {
  nothing,  ///< never handed to the library
  sending,  ///< handed over; its caller was not told yet
  ok,       ///< answered, by its handler
  not_run,  ///< "it was not run and will not be"
  died,     ///< "its handler died while it ran it"
  dropped,  ///< "its handler dropped it", by a handler that was shut down
  gave_up,  ///< a short time limit was over: it may run or not
  late,     ///< a long time limit was over, or an answer took too long: nobody should wait so long
  sent,     ///< one-way, and the library took it
  wrong,    ///< an answer that no handler gave, or an error that cannot be
  unclear,  ///< a lost one-way command that cannot be told from another: not judged
};

inline constexpr std::uint64_t ids_max = 4U << 20U;
inline constexpr std::uint64_t block_ids = 64;
inline constexpr std::uint64_t lives_max = 1U << 16U;
inline constexpr std::uint32_t posts_max = 16;      ///< handler processes at one time
inline constexpr std::uint32_t lanes_max = 80;      ///< of the bus
inline constexpr std::uint32_t endpoints_max = 20;  ///< of the bus

/// One life of a caller process.
struct Life {
  std::atomic<std::uint32_t> last_started;  ///< by the handlers: order within this caller
  std::atomic<std::uint32_t> lost;    ///< one-way commands of which it was told, in a shared name
  std::atomic<std::uint64_t> newest;  ///< see order.cpp
  std::atomic<std::uint8_t> killed;   ///< by the storm
};

struct Book {
  std::atomic<std::uint64_t> next_block;
  std::atomic<std::uint64_t> commands;
  std::atomic<bool> stop;
  std::atomic<std::uint64_t> misordered;
  std::atomic<std::uint64_t> damaged;
  std::atomic<std::uint64_t> failed_starts;  ///< processes that could not open or register
  std::atomic<std::uint64_t> frozen_until;   ///< the whole machine stood still until then
  std::atomic<std::uint64_t> slowest_ns;
  std::uint64_t began_ns;
  std::atomic<bool> serving[posts_max];  ///< handlers that have registered their name
  // Order: what was started last in each lane. Global order: stamps taken before and after each
  // publish, and the newest that was started at each endpoint.
  std::atomic<std::uint64_t> last_in_lane[lanes_max];
  std::atomic<std::uint64_t> stamp;
  std::atomic<std::uint64_t> newest_started[endpoints_max];
  Life lives[lives_max];
  std::atomic<std::uint32_t> block_life[ids_max / block_ids];
  std::atomic<std::uint8_t> runs[ids_max];
  std::atomic<Told> told[ids_max];
  std::atomic<std::uint64_t> published_at[ids_max];
};

/// A book of zeroes that children share.
class SharedBook {
 public:
  SharedBook()
      : book_(new (::mmap(nullptr, sizeof(Book), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) Book) {}
  SharedBook(const SharedBook&) = delete;
  SharedBook& operator=(const SharedBook&) = delete;
  ~SharedBook() { ::munmap(book_, sizeof(Book)); }
  Book& operator*() const noexcept { return *book_; }
  Book* operator->() const noexcept { return book_; }

 private:
  Book* book_;
};

struct Request {
  std::uint64_t id;
  std::uint64_t check;
  std::uint64_t stamp;  ///< before the publish
  std::uint32_t index;  ///< of the caller's commands
  std::uint16_t life;
  std::uint16_t in_order;  ///< its caller has one order over all its lanes
};
static_assert(lives_max <= 1U << 16U && sizeof(Request) == 32);

constexpr std::uint64_t check_of(std::uint64_t id) noexcept {
  return id * 0x9E3779B97F4A7C15ULL + 1;
}

inline std::uint64_t now_ns() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(t.tv_nsec);
}

}  // namespace shmbus::torture
