// The commands of the tool, one file each. Every function adds one subcommand.
#pragma once

#include "cli/app.hpp"

namespace shmbus::cli {

void add_buses(CLI::App& app, Context& context);
void add_ls(CLI::App& app, Context& context);
void add_describe(CLI::App& app, Context& context);
void add_ps(CLI::App& app, Context& context);
void add_top(CLI::App& app, Context& context);
void add_heat(CLI::App& app, Context& context);
void add_hist(CLI::App& app, Context& context);
void add_call(CLI::App& app, Context& context);
void add_send(CLI::App& app, Context& context);
void add_publish(CLI::App& app, Context& context);
void add_listen(CLI::App& app, Context& context);
void add_create(CLI::App& app, Context& context);
void add_layout(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_gc(CLI::App& app, Context& context);
void add_rm(CLI::App& app, Context& context);
void add_policy(CLI::App& app, Context& context);
void add_route(CLI::App& app, Context& context);
void add_spool(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_trace(CLI::App& app, Context& context);
void add_watch(CLI::App& app, Context& context);
void add_tap(CLI::App& app, Context& context);
void add_record(CLI::App& app, Context& context);
void add_replay(CLI::App& app, Context& context);
void add_postmortem(CLI::App& app, Context& context);
void add_probe(CLI::App& app, Context& context);
void add_gen(CLI::App& app, Context& context);
void add_serve(CLI::App& app, Context& context);
void add_openapi(CLI::App& app, Context& context);
void add_gateway(CLI::App& app, Context& context);
void add_mcp(CLI::App& app, Context& context);
void add_host(CLI::App& app, Context& context);
void add_plugin_trial(CLI::App& app, Context& context);
void add_plugins(CLI::App& app, Context& context);
void add_reload(CLI::App& app, Context& context);
void add_completions(CLI::App& app, Context& context);

}  // namespace shmbus::cli
