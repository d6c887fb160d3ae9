// What the protocol shares with its peers, as a scheduler sees it: words that ask before each
// access, a clock and pauses that it moves, and mistakes that it can plant. tests/schedule runs the
// library this way in one process and tries the interleavings; other builds know nothing of it.
#pragma once

#if defined(SHMBUS_SCHEDULED)

#include <atomic>
#include <cstdint>

namespace shmbus::scheduled {

enum class Access : std::uint8_t { load, store, modify };

/// Where in the sources an access or a fence stands.
struct Site {
  const char* file;
  unsigned line;
  static constexpr Site here(const char* file = __builtin_FILE(),
                             unsigned line = __builtin_LINE()) noexcept {
    return {file, line};
  }
};

/// Others may run now, and the caller may not return. `value`: what the word holds before that.
void before(const void* word, Access access, std::uint64_t value) noexcept;

// What an access does, by its order: tests/schedule/weak_memory.hpp. `newest` is what the word
// holds, the last value in its modification order. Each function that stores returns what it is to
// hold now.
std::uint64_t load(const void* word, std::uint64_t newest, std::memory_order order,
                   Site site) noexcept;
std::uint64_t store(const void* word, std::uint64_t newest, std::uint64_t value,
                    std::memory_order order, Site site) noexcept;
/// The first half of a read-modify-write. `expected`: null, or for which value alone it stores.
std::uint64_t modify_load(const void* word, std::uint64_t newest, const std::uint64_t* expected,
                          std::memory_order order, std::memory_order failure, Site site) noexcept;
std::uint64_t modify_store(const void* word, std::uint64_t value, std::memory_order order,
                           Site site) noexcept;

std::uint64_t ticks() noexcept;
void relax() noexcept;
/// Whether this mistake is to be made.
bool planted(const char* mistake) noexcept;

/// std::atomic<T> as far as the format uses it.
template <class T>
class Word {
 public:
  using Order = std::memory_order;
  static constexpr bool is_always_lock_free = true;

  Word() noexcept = default;
  Word(T value) noexcept : value_(value) {}  // NOLINT: as std::atomic
  Word(const Word&) = delete;
  Word& operator=(const Word&) = delete;

  [[nodiscard]] T load(Order order = Order::seq_cst, Site site = Site::here()) const noexcept {
    before(this, Access::load, value_);
    return static_cast<T>(scheduled::load(this, value_, order, site));
  }
  void store(T value, Order order = Order::seq_cst, Site site = Site::here()) noexcept {
    before(this, Access::store, value_);
    value_ = static_cast<T>(scheduled::store(this, value_, value, order, site));
  }
  T exchange(T value, Order order = Order::seq_cst, Site site = Site::here()) noexcept {
    before(this, Access::modify, value_);
    const auto old = static_cast<T>(modify_load(this, value_, nullptr, order, order, site));
    value_ = static_cast<T>(modify_store(this, value, order, site));
    return old;
  }
  T fetch_add(T value, Order order = Order::seq_cst, Site site = Site::here()) noexcept {
    before(this, Access::modify, value_);
    const auto old = static_cast<T>(modify_load(this, value_, nullptr, order, order, site));
    value_ = static_cast<T>(modify_store(this, static_cast<T>(old + value), order, site));
    return old;
  }
  bool compare_exchange_strong(T& expected, T value, Order order, Order failure,
                               Site site = Site::here()) noexcept {
    before(this, Access::modify, value_);
    const std::uint64_t wanted = expected;
    const std::uint64_t old = modify_load(this, value_, &wanted, order, failure, site);
    if (old != wanted) {
      expected = static_cast<T>(old);
      return false;
    }
    value_ = static_cast<T>(modify_store(this, value, order, site));
    return true;
  }

 private:
  T value_ = 0;
};

}  // namespace shmbus::scheduled

/// `if (SHMBUS_MISTAKE("name")) ...`: what a wrong protocol would do, for the exploration to find.
#define SHMBUS_MISTAKE(name) shmbus::scheduled::planted(name)

#else
#define SHMBUS_MISTAKE(name) false
#endif
