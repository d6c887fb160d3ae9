#pragma once

#include <string_view>

#include "cli/app.hpp"
#include "shmbus/bus.hpp"

namespace shmbus::cli {

/// Joins the bus of the command line, which must exist; `label` is what `shmbus ps` shows.
Bus open_bus(const Context& context, std::string_view label);

}  // namespace shmbus::cli
