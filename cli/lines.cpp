#include "cli/lines.hpp"

#include <fmt/format.h>

#include <iostream>

#include "cli/exit_codes.hpp"

namespace shmbus::cli {

std::optional<std::string> next_line(std::vector<char>& room, std::string_view advice) {
  std::cin.getline(room.data(), static_cast<std::streamsize>(room.size()));
  if (std::cin.eof() && std::cin.gcount() == 0) return std::nullopt;
  if (std::cin.fail() && !std::cin.eof()) {
    throw Failure(ErrorKind::too_large,
                  fmt::format("a line has more than {} bytes: {}", room.size(), advice));
  }
  return std::string(room.data());
}

}  // namespace shmbus::cli
