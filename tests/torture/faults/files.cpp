// The file of a bus goes wrong under its users: cut short, deleted, replaced, made unreadable, on a
// full disk. Callers, handlers asleep and awake, an fd() bridge, the daemon and the tool are at
// work meanwhile. Each must end with an error that says what happened; a signal ends none of them.
#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>

#include <csignal>
#include <functional>

#include "tally.hpp"

using namespace shmbus;
using namespace shmbus::torture;

namespace {

constexpr int went_on = 40;  // exit code: nothing wrong until told to stop
constexpr int lied = 41;     // a reply that nobody sent

int call_until(const std::string& path, std::chrono::milliseconds limit) {
  auto bus = Bus::open(path, small_bus());
  if (!bus) return code_of(bus.error());
  auto caller = bus->caller("echo", {.when_vacant = WhenVacant::wait});
  if (!caller) return code_of(caller.error());
  std::vector<std::byte> request(3000, std::byte{0x5A});
  std::vector<std::byte> reply(3000);
  const auto until = std::chrono::steady_clock::now() + limit;
  for (std::size_t i = 0; std::chrono::steady_clock::now() < until; ++i) {
    const std::size_t bytes = i % 3 == 0 ? 3000 : 8;
    const auto got = caller->call({request.data(), bytes}, {reply.data(), bytes});
    if (got && (*got != bytes || reply[0] != std::byte{0x5A})) return lied;
    if (!got && got.error().kind == ErrorKind::bus_unusable) return code_of(got.error());
    (void)caller->send({request.data(), 8});
  }
  return went_on;
}

bool register_echo(Server& server) {
  return server
      .on("echo",
          [](Context& context) {
            const auto to = context.reply_buffer(context.request().size());
            std::copy(context.request().begin(), context.request().end(), to.begin());
            return Status::ok();
          })
      .has_value();
}

int serve_until(const std::string& path, WaitMode mode) {
  auto bus = Bus::open(path, small_bus());
  if (!bus) return code_of(bus.error());
  auto server = bus->serve({.wait = mode});
  if (!server) return code_of(server.error());
  if (!register_echo(*server)) return code_of({ErrorKind::already_registered, 0, 0, {}});
  const auto ended = server->run({});
  return ended ? 0 : code_of(ended.error());
}

/// A handler in somebody's epoll loop, under another name.
int poll_until(const std::string& path, std::chrono::milliseconds limit) {
  auto bus = Bus::open(path, small_bus());
  if (!bus) return code_of(bus.error());
  auto server = bus->serve();
  if (!server || !server->on("idle", [](Context&) { return Status::ok(); })) return 42;
  const auto fd = server->fd();
  if (!fd) return code_of(fd.error());
  const auto until = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < until) {
    pollfd one{*fd, POLLIN, 0};
    ::poll(&one, 1, 50);
    if (const auto ran = server->poll(); !ran) return code_of(ran.error());
  }
  return went_on;
}

/// The tool, over and over: whatever it says, it says it as an exit code.
int look_until(const std::string& path, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  const std::vector<std::vector<std::string>> looks = {
      {"shmbus", "--bus", path, "ls"},
      {"shmbus", "--bus", path, "ps"},
      {"shmbus", "--bus", path, "--json", "doctor"},
      {"shmbus", "--bus", path, "top", "--count", "2", "--interval", "20ms"},
      {"shmbus", "--bus", path, "call", "echo", "--text", "x", "--timeout", "100ms"}};
  for (std::size_t i = 0; std::chrono::steady_clock::now() < until; ++i) {
    const int code = program(looks[i % looks.size()]).wait(10s);
    if (code < 0 || code >= 128) return code < 0 ? 43 : code;
  }
  return went_on;
}

struct ParticipantId {
  std::string name;
  test::Child child;
};

std::vector<ParticipantId> everybody(const std::string& path, std::chrono::milliseconds limit) {
  std::vector<ParticipantId> all;
  const auto add = [&](const char* name, const std::function<int()>& body) {
    all.push_back({name, test::Child(body)});
  };
  add("handler", [&] { return serve_until(path, WaitMode::adaptive); });
  all.push_back({"daemon", program({"shmbusd", "--bus", path, "--interval", "10ms"})});
  add("caller", [&] { return call_until(path, limit); });
  add("second caller", [&] { return call_until(path, limit); });
  add("epoll", [&] { return poll_until(path, limit); });
  add("tool", [&] { return look_until(path, limit); });
  return all;
}

