// Whose files a host of plug-ins takes, and who may ask it to; what doctor says about containers.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/exit_codes.hpp"
#include "cli/host/image.hpp"
#include "cli/host/permission.hpp"
#include "cli/host/trusted_file.hpp"
#include "inspect/doctor.hpp"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace shmbus::test;
namespace host = shmbus::cli::host;
namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t nobody = 65534;

/// Why a file is refused; empty when it is taken.
std::string refusal(const std::string& path) {
  try {
    const host::Image file(host::open_trusted(path));
    return {};
  } catch (const host::PluginError& e) {
    return e.what();
  }
}
bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
void make_file(const std::string& path, mode_t mode = 0644) {
  std::ofstream(path) << "x";
  ::chmod(path.c_str(), mode);
}
CallerInfo caller(std::uint32_t uid, std::uint32_t pid = static_cast<std::uint32_t>(::getpid())) {
  CallerInfo info;
  info.uid = uid;
  info.pid = pid;
  return info;
}

std::vector<std::string> ids(const inspect::HostFacts& facts) {
  std::vector<std::string> all;
  for (const auto& finding : inspect::examine_host(facts)) all.push_back(finding.id);
  return all;
}
bool has(const std::vector<std::string>& all, const std::string& id) {
  return std::find(all.begin(), all.end(), id) != all.end();
}

}  // namespace

TEST_CASE("plug-in files: only those that nobody else can change or replace") {
  const TempFolder folder;
  const auto& top = folder.path();
  const auto good = top + "/good.so";
  make_file(good);
  CHECK(refusal(good).empty());

  make_file(top + "/all.so", 0666);
  CHECK(holds(refusal(top + "/all.so"), "can be written by everybody"));
  CHECK(holds(refusal(top + "/none.so"), "No such file"));
  CHECK(holds(refusal(top), "is not a file"));
  REQUIRE(::mkfifo((top + "/fifo").c_str(), 0600) == 0);
  CHECK(holds(refusal(top + "/fifo"), "is not a file"));

  fs::create_directory(top + "/open");
  make_file(top + "/open/plugin.so");
  ::chmod((top + "/open").c_str(), 0777);
  CHECK(holds(refusal(top + "/open/plugin.so"), top + "/open: can be written by everybody"));
  ::chmod((top + "/open").c_str(), 01777);  // as /tmp: others cannot replace what is ours
  CHECK(refusal(top + "/open/plugin.so").empty());

  // A link leads through its own folder and through that of its target.
  ::chmod((top + "/open").c_str(), 0777);
  fs::create_symlink(top + "/open/plugin.so", top + "/link.so");
  CHECK(holds(refusal(top + "/link.so"), "can be written by everybody"));
  fs::create_symlink("../good.so", top + "/open/back.so");
  CHECK(holds(refusal(top + "/open/back.so"), "can be written by everybody"));
  fs::create_symlink("good.so", top + "/near.so");
  CHECK(refusal(top + "/near.so").empty());
  fs::create_symlink("loop.so", top + "/loop.so");
  CHECK(holds(refusal(top + "/loop.so"), "leads nowhere"));
  CHECK(refusal(top + "/./x/../good.so").find("No such file") != std::string::npos);
}

TEST_CASE("plug-in files: groups and other owners") {
  if (::geteuid() != 0) {
    WARN("SKIPPED: only root gives files away");
    return;
  }
  const TempFolder folder;
  const auto file = folder.path() + "/plugin.so";
  make_file(file, 0664);
  REQUIRE(::chown(file.c_str(), 0, nobody) == 0);
  CHECK(holds(refusal(file), "can be written by group"));
  ::chmod(file.c_str(), 0644);
  CHECK(refusal(file).empty());
  REQUIRE(::chown(file.c_str(), nobody, 0) == 0);
  CHECK(holds(refusal(file), "belongs to uid 65534"));
  REQUIRE(::chown(file.c_str(), 0, 0) == 0);
  REQUIRE(::chown(folder.path().c_str(), nobody, nobody) == 0);
  CHECK(holds(refusal(file), "belongs to uid 65534"));
  REQUIRE(::chown(folder.path().c_str(), 0, 0) == 0);
}

