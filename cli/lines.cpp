#include "cli/lines.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "cli/exit_codes.hpp"
#include "cli/terminal.hpp"

namespace shmbus::cli {

void InputLines::read_more() {
  read_.erase(0, begin_);
  looked_at_ -= begin_;
  begin_ = 0;
  std::array<char, 65536> part;  // NOLINT: written before it is read
  const ssize_t got = ::read(STDIN_FILENO, part.data(), part.size());
  if (got > 0) {
    read_.append(part.data(), static_cast<std::size_t>(got));
  } else if (got == 0 || errno != EINTR || interrupted()) {
    ended_ = true;
  }
}

std::optional<std::string> InputLines::take() {
  const auto end = read_.find('\n', looked_at_);
  if (end == std::string::npos) {
    looked_at_ = read_.size();
    if (!ended_ || begin_ == read_.size()) return std::nullopt;
  }
  const auto size = std::min(end, read_.size()) - begin_;
  std::string line = read_.substr(begin_, size);
  begin_ = looked_at_ = std::min(begin_ + size + 1, read_.size());
  return line;
}

bool InputLines::wait(std::chrono::milliseconds limit) {
  const auto there = [this] { return ended_ || read_.find('\n', looked_at_) != std::string::npos; };
  if (there()) return true;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (::poll(&input, 1, static_cast<int>(limit.count())) <= 0) return interrupted();
  read_more();
  return there() || read_.size() > line_bytes_max_;
}

std::optional<std::string> InputLines::next(std::string_view advice) {
  for (;;) {
    auto line = take();
    if ((line ? line->size() : read_.size() - begin_) > line_bytes_max_) {
      throw Failure(ErrorKind::too_large,
                    fmt::format("a line has more than {} bytes: {}", line_bytes_max_, advice));
    }
    if (line || ended_ || interrupted()) return line;
    read_more();
  }
}

}  // namespace shmbus::cli