bool working(const std::string& path) {
  auto options = small_bus();
  options.create = false;
  return test::eventually(
      [&] {
        return test::Child([&] {
                 auto bus = Bus::open(path, options);
                 if (!bus) return 1;
                 return bus->wait_until_available("echo", 100ms) &&
                                bus->wait_until_available("idle", 100ms)
                            ? 0
                            : 2;
               }).wait() == 0;
      },
      20s);
}

/// Everybody at work, then `harm`, then everybody's end. `must_end`: going on is not allowed.
void harm_under_load(Tally& tally, const std::string& what, bool must_end,
                     const std::function<void(const std::string&)>& harm) {
  Scratch place;
  auto all = everybody(place.path(), 1500ms);
  if (!tally.point(working(place.path()), what + ": the bus did not begin to work")) return;
  test::nap(100ms);
  harm(place.path());
  for (auto& party : all) {
    // Nobody tells a handler or a daemon to stop when the bus still works.
    const bool may_stay = !must_end && (party.name == "handler" || party.name == "daemon");
    const int code = party.child.wait(may_stay ? 1s : 15s);
    if (code == -1 && !may_stay) ++tally.hung;
    const bool fine = code == static_cast<int>(ErrorKind::bus_unusable) ||
                      (party.name != "caller" && code == static_cast<int>(ErrorKind::corrupted)) ||
                      (party.name == "tool" && code == went_on) ||
                      (party.name == "daemon" && code == 1) ||
                      (!must_end && (code == went_on || code == -1));
    tally.point(fine, what + ": the " + party.name + " ended with " + std::to_string(code));
  }
}

void cut_to(const std::string& path, std::uintmax_t bytes) {
  if (::truncate(path.c_str(), static_cast<off_t>(bytes)) != 0) std::perror("truncate");
}

void cut_short(Tally& tally) {
  harm_under_load(tally, "cut to nothing", true, [](auto& path) { cut_to(path, 0); });
  harm_under_load(tally, "cut to its header", true, [](auto& path) { cut_to(path, 4096); });
  harm_under_load(tally, "cut in the middle", false,
                  [](auto& path) { cut_to(path, std::filesystem::file_size(path) / 2); });
  harm_under_load(tally, "cut by a page", false,
                  [](auto& path) { cut_to(path, std::filesystem::file_size(path) - 4096); });
  harm_under_load(tally, "cut and grown again", false, [](auto& path) {
    const auto bytes = std::filesystem::file_size(path);
    cut_to(path, 0);
    cut_to(path, bytes);
  });
}

/// Those who have a bus open keep it; newcomers find what the path says now.
void deleted_and_replaced(Tally& tally) {
  for (const bool replace : {false, true}) {
    const std::string what = replace ? "replaced" : "deleted";
    Scratch place;
    std::vector<ParticipantId> all;
    all.push_back(
        {"handler", test::Child([&] { return serve_until(place.path(), WaitMode::adaptive); })});
    auto options = small_bus();
    test::nap(300ms);
    all.push_back({"caller", test::Child([&] { return call_until(place.path(), 1500ms); })});
    test::nap(300ms);
    ::unlink(place.path().c_str());
    if (replace) {
      const int fresh =
          test::Child([&] { return Bus::open(place.path(), small_bus()) ? 0 : 1; }).wait();
      tally.point(fresh == 0, what + ": a new bus of that name");
    }
    tally.point(all[1].child.wait(10s) == went_on, what + ": the caller on the old bus goes on");
    options.create = false;
    const int newcomer = test::Child([&] {
                           auto bus = Bus::open(place.path(), options);
                           return bus ? 0 : code_of(bus.error());
                         }).wait(10s);
    tally.point(newcomer == (replace ? 0 : static_cast<int>(ErrorKind::bus_unusable)),
                what + ": a newcomer got " + std::to_string(newcomer));
  }
}

/// What `open` says, as the user `uid`.
Error open_as(uid_t uid, const std::string& path, OpenOptions options) {
  test::Shared<Error> out;
  const int code = test::Child([&] {
                     if (uid != 0 && (::setgid(uid) != 0 || ::setuid(uid) != 0)) return 44;
                     auto bus = Bus::open(path, options);
                     if (!bus) *out = bus.error();
                     return 0;
                   }).wait(20s);
  if (code != 0) *out = {static_cast<ErrorKind>(999), code, 0, "the child itself ended badly"};
  return *out;
}

void expect(Tally& tally, const std::string& what, const Error& got, ErrorKind kind,
            std::string_view words) {
  const auto text = got.message.view();
  tally.point(got.kind == kind && text.find(words) != std::string_view::npos,
              what + ": " + std::string(to_string(got.kind)) + " '" + std::string(text) + "'");
}