TEST_CASE("reload: refused by default where others can write to the bus") {
  const TempFolder folder;
  const auto bus = folder.path() + "/bus";
  make_file(bus, 0600);
  const host::Permission own(bus, {});
  CHECK(own.refusal_of(caller(::geteuid())).empty());
  CHECK(own.refusal_of(caller(0)).empty());
  CHECK(holds(own.refusal_of(caller(nobody)), "uid 65534 may not"));

  for (const mode_t mode : {0666, 0660, 0606, 0640}) {
    ::chmod(bus.c_str(), mode);
    const host::Permission shared(bus, {});
    CHECK(holds(shared.refusal_of(caller(::geteuid())), "--reload-by USER"));
    CHECK_FALSE(shared.refusal_of(caller(0)).empty());
    const host::Permission named(bus, {std::to_string(::geteuid())});
    CHECK(named.refusal_of(caller(::geteuid())).empty());
    CHECK_FALSE(named.refusal_of(caller(nobody)).empty());
    // Who claims to be somebody else is held against the kernel's word.
    const host::Permission other(bus, {"65534"});
    CHECK(holds(other.refusal_of(caller(nobody)), "is no process of uid 65534"));
    CHECK_FALSE(named.refusal_of(caller(::geteuid(), 4'000'000)).empty());
  }
  CHECK(host::Permission(bus, {"root"}).refusal_of(caller(nobody)).size() > 1);
  CHECK_THROWS_AS(host::Permission(bus, {"no such user"}), cli::UsageError);
}

TEST_CASE("doctor: file systems, memory of containers, owners") {
  inspect::HostFacts facts;
  facts.kernel_major = 6;
  facts.usable_cpus = 2;
  facts.segment_bytes = 8U << 20U;
  facts.file_system = "tmpfs";
  CHECK(ids(facts).empty());
  facts.remote_file_system = true;
  CHECK(has(ids(facts), "unfit-file-system"));
  facts.remote_file_system = false;
  facts.token = liveness::TokenTrial::lost;
  CHECK(has(ids(facts), "unfit-file-system"));
  facts.token = liveness::TokenTrial::holds;

  facts.memory = {"/system.slice/x", 64U << 20U, 4U << 20U};
  CHECK(has(ids(facts), "limit-memory"));
  facts.memory.left_bytes = 32U << 20U;
  CHECK(ids(facts).empty());

  facts.file.emplace();
  facts.file->mode = 0600;
  facts.own_uid = 0;
  facts.file->uid = 1000;
  CHECK(has(ids(facts), "foreign-owner"));
  facts.own_uid = 1000;
  CHECK(ids(facts).empty());
  facts.file->uid = 0;
  CHECK(ids(facts).empty());
  facts.file->mode = 0666;
  CHECK(has(ids(facts), "open-to-all"));
}

TEST_CASE("doctor: the tightest limit of memory on the way to the root counts") {
  const TempFolder folder;
  const auto put = [&](const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(folder.path() + path).parent_path());
    std::ofstream(folder.path() + path) << text << '\n';
  };
  put("/a/memory.max", "67108864");
  put("/a/memory.current", "66060288");
  put("/a/b/memory.max", "33554432");
  put("/a/b/memory.current", "1048576");
  put("/a/b/c/memory.max", "max");
  put("/a/b/c/memory.current", "1048576");
  const auto group = inspect::tightest_memory_group(folder.path(), "1:name=x:/y\n0::/a/b/c\n");
  CHECK(group.path == "/a");
  CHECK(group.left_bytes == 1'048'576);
  CHECK(inspect::tightest_memory_group(folder.path(), "0::/none\n").path.empty());
  CHECK(inspect::tightest_memory_group(folder.path(), "").path.empty());
}
