// shmbus: the command line tool. This is the table of its commands; each has a file of its own.
#include <array>
#include <csignal>

#include "cli/commands.hpp"
#include "os/descriptor.hpp"

int main(int argc, char** argv) {
  shmbus::descriptor::occupy_standard_numbers();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error, not the end
  using namespace shmbus::cli;
  constexpr std::array commands{
      add_buses,        add_ls,          add_describe, add_ps,     add_top,    add_heat,
      add_hist,         add_watch,       add_trace,    add_call,   add_send,   add_publish,
      add_listen,       add_create,      add_layout,   add_doctor, add_gc,     add_rm,
      add_bench,        add_gen,         add_tap,      add_record, add_replay, add_postmortem,
      add_host,         add_plugins,     add_reload,   add_policy, add_route,  add_probe,
      add_plugin_trial, add_completions,
  };
  return run(argc, argv, commands);
}
