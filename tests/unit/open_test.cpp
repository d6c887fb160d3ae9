// Opening what is there: a sound bus is joined, what once was a bus is replaced when nobody has it
// open, anything else is left alone; each refusal says what is wrong and what to do.
#include "segment/open.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "layout/header.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;

namespace {

bool says(const Error& error, std::string_view text) {
  return error.message.view().find(text) != std::string_view::npos;
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// Changes the header of the bus at `path` behind everybody's back.
void edit_header(const std::string& path, const std::function<void(layout::Header&)>& edit) {
  layout::Header header;
  const int fd = ::open(path.c_str(), O_RDWR);
  REQUIRE(::pread(fd, &header, sizeof header, 0) == sizeof header);
  edit(header);
  REQUIRE(::pwrite(fd, &header, sizeof header, 0) == sizeof header);
  ::close(fd);
}

/// A bus that was made once and that nobody has open.
struct IdleBus : test::TempBus {
  IdleBus() { (void)test::join(path()); }
  [[nodiscard]] std::uint64_t inode() const { return segment::id_of(path()).inode; }
};

void check_replaced(const IdleBus& bus, std::uint64_t old_inode) {
  const auto opened = Bus::open(bus.path(), test::small_bus());
  REQUIRE_OK(opened);
  CHECK(bus.inode() != old_inode);
}

}  // namespace

TEST_CASE("a bus stays after its last participant and is joined again", "[open]") {
  IdleBus bus;
  const auto inode = bus.inode();
  const auto again = Bus::open(bus.path());
  REQUIRE_OK(again);
  CHECK(bus.inode() == inode);
  CHECK(again->path() == bus.path());
  CHECK(again->segment_bytes() == std::filesystem::file_size(bus.path()));
}

TEST_CASE("names live in /dev/shm under a prefix, paths where they say", "[open]") {
  CHECK(segment::locate("shop")->path == "/dev/shm/shmbus.shop");
  CHECK(segment::locate("/run/x/bus")->path == "/run/x/bus");
  CHECK(segment::locate("./bus")->path == "./bus");
  for (const auto& bad :
       {std::string(""), std::string("."), std::string(".."), std::string("/tmp/"),
        std::string("a\0b", 3), std::string("/tmp/a\0b", 8), std::string(201, 'x')}) {
    CHECK(test::kind(segment::locate(bad)) == ErrorKind::invalid_argument);
    CHECK(test::kind(Bus::open(bad)) == ErrorKind::invalid_argument);
  }
}

TEST_CASE("without create, a missing bus is an error and nothing is made", "[open]") {
  test::TempBus bus;
  const auto opened = Bus::open(bus.path(), {.create = false});
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind == ErrorKind::bus_unusable);
  CHECK(opened.error().code == ENOENT);
  CHECK(says(opened.error(), bus.path()));
  CHECK_FALSE(std::filesystem::exists(bus.path()));
}

TEST_CASE("a folder that is missing or not a folder is named", "[open]") {
  const auto missing = Bus::open("/tmp/shmbus-test-no-such-folder/bus");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ENOENT);
  CHECK(says(missing.error(), "shmbus-test-no-such-folder"));
  CHECK_FALSE(Bus::open("/etc/passwd/bus"));
  const auto folder = Bus::open("/tmp");
  REQUIRE_FALSE(folder);
  CHECK_FALSE(says(folder.error(), "usable;"));
}

TEST_CASE("a foreign file is refused and not touched", "[open]") {
  for (const std::string& content : {std::string("#!/bin/sh\necho precious\n"), std::string("abc"),
                                     std::string(1U << 16U, '\0')}) {
    test::TempBus bus;
    write_file(bus.path(), content);
    const auto opened = Bus::open(bus.path());
    REQUIRE_FALSE(opened);
    CHECK(opened.error().kind == ErrorKind::bus_unusable);
    CHECK(says(opened.error(), "is not a bus; choose another name or path"));
    CHECK(std::filesystem::file_size(bus.path()) == content.size());
  }
}

