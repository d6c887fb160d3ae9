// The C library's allocator, counted, by defining its functions anew in the test program; and a
// seccomp filter that turns every system call into a signal.
#include "noalloc/meters.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

extern "C" {                             // glibc's own names for what stands behind malloc
void* __libc_malloc(std::size_t bytes);  // NOLINT
void* __libc_calloc(std::size_t count, std::size_t bytes);       // NOLINT
void* __libc_realloc(void* old, std::size_t bytes);              // NOLINT
void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT
}

namespace {

std::atomic<shmbus::test::Meters*> meters{nullptr};

void count_allocation() noexcept {
  if (auto* const to = meters.load(std::memory_order_relaxed)) {
    to->allocations.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

// operator new of libstdc++ calls malloc, or aligned_alloc.
extern "C" void* malloc(std::size_t bytes) {
  count_allocation();
  return __libc_malloc(bytes);
}
extern "C" void* calloc(std::size_t count, std::size_t bytes) {
  count_allocation();
  return __libc_calloc(count, bytes);
}
extern "C" void* realloc(void* old, std::size_t bytes) {
  count_allocation();
  return __libc_realloc(old, bytes);
}
extern "C" void* memalign(std::size_t alignment, std::size_t bytes) {
  count_allocation();
  return __libc_memalign(alignment, bytes);
}
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  count_allocation();
  return __libc_memalign(alignment, bytes);
}
extern "C" int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  count_allocation();
  *out = __libc_memalign(alignment, bytes);
  return *out == nullptr ? ENOMEM : 0;
}

namespace shmbus::test {
namespace {

void on_system_call(int /*signal*/, siginfo_t* info, void* /*context*/) {
  if (auto* const to = meters.load(std::memory_order_relaxed)) {
    to->last_system_call.store(info->si_syscall, std::memory_order_relaxed);
    to->system_calls.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

void count_into(Meters& to) noexcept { meters.store(&to, std::memory_order_relaxed); }

bool allocations_are_counted() noexcept {
  Meters probe;
  Meters* const before = meters.exchange(&probe);
  void* volatile memory = std::malloc(1);
  std::free(memory);
  meters.store(before);
  return probe.allocations.load() == 1;
}

bool forbid_system_calls() noexcept {
  struct sigaction action {};
  action.sa_sigaction = on_system_call;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (::sigaction(SIGSYS, &action, nullptr) != 0) return false;
  constexpr unsigned number = offsetof(seccomp_data, nr);
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{sizeof filter / sizeof filter[0], filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

std::uint64_t page_faults(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  // After the program's name, which may hold anything: state, seven numbers, minflt, cminflt,
  // majflt.
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 7; ++i) fields >> skipped;
  std::uint64_t minor = 0;
  std::uint64_t of_children = 0;
  std::uint64_t major = 0;
  fields >> minor >> of_children >> major;
  return minor + major;
}

}  // namespace shmbus::test
