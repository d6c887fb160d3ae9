// Which file may serve as a bus: whose it is and whom it admits, what its file system does with
// locks, what the process itself is limited to. Each refusal says why and what to do.
#include "segment/admission.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>

#include "layout/header.hpp"
#include "layout/participant.hpp"
#include "os/file_lock.hpp"
#include "os/file_system.hpp"
#include "os/token_check.hpp"
#include "segment/create.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/no_ofd_locks.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;

namespace {

constexpr uid_t other_user = 4711;
constexpr uid_t third_user = 4712;

bool says(const Error& error, std::string_view text) {
  return error.message.view().find(text) != std::string_view::npos;
}
template <class T>
bool refused(const Result<T>& result, ErrorKind kind, std::string_view text) {
  return !result && result.error().kind == kind && says(result.error(), text);
}

/// ctest shows the case as skipped: see tests/CMakeLists.txt.
#define SKIP_TEST(why)                 \
  do {                                 \
    std::printf("SKIPPED: %s\n", why); \
    return;                            \
  } while (false)

bool is_root() { return ::geteuid() == 0; }

struct stat status_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status;
}

/// A bus of that user.
void make_bus_of(uid_t user, const std::string& path, std::uint32_t mode) {
  test::Child child([&] {
    if (::setuid(user) != 0) return 1;
    auto options = test::small_bus();
    options.mode = mode;
    return Bus::open(path, options) ? 0 : 2;
  });
  REQUIRE(child.wait() == 0);
}

OpenOptions asking(std::uint32_t mode, std::int64_t trust = trust_own_and_root) {
  auto options = test::small_bus();
  options.mode = mode;
  options.trust = trust;
  return options;
}

}  // namespace

TEST_CASE("another user's bus is refused unless that user is trusted", "[admission]") {
  if (!is_root()) SKIP_TEST("needs root, to be two users");
  test::TempBus bus;
  make_bus_of(other_user, bus.path(), 0666);
  for (const bool create : {true, false}) {
    auto options = asking(0666);
    options.create = create;
    const auto squatted = Bus::open(bus.path(), options);
    CHECK(refused(squatted, ErrorKind::not_permitted, "belongs to uid 4711, not to you (uid 0)"));
    CHECK(refused(squatted, ErrorKind::not_permitted, "OpenOptions::trust, --trust 4711"));
    options.trust = third_user;
    CHECK(test::kind(Bus::open(bus.path(), options)) == ErrorKind::not_permitted);
    options.trust = other_user;
    CHECK_OK(Bus::open(bus.path(), options));
    options.trust = trust_anybody;
    CHECK_OK(Bus::open(bus.path(), options));
  }
  CHECK_OK(Bus::open(bus.path(), asking(0600, other_user)));  // with the permissions that it chose
  test::Child third([&] {
    if (::setuid(third_user) != 0) return 1;
    if (test::kind(Bus::open(bus.path(), asking(0666))) != ErrorKind::not_permitted) return 2;
    return Bus::open(bus.path(), asking(0666, other_user)) ? 0 : 3;
  });
  CHECK(third.wait() == 0);
}

TEST_CASE("what is refused is left as it is", "[admission]") {
  if (!is_root()) SKIP_TEST("needs root, to be two users");
  test::TempBus bus;
  make_bus_of(other_user, bus.path(), 0666);
  const auto before = status_of(bus.path());
  CHECK_FALSE(Bus::open(bus.path(), asking(0600)));
  // Also when it could not be used any more.
  REQUIRE(::truncate(bus.path().c_str(), 5000) == 0);
  CHECK_FALSE(Bus::open(bus.path(), asking(0600)));
  CHECK(status_of(bus.path()).st_ino == before.st_ino);
  CHECK(status_of(bus.path()).st_uid == other_user);
}

TEST_CASE("root's bus serves everybody whom it admits", "[admission]") {
  if (!is_root()) SKIP_TEST("needs root, to be two users");
  test::TempBus bus;
  CHECK_OK(Bus::open(bus.path(), asking(0666)));
  test::Child user([&] {
    if (::setuid(other_user) != 0) return 1;
    return Bus::open(bus.path(), asking(0666)) ? 0 : 2;
  });
  CHECK(user.wait() == 0);
}

