// The doctor about what is not forged word by word: files that are no bus or stop being one, bytes
// at random, and machines that lack something.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "os/clock.hpp"
#include "segment/create.hpp"
#include "support/catch.hpp"
#include "unit/doctor_lab.hpp"

using namespace shmbus;
using namespace shmbus::test;
using inspect::HostFacts;
using inspect::Reader;

TEST_CASE("random bytes all over the segment crash no inspection") {
  const TempBus place;
  REQUIRE(segment::create(*segment::locate(place.path()), small_bus()));
  const auto reader = Reader::open(place.path());
  REQUIRE_OK(reader);
  const int fd = ::open(place.path().c_str(), O_RDWR | O_CLOEXEC);
  std::uint64_t state = 88172645463325252ULL;
  std::vector<std::uint64_t> noise((reader->header().segment_bytes - layout::header_bytes) / 8);
  for (int round = 0; round < 20; ++round) {
    for (auto& word : noise) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      word = state;
    }
    const auto bytes = static_cast<ssize_t>(noise.size() * 8);
    REQUIRE(::pwrite(fd, noise.data(), noise.size() * 8, layout::header_bytes) == bytes);
    CHECK_FALSE(inspect::examine(*reader).empty());
  }
  ::close(fd);
}

TEST_CASE("a file that changes under a reader is told") {
  const TempBus place;
  REQUIRE(segment::create(*segment::locate(place.path()), small_bus()));
  const auto reader = Reader::open(place.path());
  REQUIRE_OK(reader);
  const auto examine = [&] { return inspect::examine(*reader); };
  INFO(list(examine()));
  REQUIRE(examine().empty());
  const int fd = ::open(place.path().c_str(), O_RDWR | O_CLOEXEC);
  const auto& extents = reader->view().geometry().extents;
  if (::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(extents.offset), 4096) == 0) {
    CHECK(find(examine(), "sparse-file") != nullptr);
  }
  REQUIRE(::ftruncate(fd, 4096) == 0);
  CHECK(find(examine(), "truncated") != nullptr);
  REQUIRE(::unlink(place.path().c_str()) == 0);
  CHECK(find(examine(), "replaced") != nullptr);
  ::close(fd);
}

TEST_CASE("a file that is no usable bus is judged by what it is") {
  const TempFolder folder;
  const auto id_of = [](const std::string& path) {
    const auto report = inspect::look_at(path);
    REQUIRE_OK(report);
    CHECK_FALSE(Reader::open(path));
    const auto findings = inspect::examine_file(*report);
    return findings.empty() ? std::string() : findings[0].id;
  };
  const auto write = [&](const std::string& name, const void* data, std::size_t bytes) {
    const std::string path = folder.path() + "/" + name;
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    REQUIRE(::write(fd, data, bytes) == static_cast<ssize_t>(bytes));
    ::close(fd);
    return path;
  };
  layout::Header header{};
  header.magic = layout::magic;
  header.layout_major = layout::layout_major + 1;
  CHECK(id_of(folder.path() + "/none") == "no-bus");
  CHECK(id_of(write("empty", "", 0)) == "empty-file");
  CHECK(id_of(write("foreign", "something else", 14)) == "not-a-bus");
  CHECK(id_of(write("newer", &header, sizeof header)) == "other-version");
  header.layout_major = layout::layout_major;
  CHECK(id_of(write("damaged", &header, sizeof header)) == "damaged-header");
  CHECK(id_of(write("stub", &header, 16)) == "truncated");
}

TEST_CASE("what goes away by itself is not reported") {
  const std::vector<Finding> first{{Severity::error, "a", "lane 1.1", "", ""},
                                   {Severity::error, "a", "lane 2.1", "", ""}};
  const std::vector<Finding> second{{Severity::error, "a", "lane 2.1", "", ""},
                                    {Severity::error, "a", "lane 2.2", "", ""}};
  const auto left = inspect::persisting(first, second);
  REQUIRE(left.size() == 1);
  CHECK(left[0].subject == "lane 2.1");
}

