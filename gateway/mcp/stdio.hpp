// MCP over standard input and output: a message a line, for one client that started this program.
#pragma once

#include "common/log.hpp"
#include "gateway/config.hpp"
#include "gateway/event_loop.hpp"

namespace shmbus::gateway::mcp {

/// Until standard input has ended and what was asked for is answered. `principal`: whose rights the
/// client has. False: standard output could not be written.
Result<bool> serve_stdio(EventLoop loop, const Config& config, const std::string& principal,
                         const program::Log& log);

}  // namespace shmbus::gateway::mcp