TEST_CASE("an empty file becomes a bus", "[open]") {
  test::TempBus bus;
  write_file(bus.path(), "");
  CHECK(test::kind(Bus::open(bus.path(), {.create = false})) == ErrorKind::bus_unusable);
  CHECK(std::filesystem::file_size(bus.path()) == 0);
  CHECK_OK(Bus::open(bus.path(), test::small_bus()));
}

TEST_CASE("an idle bus of another version, damaged or truncated, is replaced", "[open]") {
  IdleBus bus;
  auto inode = bus.inode();
  edit_header(bus.path(), [](auto& h) { h.layout_major += 1; });
  const auto refused = Bus::open(bus.path(), {.create = false});
  REQUIRE_FALSE(refused);
  const std::string minor = "." + std::to_string(layout::layout_minor);
  const std::string ours = std::to_string(layout::layout_major) + minor;
  const std::string theirs = std::to_string(layout::layout_major + 1) + minor;
  CHECK(says(refused.error(),
             "another layout version (file " + theirs + ", this library " + ours + ")"));
  check_replaced(bus, inode);

  inode = bus.inode();
  REQUIRE(::truncate(bus.path().c_str(), 8192) == 0);
  check_replaced(bus, inode);
  inode = bus.inode();
  REQUIRE(::truncate(bus.path().c_str(), 100) == 0);  // within the header
  check_replaced(bus, inode);

  using Edit = std::function<void(layout::Header&)>;
  for (const Edit& edit :
       {Edit([](auto& h) { h.capacities.lanes = 0; }),
        Edit([](auto& h) { h.capacities.lanes = ~0U; }),
        Edit([](auto& h) { h.capacities.cells_per_lane = 7; }),
        Edit([](auto& h) { h.capacities.names += 1; }),
        Edit([](auto& h) { h.segment_bytes += 4096; }),
        Edit([](auto& h) { h.segment_bytes = ~0ULL; }), Edit([](auto& h) { h.ticks_per_s = 0; }),
        Edit([](auto& h) { h.ticks_per_s = ~0ULL; })}) {
    inode = bus.inode();
    edit_header(bus.path(), edit);
    CHECK(test::kind(Bus::open(bus.path(), {.create = false})) == ErrorKind::bus_unusable);
    check_replaced(bus, inode);
  }
}

TEST_CASE("a newer minor version is joined", "[open]") {
  IdleBus bus;
  const auto inode = bus.inode();
  edit_header(bus.path(), [](auto& h) { h.layout_minor += 5; });
  CHECK_OK(Bus::open(bus.path()));
  CHECK(bus.inode() == inode);
}

TEST_CASE("an unusable bus that processes have open is not replaced", "[open]") {
  test::TempBus bus;
  const auto user = test::join(bus.path());
  const auto inode = segment::id_of(bus.path()).inode;
  edit_header(bus.path(), [](auto& h) { h.layout_major += 1; });
  const auto refused = Bus::open(bus.path());
  REQUIRE_FALSE(refused);
  CHECK(says(refused.error(), "processes still have it open: stop them, or open another name"));
  CHECK(segment::id_of(bus.path()).inode == inode);
  edit_header(bus.path(), [](auto& h) { h.layout_major -= 1; });
  CHECK_OK(Bus::open(bus.path()));
}

TEST_CASE("mode is as asked, whatever the umask", "[open]") {
  const auto mode_of = [](const std::string& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 0777U;
  };
  const auto before = ::umask(0077);
  test::TempBus standard;
  test::TempBus shared;
  auto options = test::small_bus();
  CHECK_OK(Bus::open(standard.path(), options));
  options.mode = 0660;
  CHECK_OK(Bus::open(shared.path(), options));
  ::umask(before);
  CHECK(mode_of(standard.path()) == 0600);
  CHECK(mode_of(shared.path()) == 0660);
}

TEST_CASE("the bus was created with the options of its creator", "[open]") {
  test::TempBus bus;
  const auto creator = test::join(bus.path());
  const auto joiner = test::join(bus.path(), {});
  CHECK(joiner->view().capacities() == creator->view().capacities());
  CHECK(joiner->view().capacities().lanes == 8);
}