TEST_CASE("each lack of a machine is found") {
  HostFacts healthy;
  healthy.bus_path = "/dev/shm/shmbus.x";
  healthy.in_dev_shm = true;
  healthy.kernel = "6.1.0";
  healthy.kernel_major = 6;
  healthy.kernel_minor = 1;
  healthy.usable_cpus = 4;
  healthy.segment_bytes = 6U << 20U;
  healthy.file_system_bytes = 1U << 30U;
  healthy.file_system_free_bytes = 1U << 29U;
  REQUIRE(inspect::examine_host(healthy).empty());
  const auto expect = [&](const char* id, const std::function<void(HostFacts&)>& change) {
    HostFacts facts = healthy;
    change(facts);
    const auto findings = inspect::examine_host(facts);
    INFO(id << " among\n" << list(findings));
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].id == id);
    CHECK_FALSE(findings[0].mend.empty());
  };
  expect("no-futex-waitv", [](HostFacts& f) { f.has_futex_waitv = false; });
  expect("no-membarrier", [](HostFacts& f) { f.has_membarrier = false; });
  expect("no-wipe-on-fork", [](HostFacts& f) { f.has_wipe_on_fork = false; });
  expect("one-cpu", [](HostFacts& f) { f.usable_cpus = 1; });
  expect("file-system-full", [](HostFacts& f) { f.file_system_free_bytes = 1U << 20U; });
  expect("file-system-full", [](HostFacts& f) { f.file_system_free_bytes = 40U << 20U; });
  expect("on-disk", [](HostFacts& f) { f.in_memory = false; });
  expect("limit-open-files", [](HostFacts& f) { f.open_files_limit = 16; });
  expect("limit-address-space", [](HostFacts& f) { f.address_space_limit = 8U << 20U; });
  expect("limit-file-size", [](HostFacts& f) { f.file_size_limit = 1U << 20U; });
  expect("on-deleted-file", [](HostFacts& f) { f.on_deleted_file = {4711}; });
  using liveness::TokenTrial;
  expect("unfit-file-system", [](HostFacts& f) { f.token = TokenTrial::lost; });
  expect("unfit-file-system", [](HostFacts& f) { f.token = TokenTrial::stuck; });
  expect("unfit-file-system", [](HostFacts& f) { f.remote_file_system = true; });
  expect("no-file-locks", [](HostFacts& f) { f.token = TokenTrial::no_locks; });
  expect("wrong-clock-rate", [](HostFacts& f) { f.clock_agrees = false; });
  expect("foreign-owner", [](HostFacts& f) {
    f.own_uid = 0;
    f.file = segment::FileStatus{{}, 0, true, 4711, 4711, 0660};
  });
  expect("open-to-all", [](HostFacts& f) {
    f.own_uid = 4711;
    f.file = segment::FileStatus{{}, 0, true, 4711, 4711, 0666};
  });
  expect("remove-ipc", [](HostFacts& f) {
    f.systemd = f.removes_ipc = true;
    f.system_user = false;
  });
}

TEST_CASE("logind's configuration is read as logind reads it") {
  using inspect::removes_ipc_by;
  CHECK(removes_ipc_by({}));
  CHECK(removes_ipc_by({"[Login]\n#RemoveIPC=yes\n"}));
  CHECK_FALSE(removes_ipc_by({"[Login]\n#RemoveIPC=no\n"}));
  CHECK_FALSE(removes_ipc_by({"[Login]\nRemoveIPC=no\n"}));
  CHECK_FALSE(removes_ipc_by({"#RemoveIPC=yes", "RemoveIPC=no"}));
  CHECK(removes_ipc_by({"RemoveIPC=no\n", "[Login]\nRemoveIPC=yes\n"}));
}

TEST_CASE("the facts of this machine can be had") {
  const TempBus place;
  const auto core = join(place.path());
  const auto facts = inspect::gather_host_facts(place.path(), ::getuid(), 1U << 20U);
  CHECK(facts.kernel_major >= 4);
  CHECK(facts.file_system_bytes != 0);
  CHECK(facts.usable_cpus >= 1);
  CHECK(facts.on_deleted_file.empty());
  CHECK(facts.file_system == "tmpfs");
  CHECK(facts.token == liveness::TokenTrial::holds);
  REQUIRE(facts.file);
  CHECK(facts.file->uid == ::geteuid());
  CHECK(facts.clock_agrees);
  const auto wrong = wait::ticks_per_second() * 11;
  CHECK_FALSE(inspect::gather_host_facts(place.path(), ::getuid(), 1U << 20U, wrong).clock_agrees);
  REQUIRE(::unlink(place.path().c_str()) == 0);
  const auto after = inspect::gather_host_facts(place.path(), ::getuid(), 1U << 20U);
  CHECK(after.on_deleted_file ==
        std::vector<std::uint32_t>{static_cast<std::uint32_t>(::getpid())});
}