void no_access(Tally& tally) {
  if (::geteuid() != 0) {
    std::puts("skipped: unreadable files need root to try");
    return;
  }
  constexpr uid_t other = 65534;
  Scratch place;
  const auto make = [&](mode_t mode) {
    ::unlink(place.path().c_str());
    (void)open_as(0, place.path(), small_bus());
    ::chmod(place.path().c_str(), mode);
  };
  for (const mode_t mode : {0000U, 0400U, 0444U, 0600U}) {
    make(mode);
    expect(tally, "mode " + std::to_string(mode), open_as(other, place.path(), small_bus()),
           ErrorKind::not_permitted, "mode or group");
  }
  Scratch folder;
  ::mkdir(folder.path().c_str(), 0755);
  expect(tally, "a folder that one may not write",
         open_as(other, folder.path() + "/bus", small_bus()), ErrorKind::not_permitted,
         "mode or group");
  ::chmod(folder.path().c_str(), 0);
  expect(tally, "a folder that one may not enter",
         open_as(other, folder.path() + "/bus", small_bus()), ErrorKind::not_permitted, "");
}

/// Things at the path that are no bus. None may be touched.
void strange_files(Tally& tally) {
  Scratch folder;
  ::mkdir(folder.path().c_str(), 0755);
  const std::string at = folder.path() + "/bus";
  const auto is_unusable = [&](const std::string& what, std::string_view words) {
    expect(tally, what, open_as(0, at, small_bus()), ErrorKind::bus_unusable, words);
    std::error_code ignored;
    std::filesystem::remove_all(at, ignored);
  };
  ::mkdir(at.c_str(), 0755);
  is_unusable("a folder", "");
  ::mkfifo(at.c_str(), 0600);
  is_unusable("a fifo", "regular file");
  std::filesystem::create_symlink("bus", at);
  is_unusable("a link to itself", "");
  std::filesystem::create_symlink("/dev/null", at);
  is_unusable("a device", "regular file");
  test::Child([&] {
    auto* file = std::fopen(at.c_str(), "w");
    return std::fputs("somebody's letters, which nobody may lose", file) < 0 ? 1
                                                                             : std::fclose(file);
  }).wait();
  expect(tally, "a text", open_as(0, at, small_bus()), ErrorKind::bus_unusable, "is not a bus");
  tally.point(std::filesystem::file_size(at) == 41, "a text was changed");
  expect(tally, "no such folder", open_as(0, folder.path() + "/none/bus", small_bus()),
         ErrorKind::bus_unusable, "No such file");
  expect(tally, "a very long path", open_as(0, folder.path() + "/" + std::string(5000, 'x'), {}),
         ErrorKind::bus_unusable, "too long");
}

void full_disk(Tally& tally) {
  Scratch disk("/tmp");
  ::mkdir(disk.path().c_str(), 0755);
  if (::mount("none", disk.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
    std::puts("skipped: no mount allowed here, a full disk was not tried");
    return;
  }
  expect(tally, "a disk too small", open_as(0, disk.path() + "/bus", {}), ErrorKind::bus_unusable,
         "needs");
  const auto fill = [&] {
    const int fd = ::open((disk.path() + "/ballast").c_str(), O_CREAT | O_WRONLY, 0600);
    const std::vector<char> page(4096);
    while (::write(fd, page.data(), page.size()) > 0) {
    }
    ::close(fd);
  };
  // A bus that has its pages does not care that the disk is full.
  const std::string at = disk.path() + "/bus";
  test::Child handler([&] { return serve_until(at, WaitMode::blocking); });
  tally.point(test::eventually([&] { return std::filesystem::exists(at); }),
              "no bus on a small disk");
  fill();
  test::Child caller([&] { return call_until(at, 500ms); });
  tally.point(caller.wait(10s) == went_on, "a bus on a full disk stopped working");
  handler.kill();
  expect(tally, "a full disk", open_as(0, disk.path() + "/second", small_bus()),
         ErrorKind::bus_unusable, "needs");
  std::error_code ignored;
  tally.leaked += std::filesystem::exists(disk.path() + "/second") ? 1U : 0U;
  ::umount2(disk.path().c_str(), MNT_DETACH);
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  Tally tally(arguments.seed);
  for (int round = 0; round < (arguments.full ? 20 : 1); ++round) cut_short(tally);
  deleted_and_replaced(tally);
  no_access(tally);
  strange_files(tally);
  full_disk(tally);
  return tally.finish();
}
