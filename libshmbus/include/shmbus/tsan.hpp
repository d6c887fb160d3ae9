// What ThreadSanitizer cannot see when a program is built with it and the library is not: that a
// command is written before it is read, and its reply likewise. The typed calls and all handlers
// say so, from the program's own code. Nothing is left of it in other builds, nor where the library
// is instrumented itself (SHMBUS_SANITIZE) and its own synchronisation is to be checked.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define SHMBUS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SHMBUS_TSAN 1
#endif
#endif

#if defined(SHMBUS_TSAN) && !defined(SHMBUS_SANITIZED)
extern "C" {
void __tsan_acquire(void* address);  // NOLINT: names of the compiler's runtime
void __tsan_release(void* address);  // NOLINT
}
namespace shmbus::detail {
/// One word stands for all buses of the program.
inline char tsan_word = 0;
/// What this thread has written may be read by who observes.
inline void tsan_publish() noexcept { __tsan_release(&tsan_word); }
inline void tsan_observe() noexcept { __tsan_acquire(&tsan_word); }
}  // namespace shmbus::detail
#else
namespace shmbus::detail {
constexpr void tsan_publish() noexcept {}
constexpr void tsan_observe() noexcept {}
}  // namespace shmbus::detail
#endif
#undef SHMBUS_TSAN
