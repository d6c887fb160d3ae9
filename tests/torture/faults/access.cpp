// Who may do what, with real users: the program is root and becomes others. A bus is a file, so the
// kernel decides who gets in; what the library adds is that errors say so, that a bus shared by a
// group works between its users, and that a name stays with the user who registered it first.
#include <fcntl.h>
#include <sys/stat.h>

#include <csignal>

#include "torture/faults/access_quotas.hpp"
#include "torture/faults/users.hpp"

using namespace shmbus;
using namespace shmbus::torture;

namespace {

OpenOptions shared_bus() {
  auto options = small_bus();
  options.mode = 0660;
  options.group = shared_group;
  options.trust = trust_anybody;
  options.default_timeout = 3s;
  return options;
}

int open_as(const User& user, const std::string& path, OpenOptions options) {
  return as(user,
            [&] {
              auto bus = Bus::open(path, options);
              if (bus) return 0;
              return bus.error().message.view().empty() ? 45 : code_of(bus.error());
            })
      .wait();
}

constexpr int denied = static_cast<int>(ErrorKind::not_permitted);

int serve(const std::string& path, const std::string& name) {
  auto bus = Bus::open(path, shared_bus());
  if (!bus) return code_of(bus.error());
  auto server = bus->serve();
  if (!server) return code_of(server.error());
  const auto added = server->on(std::string_view(name), [](Context& context) {
    const std::uint32_t uid = context.caller().uid;
    const auto to = context.reply_buffer(sizeof uid);
    std::copy_n(reinterpret_cast<const std::byte*>(&uid), to.size(), to.data());
    return Status::ok();
  });
  if (!added) return code_of(added.error());
  return server->run({}) ? 0 : 46;
}

/// 0 when the handler saw the caller's own uid.
int call(const std::string& path, const std::string& name) {
  auto bus = Bus::open(path, shared_bus());
  if (!bus) return code_of(bus.error());
  auto caller = bus->caller(std::string_view(name), {.when_vacant = WhenVacant::wait});
  if (!caller) return code_of(caller.error());
  std::uint32_t seen = 0;
  const auto got = caller->call({}, std::as_writable_bytes(std::span(&seen, 1)));
  if (!got) return code_of(got.error());
  return seen == ::getuid() ? 0 : 47;
}

void strangers_get_nothing(Tally& tally) {
  Scratch place;
  tally.point(open_as(anna, place.path(), small_bus()) == 0, "anna makes a bus of her own");
  tally.point(open_as(carla, place.path(), small_bus()) == denied, "carla opens anna's bus");
  const int read = as(carla, [&] {
                     char byte = 0;
                     const int fd = ::open(place.path().c_str(), O_RDONLY);
                     return fd >= 0 && ::read(fd, &byte, 1) == 1 ? 1 : 0;
                   }).wait();
  tally.point(read == 0, "carla reads a byte of anna's bus");
  tally.point(open_as(root, place.path(), small_bus()) == denied, "root joins what anna made");
  auto trusting = small_bus();
  trusting.trust = anna.uid;
  tally.point(open_as(root, place.path(), trusting) == 0, "root, who trusts anna, may open it");
  struct stat status {};
  ::stat(place.path().c_str(), &status);
  tally.point((status.st_mode & 0777U) == 0600 && status.st_uid == anna.uid, "mode 0600");
  const int code = as(carla, [&]() -> int {
                     become({"shmbus", "--bus", place.path(), "ls"});
                   }).wait();
  tally.point(code == denied || code == 127, "the tool, as carla: " + std::to_string(code));
}

void modes_are_kept(Tally& tally) {
  Scratch place;
  const int code = as(anna, [&] {
                     ::umask(0077);
                     return Bus::open(place.path(), shared_bus()) ? 0 : 1;
                   }).wait();
  struct stat status {};
  ::stat(place.path().c_str(), &status);
  tally.point(code == 0 && (status.st_mode & 0777U) == 0660 && status.st_gid == shared_group,
              "mode and group, past the umask");
  Scratch other;
  auto options = shared_bus();
  tally.point(open_as(carla, other.path(), options) == denied, "a group that one is no member of");
  tally.point(!std::filesystem::exists(other.path()), "a file was left of it");
  // Who may only read can look, and no more.
  ::chmod(place.path().c_str(), 0640);
  tally.point(open_as(berta, place.path(), shared_bus()) == denied,
              "opening what one may only read");
}

void a_group_works_together(Tally& tally) {
  Scratch place;
  auto handler = as(anna, [&] { return serve(place.path(), "who"); });
  tally.point(test::eventually([&] { return std::filesystem::exists(place.path()); }), "no bus");
  tally.point(as(berta, [&] { return call(place.path(), "who"); }).wait() == 0, "berta calls anna");
  tally.point(as(anna, [&] { return call(place.path(), "who"); }).wait() == 0,
              "anna calls herself");
  tally.point(as(carla, [&] { return call(place.path(), "who"); }).wait() == denied, "carla calls");
  // Berta's processes see anna's die, and give back what they held.
  handler.kill();
  const int reclaimed = as(berta, [&] {
                          auto bus = Bus::open(place.path(), shared_bus());
                          auto caller = bus ? bus->caller("who") : fail(ErrorKind::none, "");
                          if (!caller) return 1;
                          const auto got = caller->call({}, {});
                          return !got && got.error().kind == ErrorKind::not_registered ? 0 : 2;
                        }).wait();
  tally.point(reclaimed == 0, "berta recovers what anna's handler held");
  auto back = as(anna, [&] { return serve(place.path(), "who"); });
  auto daemon = as(berta, [&]() -> int {
    become({"shmbusd", "--bus", place.path(), "--trust", "anybody"});
  });
  tally.point(as(berta, [&] { return call(place.path(), "who"); }).wait() == 0, "after a restart");
  daemon.signal(SIGTERM);
  (void)daemon.wait(5s);
}

void names_stay_with_their_user(Tally& tally) {
  Scratch place;
  auto first = as(anna, [&] { return serve(place.path(), "anna's"); });
  tally.point(as(berta, [&] { return call(place.path(), "anna's"); }).wait() == 0, "it is served");
  tally.point(as(berta, [&] { return serve(place.path(), "anna's"); }).wait(5s) == denied,
              "berta takes a name that anna's process has");
  first.kill();
  tally.point(as(berta, [&] { return serve(place.path(), "anna's"); }).wait(5s) == denied,
              "berta takes a name that anna's process had");
  auto again = as(anna, [&] { return serve(place.path(), "anna's"); });
  tally.point(as(berta, [&] { return call(place.path(), "anna's"); }).wait() == 0,
              "anna has it back");
  again.kill();
  auto administrator = as(root, [&] { return serve(place.path(), "anna's"); });
  tally.point(as(anna, [&] { return call(place.path(), "anna's"); }).wait() == 0, "root may");
  // A process that gives its rights away keeps what it has, by its old name.
  auto lowered = test::Child([&] {
    auto bus = Bus::open(place.path(), shared_bus());
    auto caller = bus ? bus->caller("anna's") : fail(ErrorKind::none, "");
    if (!caller || !caller->call({}, {}, 2s)) {
      if (!caller) return 1;
    }
    if (!become_user(carla)) return no_change;
    std::uint32_t seen = 0;
    return caller->call({}, std::as_writable_bytes(std::span(&seen, 1)), 2s) ? 0 : 2;
  });
  tally.point(lowered.wait() == 0, "rights given away after opening");
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  if (::geteuid() != 0 || as(anna, [] { return 0; }).wait() != 0) {
    std::puts("not root, or it may not become others: nothing was tried");
    return 77;
  }
  Tally tally(arguments.seed);
  strangers_get_nothing(tally);
  modes_are_kept(tally);
  a_group_works_together(tally);
  names_stay_with_their_user(tally);
  quotas_hold(tally, arguments.full ? 10s : 1s);
  return tally.finish();
}
