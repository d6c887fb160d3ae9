#include "cli/open_bus.hpp"

#include "cli/exit_codes.hpp"

namespace shmbus::cli {

Bus open_bus(const Context& context, std::string_view label) {
  return value_or_fail(
      Bus::open(context.bus, {.create = false, .trust = context.trust, .label = label}));
}

}  // namespace shmbus::cli
