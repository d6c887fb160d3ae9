// Both sides of the peer of C++.
#pragma once

#include <shmbus/shmbus.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "words.h"

namespace conformance {

using Bytes = std::vector<std::byte>;

/// The line of an error.
std::string line_of(const shmbus::Error& error);
std::string hex_of(std::string_view text);
Bytes pattern(std::size_t size);

int run_handler(std::string_view path, std::string_view how);

}  // namespace conformance
