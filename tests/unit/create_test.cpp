// Creating: of many creators one wins and all are in the same bus; a file system without room is an
// error that says how much is missing and leaves nothing behind; so does one without O_TMPFILE.
#include "segment/create.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <set>
#include <thread>
#include <vector>

#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/no_tmpfile.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;

namespace {

std::size_t files_in(const std::string& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

constexpr int racers = 8;

struct Race {
  std::atomic<int> ready{0};
  std::atomic<std::uint64_t> inode[racers]{};
  std::atomic<std::uint64_t> bus_id[racers]{};
  std::atomic<std::uint32_t> party[racers]{};
  std::atomic<int> joined{0};

  bool one_bus() const {
    std::set<std::uint64_t> inodes;
    std::set<std::uint32_t> parties;
    for (int i = 0; i < racers; ++i) {
      inodes.insert(inode[i].load());
      parties.insert(party[i].load());
    }
    return inodes.size() == 1 && parties.size() == racers;
  }
};

/// Waits for the others, then opens; stays in until all are.
bool race(Race& shared, const std::string& path, int me) {
  shared.ready.fetch_add(1);
  while (shared.ready.load() < racers) {
  }
  auto core = detail::BusCore::open(path, {test::small_bus(), false});
  shared.joined.fetch_add(1);
  while (shared.joined.load() < racers) ::usleep(100);
  if (!core) {
    std::fprintf(stderr, "racer %d: %s\n", me, test::describe(core.error()).c_str());
    return false;
  }
  shared.inode[me] = segment::id_of(path).inode;
  shared.party[me] = (*core)->attachment().me.bits;
  return true;
}

/// A tmpfs of its own, unmounted at the end. Not valid without the right to mount.
class SmallFileSystem {
 public:
  explicit SmallFileSystem(const char* options) {
    mounted_ = ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, options) == 0;
  }
  SmallFileSystem(const SmallFileSystem&) = delete;
  SmallFileSystem& operator=(const SmallFileSystem&) = delete;
  ~SmallFileSystem() {
    if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool mounted() const noexcept { return mounted_; }
  [[nodiscard]] const std::string& path() const noexcept { return folder_.path(); }

 private:
  test::TempFolder folder_;
  bool mounted_ = false;
};

}  // namespace

TEST_CASE("eight threads create one bus", "[create]") {
  for (int round = 0; round < 20; ++round) {
    test::TempFolder folder;
    const auto path = folder.path() + "/bus";
    Race shared;
    std::atomic<int> fine{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < racers; ++i) {
      threads.emplace_back([&, i] { fine += race(shared, path, i) ? 1 : 0; });
    }
    for (auto& thread : threads) thread.join();
    REQUIRE(fine == racers);
    REQUIRE(shared.one_bus());
    REQUIRE(files_in(folder.path()) == 1);
  }
}

TEST_CASE("eight processes create one bus, with and without O_TMPFILE", "[create]") {
  for (int round = 0; round < 10; ++round) {
    test::TempFolder folder;
    const auto path = folder.path() + "/bus";
    test::Shared<Race> shared;
    std::vector<test::Child> children;
    for (int i = 0; i < racers; ++i) {
      children.emplace_back([&, i] {
        if (round % 2 == 1 && !test::forbid_tmpfile()) return 2;
        return race(*shared, path, i) ? 0 : 1;
      });
    }
    for (auto& child : children) REQUIRE(child.wait() == 0);
    REQUIRE(shared->one_bus());
    REQUIRE(files_in(folder.path()) == 1);
  }
}

TEST_CASE("without O_TMPFILE, what killed creators left is swept up by the next", "[create]") {
  test::TempFolder folder;
  const auto path = folder.path() + "/bus";
  const auto leftover = folder.path() + "/.bus.creating-1234";
  const auto other = folder.path() + "/.other.creating-1234";
  test::Child child([&] {
    if (!test::forbid_tmpfile()) return 2;
    (void)!::truncate(leftover.c_str(), 0);
    for (const auto& file : {leftover, other}) {
      const int fd = ::open(file.c_str(), O_CREAT | O_RDWR, 0600);
      if (fd < 0) return 3;
      ::close(fd);
    }
    return Bus::open(path, test::small_bus()) ? 0 : 1;
  });
  REQUIRE(child.wait() == 0);
  CHECK_FALSE(std::filesystem::exists(leftover));
  CHECK(std::filesystem::exists(other));  // not ours to remove
  CHECK(files_in(folder.path()) == 2);
  CHECK_OK(Bus::open(path, {.create = false}));
}

TEST_CASE("no room: says what it needs and what there is, and leaves nothing", "[create]") {
  const SmallFileSystem small("size=1m");
  if (!small.mounted()) {
    WARN("not allowed to mount a tmpfs: nothing checked");
    return;
  }
  for (const bool with_tmpfile : {true, false}) {
    const auto path = small.path() + "/bus";
    test::Child child([&] {
      if (!with_tmpfile && !test::forbid_tmpfile()) return 2;
      const auto opened = Bus::open(path);
      if (opened || opened.error().kind != ErrorKind::bus_unusable) return 3;
      if (opened.error().code != ENOSPC || opened.error().needed < 4'000'000) return 4;
      const auto text = opened.error().message.view();
      if (text.find("needs ") == text.npos || text.find("bytes, has ") == text.npos) return 5;
      if (text.find("smaller capacities") == text.npos) return 6;
      // What fits still works in the same place.
      return Bus::open(path + "2", test::small_bus()) ? 0 : 7;
    });
    REQUIRE(child.wait() == 0);
    CHECK_FALSE(std::filesystem::exists(path));
    CHECK(files_in(small.path()) == 1);
    std::filesystem::remove(path + "2");
  }
}

TEST_CASE("no inodes: an error, not a crash", "[create]") {
  const SmallFileSystem small("size=16m,nr_inodes=1");
  if (!small.mounted()) {
    WARN("not allowed to mount a tmpfs: nothing checked");
    return;
  }
  const auto opened = Bus::open(small.path() + "/bus");
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind == ErrorKind::bus_unusable);
}

TEST_CASE("a read-only place is not permitted", "[create]") {
  const SmallFileSystem small("size=16m,ro");
  if (!small.mounted()) {
    WARN("not allowed to mount a tmpfs: nothing checked");
    return;
  }
  CHECK(test::kind(Bus::open(small.path() + "/bus")) == ErrorKind::not_permitted);
}

TEST_CASE("the slots of a bus run out with the name of the option", "[create]") {
  test::TempBus bus;
  std::vector<std::shared_ptr<detail::BusCore>> all;
  for (int i = 0; i < 8; ++i) all.push_back(test::join(bus.path()));
  const auto refused = Bus::open(bus.path());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::limit_reached);
  CHECK(refused.error().message.view().find("capacities.participants") != std::string_view::npos);
  all.pop_back();
  CHECK_OK(Bus::open(bus.path()));
}
