// Operations become commands: parameters and body are the request, the response of success is the
// reply.
#pragma once

#include <vector>

#include "gen/operations.hpp"
#include "gen/reading.hpp"
#include "gen/schema_reader.hpp"

namespace shmbus::gen {

void read_commands(const std::vector<Operation>& operations, SchemaReader& schemas,
                   Reading& reading);

}  // namespace shmbus::gen