TEST_CASE("wider permissions than asked for are refused, narrower ones are not", "[admission]") {
  test::TempBus bus;
  CHECK_OK(Bus::open(bus.path(), asking(0660)));
  const auto wide = Bus::open(bus.path(), asking(0600));
  CHECK(refused(wide, ErrorKind::not_permitted, "has mode 0660, wider than the 0600 asked for"));
  CHECK(refused(wide, ErrorKind::not_permitted, "OpenOptions::mode"));
  CHECK_FALSE(Bus::open(bus.path(), asking(0606)));
  CHECK_OK(Bus::open(bus.path(), asking(0666)));
  CHECK_OK(Bus::open(bus.path(), asking(0600, ::geteuid())));
  CHECK_OK(Bus::open(bus.path()));  // asks for none
  CHECK_OK(Bus::open(bus.path(), {.create = false}));
  auto other_group = asking(0660);
  other_group.group = 4711;
  CHECK(refused(Bus::open(bus.path(), other_group), ErrorKind::not_permitted, "admits gid"));
}

TEST_CASE("a link in /dev/shm is not followed", "[admission]") {
  const std::string name = "test-link." + std::to_string(::getpid());
  const std::string link = "/dev/shm/shmbus." + name;
  test::TempBus bus;
  CHECK_OK(Bus::open(bus.path(), asking(0600)));
  REQUIRE(::symlink(bus.path().c_str(), link.c_str()) == 0);
  CHECK(refused(Bus::open(name), ErrorKind::bus_unusable, "is a symbolic link"));
  CHECK_OK(Bus::open(link, asking(0600)));  // as a path that somebody chose
  ::unlink(link.c_str());
}

TEST_CASE("a link that leads nowhere is reported as such, at once", "[admission]") {
  test::TempFolder folder;
  const std::string link = folder.path() + "/bus";
  REQUIRE(::symlink("/no/such/file", link.c_str()) == 0);
  const auto began = std::chrono::steady_clock::now();
  CHECK(
      refused(Bus::open(link), ErrorKind::bus_unusable, "is a symbolic link to a file that does"));
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(1));
}

TEST_CASE("a kernel without locks of descriptions is reported as such", "[admission]") {
  for (const int error_number : {EINVAL, ENOLCK, EPERM, EACCES}) {
    test::TempBus bus;
    test::Child child([&] {
      if (!test::forbid_ofd_locks(error_number)) return 77;
      const auto opened = Bus::open(bus.path(), test::small_bus());
      if (opened) return 1;
      const bool told = says(opened.error(), "refuses open-file-description locks (F_OFD_SETLK)") &&
                        says(opened.error(), "/dev/shm") && opened.error().code == error_number;
      return told && !std::filesystem::exists(bus.path()) ? 0 : 2;
    });
    const int code = child.wait();
    if (code == 77) SKIP_TEST("no seccomp filters here");
    CHECK(code == 0);
  }
}

TEST_CASE("the token holds on what serves as memory, and on disks", "[admission]") {
  for (const char* folder : {"/dev/shm", "/tmp"}) {
    test::TempBus file(folder);
    const int fd = ::open(file.path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file_system::kind_of(fd).name != "overlayfs") {
      CHECK(liveness::check_token(fd, nullptr).trial == liveness::TokenTrial::holds);
      CHECK(liveness::check_token(fd, file.path().c_str()).trial == liveness::TokenTrial::holds);
    }
    ::close(fd);
  }
}

TEST_CASE("overlayfs is refused by name, before anybody is judged", "[admission]") {
  test::TempFolder folder;
  test::Child child([&] {
    const std::string& in = folder.path();
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, "") != 0 ||
        ::mount("t", in.c_str(), "tmpfs", 0, nullptr) != 0) {
      return 77;
    }
    for (const char* sub : {"/l", "/u", "/w", "/o"}) ::mkdir((in + sub).c_str(), 0700);
    const std::string options = "lowerdir=" + in + "/l,upperdir=" + in + "/u,workdir=" + in + "/w";
    if (::mount("o", (in + "/o").c_str(), "overlay", 0, options.c_str()) != 0) return 77;
    const std::string path = in + "/o/bus";
    const auto made = Bus::open(path, test::small_bus());
    if (made || made.error().kind != ErrorKind::bus_unusable) return 1;
    if (!says(made.error(), "lies on overlayfs") || !says(made.error(), "/dev/shm")) return 2;
    if (std::filesystem::exists(path)) return 3;
    // One that is there: its participants came by another way, and their locks do not show here.
    auto below = Bus::open(in + "/u/other", test::small_bus());
    if (!below) return 4;
    const auto joined = Bus::open(in + "/o/other", test::small_bus());
    if (joined || !says(joined.error(), "the living would be taken for dead")) return 5;
    return below->caller("still.here") ? 0 : 6;
  });
  const int code = child.wait();
  if (code == 77) SKIP_TEST("no mounts here: needs root");
  CHECK(code == 0);
}

