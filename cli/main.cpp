// shmbus: the command line tool. This is the table of its commands; each has a file of its own.
#include <array>
#include <csignal>

#include "cli/commands.hpp"
#include "cli/help.hpp"
#include "os/descriptor.hpp"

int main(int argc, char** argv) {
  shmbus::descriptor::occupy_standard_numbers();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error, not the end
  using namespace shmbus::cli;
  // The help shows groups in the order of their first command; see help.cpp.
  constexpr std::array commands{
      add_buses,      add_ls,           add_describe, add_ps,      add_top,     add_watch,
      add_doctor,     add_call,         add_send,     add_publish, add_listen,  add_bench,
      add_heat,       add_hist,         add_tap,      add_trace,   add_record,  add_replay,
      add_postmortem, add_probe,        add_create,   add_policy,  add_route,   add_spool,
      add_gc,         add_rm,           add_serve,    add_host,    add_plugins, add_reload,
      add_gateway,    add_mcp,          add_gen,      add_openapi, add_layout,  add_completions,
      add_help,       add_plugin_trial,
  };
  return run(argc, argv, commands);
}
