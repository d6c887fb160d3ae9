#include "cli/host/trusted_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>
#include <mutex>
#include <utility>

#include "cli/host/image.hpp"
#include "os/descriptor.hpp"

namespace shmbus::cli::host {
namespace {

constexpr int links_max = 40;  // as the kernel

class Folder {
 public:
  explicit Folder(int fd) noexcept : fd_(fd) {}
  Folder(Folder&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Folder& operator=(Folder&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw PluginError(fmt::format("{}: {}", path, what));
}

/// The group holds its user alone, as Debian and others make one for each user.
bool is_private_group(gid_t group, uid_t user) {
  static std::mutex mutex;  // what follows walks over shared state
  const std::scoped_lock lock(mutex);
  const passwd* owner = ::getpwuid(user);
  if (owner == nullptr) return false;
  const std::string name = owner->pw_name;
  const ::group* entry = ::getgrgid(group);
  if (entry == nullptr) return false;
  for (char** member = entry->gr_mem; *member != nullptr; ++member) {
    if (name != *member) return false;
  }
  bool alone = true;
  ::setpwent();
  for (const passwd* one = ::getpwent(); one != nullptr; one = ::getpwent()) {
    alone = alone && (one->pw_gid != group || one->pw_uid == user);
  }
  ::endpwent();
  return alone;
}

void check_owner(const std::string& shown, const struct stat& status) {
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    refuse(shown, fmt::format("belongs to uid {}, neither to the user of the host nor to root",
                              status.st_uid));
  }
}

void check_writers(const std::string& shown, const struct stat& status) {
  if ((status.st_mode & S_IWOTH) != 0) {
    refuse(shown, "can be written by everybody: chmod o-w");
  }
  const bool group = (status.st_mode & S_IWGRP) != 0;
  if (group && !is_private_group(status.st_gid, status.st_uid)) {
    refuse(shown, fmt::format("can be written by group {}: chmod g-w", status.st_gid));
  }
}

void check_folder(const std::string& shown, int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) refuse(shown, std::strerror(errno));
  check_owner(shown, status);
  // There, only owners take away or replace what is theirs.
  if ((status.st_mode & S_ISVTX) != 0) return;
  check_writers(shown, status);
}

/// Walks from the root, a name at a time, and never again over what it has passed.
class Walk {
 public:
  explicit Walk(const std::string& path) : wanted_(path) {
    push_front(path);
    if (path.empty() || path.front() != '/') {
      std::array<char, PATH_MAX> here{};
      if (::getcwd(here.data(), here.size()) == nullptr) refuse(path, std::strerror(errno));
      push_front(here.data());
    }
    to_root();
  }

  int open_file() {
    while (!names_.empty()) {
      const std::string name = std::move(names_.front());
      names_.pop_front();
      if (name == "..") {
        up();
        continue;
      }
      struct stat status {};
      if (::fstatat(at_.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        refuse(wanted_, std::strerror(errno));
      }
      if (S_ISLNK(status.st_mode)) {
        check_owner(shown(name), status);  // in a sticky folder it could be anybody's
        follow(name);
      } else if (S_ISDIR(status.st_mode)) {
        enter(name);
      } else if (names_.empty()) {
        return last(name);
      } else {
        refuse(shown(name), "is no folder");
      }
    }
    refuse(wanted_, "is not a file");
  }

 private:
  [[nodiscard]] std::string shown(const std::string& name) const {
    std::string text;
    for (const auto& one : passed_) text += "/" + one;
    return text + "/" + name;
  }

  void push_front(std::string_view path) {
    std::deque<std::string> names;
    while (!path.empty()) {
      const auto end = std::min(path.find('/'), path.size());
      const auto name = path.substr(0, end);
      if (!name.empty() && name != ".") names.emplace_back(name);
      path.remove_prefix(std::min(end + 1, path.size()));
    }
    names_.insert(names_.begin(), names.begin(), names.end());
  }

  void to_root() {
    at_ = Folder(descriptor::open("/", O_PATH | O_DIRECTORY));
    if (at_.fd() < 0) refuse(wanted_, std::strerror(errno));
    passed_.clear();
    check_folder("/", at_.fd());
  }

  void up() {
    if (passed_.empty()) return;
    passed_.pop_back();
    at_ = Folder(descriptor::open_at(at_.fd(), "..", O_PATH | O_DIRECTORY));
    if (at_.fd() < 0) refuse(wanted_, std::strerror(errno));
    check_folder(shown("."), at_.fd());
  }

  void enter(const std::string& name) {
    Folder next(descriptor::open_at(at_.fd(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
    if (next.fd() < 0) refuse(shown(name), std::strerror(errno));
    check_folder(shown(name), next.fd());
    at_ = std::move(next);
    passed_.push_back(name);
  }

  void follow(const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const ssize_t bytes = ::readlinkat(at_.fd(), name.c_str(), target.data(), target.size());
    if (bytes <= 0 || static_cast<std::size_t>(bytes) >= target.size() || ++links_ > links_max) {
      refuse(shown(name), "is a symbolic link that leads nowhere");
    }
    const std::string_view path(target.data(), static_cast<std::size_t>(bytes));
    if (path.front() == '/') to_root();
    push_front(path);
  }

  int last(const std::string& name) {
    const int fd =
        descriptor::open_at(at_.fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) refuse(shown(name), std::strerror(errno));
    Folder file(fd);  // closes it when it is refused
    struct stat status {};
    if (::fstat(fd, &status) != 0) refuse(shown(name), std::strerror(errno));
    if (!S_ISREG(status.st_mode)) refuse(shown(name), "is not a file");
    check_owner(shown(name), status);
    check_writers(shown(name), status);
    return file.release();
  }

  std::string wanted_;
  std::deque<std::string> names_;   ///< still to be walked
  std::deque<std::string> passed_;  ///< folders from the root to here
  Folder at_{-1};
  int links_ = 0;
};

}  // namespace

int open_trusted(const std::string& path) { return Walk(path).open_file(); }

}  // namespace shmbus::cli::host
