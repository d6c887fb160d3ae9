#include "segment/admission.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "os/file_system.hpp"
#include "os/token_check.hpp"

namespace shmbus::segment {
namespace {

constexpr std::uint32_t group_bits = 0070;

template <std::size_t N>
FixedText<N>& append_octal(FixedText<N>& text, std::uint32_t mode) noexcept {
  text.append("0");
  for (const unsigned shift : {6U, 3U, 0U}) text.append(std::uint64_t{(mode >> shift) & 7U});
  return text;
}

tl::unexpected<Error> foreign_owner(const FileStatus& status, const std::string& path) noexcept {
  Error error{ErrorKind::not_permitted, 0, 0, {}};
  error.message.append("the bus ").append(shown_end(path).view()).append(" belongs to uid ");
  error.message.append(std::uint64_t{status.uid}).append(", not to you (uid ");
  error.message.append(std::uint64_t{::geteuid()}).append(") or root; if you trust that user: ");
  error.message.append("OpenOptions::trust, --trust ").append(std::uint64_t{status.uid});
  return tl::unexpected<Error>(error);
}

tl::unexpected<Error> wider_mode(const FileStatus& status, const std::string& path,
                                 std::uint32_t asked) noexcept {
  Error error{ErrorKind::not_permitted, 0, 0, {}};
  error.message.append("the bus ").append(shown_end(path).view()).append(" has mode ");
  append_octal(error.message, status.mode).append(", wider than the ");
  append_octal(error.message, asked).append(" asked for: ask for that mode (OpenOptions::mode), ");
  error.message.append("or trust its owner (OpenOptions::trust, --trust ");
  error.message.append(std::uint64_t{status.uid}).append(")");
  return tl::unexpected<Error>(error);
}

tl::unexpected<Error> other_group(const FileStatus& status, const std::string& path) noexcept {
  Error error{ErrorKind::not_permitted, 0, 0, {}};
  error.message.append("the bus ").append(shown_end(path).view()).append(" admits gid ");
  error.message.append(std::uint64_t{status.gid})
      .append(", not the group asked for: ask for that ");
  error.message.append("group (OpenOptions::group), or trust its owner (OpenOptions::trust)");
  return tl::unexpected<Error>(error);
}

void append_kind(Error& error, const file_system::Kind& kind) noexcept {
  constexpr std::string_view digits = "0123456789abcdef";
  if (!kind.name.empty()) {
    error.message.append(kind.name);
    return;
  }
  error.message.append("a file system of type 0x");
  for (int shift = 28; shift >= 0; shift -= 4) {
    error.message.append(digits.substr((kind.type >> static_cast<unsigned>(shift)) & 0xFU, 1));
  }
}

tl::unexpected<Error> unfit(const std::string& path, const file_system::Kind& kind,
                            std::string_view why, int error_number = 0) noexcept {
  Error error{ErrorKind::bus_unusable, error_number, 0, {}};
  error.message.append(shown_end(path).view()).append(" lies on ");
  append_kind(error, kind);
  error.message.append(", ").append(why);
  if (error_number != 0) {
    char text[64];  // NOLINT: the shape strerror_r wants
    error.message.append(": ").append(
        std::string_view{::strerror_r(error_number, text, sizeof text)});
  }
  error.message.append("; put the bus in /dev/shm or on another tmpfs");
  return tl::unexpected<Error>(error);
}

}  // namespace

Result<void> check_owner(const FileStatus& status, const std::string& path,
                         const OpenOptions& options) noexcept {
  if (options.trust == trust_anybody || options.trust == std::int64_t{status.uid}) return {};
  if (status.uid != ::geteuid() && status.uid != 0) return foreign_owner(status, path);
  if (options.mode != 0 && (status.mode & ~options.mode) != 0)
    return wider_mode(status, path, options.mode);
  if (options.group >= 0 && options.group != std::int64_t{status.gid} &&
      (status.mode & group_bits) != 0) {
    return other_group(status, path);
  }
  return {};
}

Result<void> check_file_system(int fd, const std::string& path, Named named) noexcept {
  const file_system::Kind kind = file_system::kind_of(fd);
  if (kind.remote) {
    return unfit(path, kind, "whose pages come from another machine or a process");
  }
  const liveness::TokenCheck check =
      liveness::check_token(fd, named == Named::yes ? path.c_str() : nullptr);
  switch (check.trial) {
    case liveness::TokenTrial::holds:
      return {};
    case liveness::TokenTrial::lost:
      return unfit(path, kind,
                   "where a lock does not last as long as the mapping: the living "
                   "would be taken for dead");
    case liveness::TokenTrial::stuck:
      return unfit(path, kind, "where a lock outlasts its mapping: deaths would not be noticed");
    case liveness::TokenTrial::no_locks:
      return unfit(path, kind,
                   "and the kernel refuses open-file-description locks (F_OFD_SETLK), "
                   "by which deaths are noticed",
                   check.error_number);
    case liveness::TokenTrial::untried:
      break;
  }
  if (named == Named::no) return {};  // tried again when it is opened by its name
  return system_error("cannot open a second time, to try its locks,", path, check.error_number);
}

}  // namespace shmbus::segment
