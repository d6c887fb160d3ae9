#include "cli/host/permission.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "cli/exit_codes.hpp"
#include "common/units.hpp"

namespace shmbus::cli::host {
namespace {

std::uint32_t uid_of(const std::string& user) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max() - 1;
  if (const auto number = parse_whole_number(user, most)) {
    return static_cast<std::uint32_t>(*number);
  }
  const passwd* entry = ::getpwnam(user.c_str());
  if (entry == nullptr) throw UsageError(fmt::format("--reload-by: there is no user '{}'", user));
  return entry->pw_uid;
}

/// Nobody but this user and root can open it.
bool is_private(const std::string& bus_path) {
  struct stat status {};
  if (::stat(bus_path.c_str(), &status) != 0) return false;
  const bool own = status.st_uid == ::geteuid() || status.st_uid == 0;
  return own && (status.st_mode & 077U) == 0;
}

/// What the kernel says: a process shows its user there.
bool runs_as(std::uint32_t pid, std::uint32_t uid) {
  struct stat status {};
  return ::stat(fmt::format("/proc/{}", pid).c_str(), &status) == 0 && status.st_uid == uid;
}

}  // namespace

Permission::Permission(const std::string& bus_path, const std::vector<std::string>& named)
    : claims_are_proven_(is_private(bus_path)) {
  for (const auto& user : named) uids_.push_back(uid_of(user));
  if (named.empty() && claims_are_proven_) uids_ = {::geteuid(), 0};
}

std::string Permission::refusal_of(const CallerInfo& caller) const {
  if (uids_.empty()) {
    return "other users can write to this bus: start the host with --reload-by USER";
  }
  if (std::find(uids_.begin(), uids_.end(), caller.uid) == uids_.end()) {
    return fmt::format("uid {} may not: start the host with --reload-by for that user", caller.uid);
  }
  if (!claims_are_proven_ && !runs_as(caller.pid, caller.uid)) {
    return fmt::format("pid {} is no process of uid {} here", caller.pid, caller.uid);
  }
  return {};
}

}  // namespace shmbus::cli::host