TEST_CASE("file systems are known by name", "[admission]") {
  CHECK(file_system::kind_of_type(0x01021994).name == "tmpfs");
  CHECK_FALSE(file_system::kind_of_type(0x01021994).remote);
  for (const std::uint64_t type : {0x6969ULL, 0x65735546ULL, 0xFE534D42ULL, 0x01021997ULL}) {
    CHECK(file_system::kind_of_type(type).remote);
  }
  CHECK(file_system::kind_of_type(0x1234).name.empty());
  CHECK(file_system::kind_of(-1).name.empty());
}

TEST_CASE("a limit of file sizes is an error, not a signal", "[admission]") {
  test::TempBus bus;
  test::TempBus empty;
  std::ofstream(empty.path()).flush();
  const auto needed = segment::geometry_for(test::small_bus().capacities)->segment_bytes;
  test::Child child([&] {
    for (const std::uint64_t limit : {std::uint64_t{0}, std::uint64_t{1000}, needed - 1}) {
      const rlimit few{limit, RLIM_INFINITY};
      if (::setrlimit(RLIMIT_FSIZE, &few) != 0) return 1;
      for (const auto& path : {bus.path(), empty.path()}) {
        const auto opened = Bus::open(path, asking(0666));
        if (opened || opened.error().code != EFBIG) return 2;
        if (!says(opened.error(), "RLIMIT_FSIZE") || !says(opened.error(), "ulimit -f")) return 3;
      }
    }
    const rlimit enough{needed, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &enough) != 0) return 4;
    return Bus::open(bus.path(), test::small_bus()) ? 0 : 5;
  });
  CHECK(child.wait() == 0);
}

TEST_CASE("an empty file that was prepared is filled and keeps owner, group and mode",
          "[admission]") {
  test::TempBus bus;
  std::ofstream(bus.path()).flush();
  const gid_t group = is_root() ? 4711 : ::getegid();
  REQUIRE(::chown(bus.path().c_str(), static_cast<uid_t>(-1), group) == 0);
  REQUIRE(::chmod(bus.path().c_str(), 0660) == 0);
  const auto before = status_of(bus.path());
  CHECK(refused(Bus::open(bus.path(), asking(0600)), ErrorKind::not_permitted, "0660"));
  CHECK_OK(Bus::open(bus.path(), test::small_bus()));
  const auto after = status_of(bus.path());
  CHECK(after.st_ino == before.st_ino);
  CHECK(after.st_blocks * 512 >= after.st_size);  // its pages are reserved
  CHECK(after.st_gid == group);
  CHECK((after.st_mode & 0777U) == 0660);
  CHECK_OK(Bus::open(bus.path(), asking(0660)));
}

TEST_CASE("filling that was interrupted is done anew", "[admission]") {
  test::TempBus whole;
  CHECK_OK(Bus::open(whole.path(), test::small_bus()));
  test::TempBus bus;
  {
    std::ifstream from(whole.path(), std::ios::binary);
    std::string header(sizeof(layout::Header), '\0');
    from.read(header.data(), static_cast<std::streamsize>(header.size()));
    std::ofstream(bus.path(), std::ios::binary) << header;
  }
  REQUIRE(::chmod(bus.path().c_str(), 0640) == 0);
  const auto inode = status_of(bus.path()).st_ino;
  CHECK_OK(Bus::open(bus.path(), asking(0640)));
  CHECK(status_of(bus.path()).st_ino == inode);
}

TEST_CASE("many who find an empty file end up on one bus", "[admission]") {
  test::TempBus bus;
  std::ofstream(bus.path()).flush();
  std::vector<test::Child> children;
  for (int i = 0; i < 6; ++i) {
    children.emplace_back([&] {
      auto opened = Bus::open(bus.path(), asking(0666));
      return opened && opened->caller("x") ? 0 : 1;
    });
  }
  for (auto& child : children) CHECK(child.wait() == 0);
}
