// What is read of /proc/PID/maps: os/proc_maps.
#include "os/proc_maps.hpp"

#include "support/catch.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace {

using namespace shmbus;
using proc_maps::Found;

/// Two pages of a new file, mapped from its second page on.
struct MappedFile {
  explicit MappedFile(const std::string& name) {
    path = std::filesystem::temp_directory_path() / name;
    fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    REQUIRE(::ftruncate(fd, 3L * 4096) == 0);
    address = ::mmap(nullptr, 2UL * 4096, PROT_READ, MAP_SHARED, fd, 4096);
    REQUIRE(address != MAP_FAILED);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
    ::munmap(address, 2UL * 4096);
    ::close(fd);
    ::unlink(path.c_str());
  }
  std::filesystem::path path;
  int fd = -1;
  void* address = nullptr;
};

std::uint32_t our_pid() { return static_cast<std::uint32_t>(::getpid()); }

}  // namespace

TEST_CASE("the file at an address is found in the mappings of this process", "[proc_maps]") {
  const std::string own = std::to_string(::getpid());
  const MappedFile one("shmbus-maps-one-" + own);
  const MappedFile two("shmbus-maps-two-" + own);
  const auto file = proc_maps::file_at(one.address);
  CHECK(file.find(':') != std::string::npos);
  CHECK(file == proc_maps::file_at(static_cast<char*>(one.address) + 4096));
  CHECK(file != proc_maps::file_at(two.address));
  CHECK(proc_maps::file_at(nullptr).empty());

  CHECK(proc_maps::maps(our_pid(), file) == Found::yes);
  CHECK(proc_maps::maps(our_pid(), file, 4096) == Found::yes);
  CHECK(proc_maps::maps(our_pid(), file, 0) == Found::no);
  CHECK(proc_maps::maps(our_pid(), "00:00 1") == Found::no);
  CHECK(proc_maps::maps(0, file) == Found::unknown);
}

TEST_CASE("the path of a mapping is never read as a mapping", "[proc_maps]") {
  // The line of this file is cut inside its name, and what follows looks like a line of its own.
  const auto folder = std::filesystem::temp_directory_path() /
                      ("shmbus-maps-" + std::to_string(::getpid()) + std::string(200, 'x'));
  const auto deep = folder / std::string(200, 'y');
  std::filesystem::create_directories(deep);
  {
    const std::string forged = "1000-2000 r--s 00005000 fe:77 4242 ";
    for (std::size_t pad = 0; pad < 70; pad += 1) {
      const auto at = deep / (std::string(pad, 'z') + forged);
      const int fd = ::open(at.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      REQUIRE(fd >= 0);
      REQUIRE(::ftruncate(fd, 4096) == 0);
      void* const address = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
      REQUIRE(address != MAP_FAILED);
      CHECK(proc_maps::maps(our_pid(), "fe:77 4242") == Found::no);
      ::munmap(address, 4096);
      ::close(fd);
    }
  }
  std::filesystem::remove_all(folder);
}
