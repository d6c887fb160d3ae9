#include "instructions/traps.hpp"

#if !defined(__x86_64__)
#error "x86-64 only"
#endif

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>

extern "C" {
extern const char __executable_start;  // NOLINT: the linker's names
extern const char etext;               // NOLINT
}

namespace shmbus::bench {
namespace {

constexpr unsigned char int3 = 0xCC;
constexpr int trap_flag = 0x100;
constexpr std::uint64_t ticks_of_a_look = 1000;

struct State {
  std::vector<Offset> clocks;             ///< sorted
  std::map<Offset, unsigned char> armed;  ///< what stood there
  HandOver hand_over;
  Offset found = 0;
  std::uint64_t ticks = 1'000'000'000'000;
  bool real_time = false;
};
State state;

std::uintptr_t image() noexcept { return reinterpret_cast<std::uintptr_t>(&__executable_start); }
unsigned char* code_at(Offset offset) noexcept {
  return reinterpret_cast<unsigned char*>(image() + offset);  // NOLINT: text of this program
}

/// The counter itself, by an instruction that is not taken for one of `clocks`.
std::uint64_t real_ticks() noexcept {
  unsigned processor = 0;
  return __builtin_ia32_rdtscp(&processor);
}

void on_trap(int, siginfo_t*, void* context) {
  const int saved_errno = errno;
  greg_t* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const Offset next = static_cast<std::uintptr_t>(registers[REG_RIP]) - image();
  if (std::binary_search(state.clocks.begin(), state.clocks.end(), next - 1)) {
    state.ticks = state.real_time ? real_ticks() : state.ticks + ticks_of_a_look;
    registers[REG_RAX] = static_cast<greg_t>(state.ticks & 0xFFFFFFFFU);
    registers[REG_RDX] = static_cast<greg_t>(state.ticks >> 32U);
    ++registers[REG_RIP];  // it was two bytes long
  } else if (const auto place = state.armed.find(next - 1); place != state.armed.end()) {
    --registers[REG_RIP];
    *code_at(place->first) = place->second;
    state.armed.erase(place);
    if (state.hand_over()) disarm();  // else this path commits further on
  } else {
    if (state.found == 0 && state.hand_over()) state.found = next;
    if (state.found != 0) registers[REG_EFL] &= ~greg_t{trap_flag};  // no steps from here on
  }
  errno = saved_errno;
}

void prepare() {
  static const bool once = [] {
    struct sigaction action {};
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const std::uintptr_t begin = image() / page * page;
    const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(&etext);
    if (sigaction(SIGTRAP, &action, nullptr) != 0 ||
        mprotect(reinterpret_cast<void*>(begin), end - begin,  // NOLINT
                 PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
      throw std::runtime_error(std::string("cannot change my own code: ") + std::strerror(errno));
    }
    return true;
  }();
  (void)once;
}

}  // namespace

void patch_clocks(const std::vector<Offset>& clocks) {
  prepare();
  for (const Offset offset : clocks) {
    unsigned char* code = code_at(offset);
    if (code[0] != 0x0F || code[1] != 0x31) throw std::runtime_error("no rdtsc stands there");
  }
  state.clocks = clocks;
  std::sort(state.clocks.begin(), state.clocks.end());
  for (const Offset offset : clocks) *code_at(offset) = int3;
}

RealTime::RealTime() noexcept { state.real_time = true; }
RealTime::~RealTime() { state.real_time = false; }

void arm_hand_over(const std::set<Offset>& places, const HandOver& hand_over) {
  prepare();
  state.hand_over = hand_over;
  for (const Offset offset : places) {
    state.armed[offset] = *code_at(offset);
    *code_at(offset) = int3;
  }
}

bool is_armed() noexcept { return !state.armed.empty(); }
void disarm() noexcept {
  for (const auto& [offset, byte] : state.armed) *code_at(offset) = byte;
  state.armed.clear();
}

void step_from_here() noexcept {
  asm volatile("pushfq\n\torl %0, (%%rsp)\n\tpopfq" ::"i"(trap_flag) : "memory", "cc");
}

Offset find_hand_over(const std::function<void()>& run, const HandOver& hand_over) {
  prepare();
  state.hand_over = hand_over;
  state.found = 0;
  run();
  if (state.found == 0) throw std::runtime_error("found no place behind a commit");
  return state.found;
}

}  // namespace shmbus::bench
