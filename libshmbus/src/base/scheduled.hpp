// What the protocol shares with its peers, as a scheduler sees it: words that ask before each
// access, a clock and pauses that it moves, and mistakes that it can plant. tests/schedule runs the
// library this way in one process and tries the interleavings; other builds know nothing of it.
#pragma once

#if defined(SHMBUS_SCHEDULED)

#include <atomic>
#include <cstdint>

namespace shmbus::scheduled {

enum class Access : std::uint8_t { load, store, modify };

/// Others may run now, and the caller may not return. `value`: what the word holds before that.
void before(const void* word, Access access, std::uint64_t value) noexcept;
std::uint64_t ticks() noexcept;
void relax() noexcept;
/// Whether this mistake is to be made.
bool planted(const char* mistake) noexcept;

/// std::atomic<T> as far as the format uses it. One thread runs all participants in turn, so every
/// access is sequentially consistent whatever order it asks for: see docs/memory-model.md.
template <class T>
class Word {
 public:
  static constexpr bool is_always_lock_free = true;

  Word() noexcept = default;
  Word(T value) noexcept : value_(value) {}  // NOLINT: as std::atomic
  Word(const Word&) = delete;
  Word& operator=(const Word&) = delete;

  [[nodiscard]] T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
    before(this, Access::load, value_);
    return value_;
  }
  void store(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
    before(this, Access::store, value_);
    value_ = value;
  }
  T exchange(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
    before(this, Access::modify, value_);
    const T old = value_;
    value_ = value;
    return old;
  }
  T fetch_add(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
    before(this, Access::modify, value_);
    const T old = value_;
    value_ += value;
    return old;
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order,
                               std::memory_order = std::memory_order_seq_cst) noexcept {
    before(this, Access::modify, value_);
    if (value_ != expected) {
      expected = value_;
      return false;
    }
    value_ = value;
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
