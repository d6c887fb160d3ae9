#include "torture/step/subject.hpp"

#include <sched.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>

namespace shmbus::torture {

void run_on(std::optional<int> cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (!cpu || *cpu == i) CPU_SET(i, &set);
  }
  (void)::sched_setaffinity(0, sizeof set, &set);
}

bool is_stopped(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const auto end = text.rfind(')');
  return end != std::string::npos && end + 2 < text.size() && text[end + 2] == 'T';
}

int be_subject(World& world, const Operation& operation) {
  run_on(0);
  const Act act = operation.prepare(world);
  if (!act) return 20;
  world.ledger.prepared = 1;
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::raise(SIGSTOP);
  world.ledger.phase = 1;
  act();
  world.ledger.phase = 2;
  for (;;) ::pause();
}

}  // namespace shmbus::torture
