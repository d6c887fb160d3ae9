// The library's errors name its C++ interface; people at a command line have options instead.
#pragma once

#include <string>
#include <string_view>

namespace shmbus::cli {

/// "OpenOptions::capacities.extents" -> "--extents", "(WhenVacant::wait, ...)" -> "(--wait)", ...
std::string in_words_of_the_tool(std::string_view text);

}  // namespace shmbus::cli
