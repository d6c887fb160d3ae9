// What the library tells a callback, and nobody when there is none; what the daemon writes, plain
// and for the journal.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <mutex>

#include "shmbus/log.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

struct Told {
  LogLevel level;
  std::string event;
  std::string text;
};

struct Book {
  std::mutex mutex;
  std::vector<Told> all;

  bool has(const std::string& event, const std::string& part) {
    const std::scoped_lock lock(mutex);
    return std::any_of(all.begin(), all.end(), [&](const Told& told) {
      return told.event == event && told.text.find(part) != std::string::npos;
    });
  }
};

void note(void* user, const LogRecord& record) noexcept {
  auto& book = *static_cast<Book*>(user);
  const std::scoped_lock lock(book.mutex);
  book.all.push_back({record.level, std::string(record.event), std::string(record.text)});
}

/// For the length of a test; the log itself stays for ever, as set_log() wants it.
class Listening {
 public:
  explicit Listening(LogLevel threshold = LogLevel::info)
      : book_(*new Book), log_(*new Log{note, &book_, threshold}) {  // NOLINT: never deleted
    set_log(&log_);
  }
  ~Listening() { set_log(nullptr); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;
  Book& book() { return book_; }

 private:
  Book& book_;
  const Log& log_;
};

Status nothing(Context& /*context*/) { return Status::ok(); }

void come_serve_and_leave(const std::string& path) {
  auto bus = Bus::open(path);
  REQUIRE_OK(bus);
  auto server = bus->serve();
  REQUIRE_OK(server);
  REQUIRE_OK(server->on("greet", nothing));
  REQUIRE_OK(server->off("greet"));
}

Child start_daemon(const std::string& bus, const std::string& log, const std::string& level,
                   bool journal) {
  return Child([=] {
    const int err = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(err, STDERR_FILENO);
    struct stat status {};
    ::fstat(err, &status);
    const std::string stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    if (journal) ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
    ::execl(SHMBUS_BIN_DIR "/shmbusd", "shmbusd", "--bus", bus.c_str(), "--log-level",
            level.c_str(), nullptr);
    return 127;
  });
}

}  // namespace

TEST_CASE("the library tells who came, registered and left") {
  const TempBus place;
  Listening listening;
  come_serve_and_leave(place.path());
  auto& book = listening.book();
  CHECK(book.has("bus.joined", place.path() + " as participant 0"));
  CHECK(book.has("name.registered", "'greet'"));
  CHECK(book.has("name.given_up", "'greet'"));
  CHECK(book.has("bus.left", place.path()));
}

TEST_CASE("the library tells whom it buried") {
  const TempBus place;
  Child handler = handler_process(place.path(), handlers({{"greet", nothing}}));
  auto bus = open_when_served(place.path(), "greet");
  Listening listening(LogLevel::warning);
  const pid_t pid = handler.pid();
  handler.kill();
  REQUIRE(eventually([&] { return bus.reclaim().value_or(0) == 1; }));
  auto& book = listening.book();
  CHECK(book.has("endpoint.recovered", "endpoint 0"));
  CHECK(book.has("participant.reclaimed", "pid " + std::to_string(pid)));
  for (const auto& told : book.all) CHECK(told.level <= LogLevel::warning);
}

TEST_CASE("without a callback the library is silent, and a replaced one hears nothing more") {
  const TempBus place;
  const TempFolder folder;
  const std::string out = folder.path() + "/out";
  Child quiet([&] {
    const int fd = ::open(out.c_str(), O_WRONLY | O_CREAT, 0600);
    ::dup2(fd, STDOUT_FILENO);
    ::dup2(fd, STDERR_FILENO);
    come_serve_and_leave(place.path());
    return 0;
  });
  CHECK(quiet.wait() == 0);
  CHECK(read_whole_file(out).empty());
  Listening first;
  Listening second;
  come_serve_and_leave(place.path());
  CHECK(first.book().all.empty());
  CHECK_FALSE(second.book().all.empty());
}

TEST_CASE("the daemon writes lines with levels, or with the journal's priorities") {
  const TempBus place;
  const TempFolder folder;
  const std::string log = folder.path() + "/log";
  const auto has = [&](const std::string& part) {
    return eventually([&] { return read_whole_file(log).find(part) != std::string::npos; }, 20s);
  };
  {
    const Child daemon = start_daemon(place.path(), log, "debug", false);
    REQUIRE(has(" info    ready bus=" + place.path() + " pid="));
    Child handler = handler_process(place.path(), handlers({{"greet", nothing}}));
    auto bus = open_when_served(place.path(), "greet");
    handler.signal(SIGKILL);
    CHECK(has("label=\"handler process\""));
    CHECK(has(" debug   "));
    CHECK(has("event=participant.reclaimed"));  // what the library told it
    daemon.signal(SIGTERM);
    CHECK(has(" info    stopped bus="));
  }
  {
    const Child daemon = start_daemon(place.path(), log, "info", true);
    CHECK(has("<6>ready bus="));
  }
  const Child daemon = start_daemon(place.path(), log, "error", false);
  nap(300ms);
  CHECK(read_whole_file(log).empty());
}
