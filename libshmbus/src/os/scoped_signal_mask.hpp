// For the moment in which the library starts a thread of its own: the thread inherits the mask.
#pragma once

#include <pthread.h>

#include <csignal>

namespace shmbus::wait {

/// Signals are for the application's own threads; all but those that an instruction of this thread
/// raises, which the kernel does not let anybody block: it ends the process instead.
class ScopedSignalMask {
 public:
  ScopedSignalMask() noexcept {
    sigset_t all;
    sigfillset(&all);
    for (const int own : {SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGTRAP}) sigdelset(&all, own);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ScopedSignalMask(const ScopedSignalMask&) = delete;
  ScopedSignalMask& operator=(const ScopedSignalMask&) = delete;
  ~ScopedSignalMask() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace shmbus::wait
