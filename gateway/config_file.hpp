// A file of settings, whole.
#pragma once

#include <cstddef>
#include <string>

#include "shmbus/error.hpp"

namespace shmbus::gateway {

/// invalid_argument when it cannot be read, too_large when it has more than `bytes_max`.
Result<std::string> read_config_file(const std::string& path, std::size_t bytes_max);

}  // namespace shmbus::gateway
