#include "os/bus_error.hpp"

#include <dlfcn.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "os/handle_guard.hpp"

namespace shmbus::liveness {
namespace {

// Filled before the handler can run, never changed.
struct sigaction before;

bool is_fault(const siginfo_t& info) noexcept { return info.si_code > 0; }

void pass_on(int number, siginfo_t* info, void* context) noexcept {
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(number, info, context);
    return;
  }
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(number);
    return;
  }
  if (before.sa_handler == SIG_IGN && !is_fault(*info)) return;
  // The faulting instruction runs again, this time with the default action; a signal that somebody
  // sent has to be sent again.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  (void)::sigaction(number, &standard, nullptr);
  if (!is_fault(*info)) (void)::raise(number);
}

void on_bus_error(int number, siginfo_t* info, void* context) noexcept {
  const int saved = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  HandleGuard* guard = is_fault(*info) ? HandleGuard::at(address) : nullptr;
  if (guard == nullptr || !guard->lose()) pass_on(number, info, context);
  errno = saved;
}

/// The handler must not outlive its code. Where this library was linked into a shared object that
/// is unloaded one day, that object stays loaded instead: other handlers may by then have been put
/// before ours and lead to it, so there is no taking it away.
void stay_loaded() noexcept {
  Dl_info where{};
  if (::dladdr(reinterpret_cast<const void*>(&on_bus_error), &where) == 0) return;
  // Null for the program itself, which is never unloaded.
  void* const self = ::dlopen(where.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  if (self != nullptr) ::dlclose(self);  // the mark stays
}

}  // namespace

bool catch_bus_errors() noexcept {
  static std::atomic<bool> begun{false};
  if (begun.exchange(true, std::memory_order_relaxed)) return true;
  stay_loaded();
  struct sigaction ours {};
  ours.sa_sigaction = on_bus_error;
  // On the alternate stack where the thread has one; and restarting, so that a signal which is only
  // passed on does not make system calls of the application fail.
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigemptyset(&ours.sa_mask);
  if (::sigaction(SIGBUS, nullptr, &before) == 0 && ::sigaction(SIGBUS, &ours, nullptr) == 0) {
    return true;
  }
  begun.store(false, std::memory_order_relaxed);
  return false;
}

}  // namespace shmbus::liveness
