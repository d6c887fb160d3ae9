// The bodies of a storm's publishers and subscribers. They return exit codes.
#pragma once

#include <string>

#include "torture/storm/newsroom.hpp"

namespace shmbus::torture {

int publish_for_ever(const std::string& path, News& news, std::uint64_t seed);
int read_for_ever(const std::string& path, News& news, WhenSlow slow, std::uint64_t seed);
/// Hears everything, and says so.
int audit(const std::string& path, News& news);
/// Makes a publisher in each lane, for another name, and gives all back.
int take_all_lanes(const std::string& path);

}  // namespace shmbus::torture
