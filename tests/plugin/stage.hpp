// A host of plug-ins in a process of its own, the tool's words about it, and callers that keep it
// busy and keep count.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/tool.hpp"

namespace shmbus::test {

inline std::string plugin_file(const std::string& name) {
  return std::string(SHMBUS_PLUGIN_DIR) + "/" + name + ".so";
}

struct Ask {
  std::uint32_t caller = 0;
  std::uint32_t pad = 0;
  std::uint64_t sequence = 0;
};
struct Answer {
  std::uint64_t sequence = 0;
  std::uint64_t version = 0;
};
using Count = Command<"tally.count", Ask, Answer>;

/// What the plug-ins of all generations count into: see plugins/tally.c.
struct TallyBook {
  std::array<std::uint64_t, 16> next;
  std::uint64_t wrong;
  std::uint64_t runs;
};

/// A bus, a host on it when asked for, and the book.
class PluginStage {
 public:
  PluginStage() {
    const int fd = ::open(book_path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(::ftruncate(fd, sizeof(TallyBook)) == 0);
    book_ = static_cast<TallyBook*>(
        ::mmap(nullptr, sizeof(TallyBook), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    ::close(fd);
    ::setenv("SHMBUS_TALLY", book_path().c_str(), 1);
  }
  PluginStage(const PluginStage&) = delete;
  PluginStage& operator=(const PluginStage&) = delete;
  ~PluginStage() { ::munmap(book_, sizeof(TallyBook)); }

  [[nodiscard]] Child host(std::vector<std::string> arguments, bool wait = true) const {
    std::vector<std::string> words{SHMBUS_BIN_DIR "/shmbus", "host", "--bus", place_.path()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    Child child([&] {
      const int quiet = ::open("/dev/null", O_WRONLY);
      ::dup2(quiet, STDOUT_FILENO);
      ::dup2(quiet, STDERR_FILENO);
      std::vector<char*> argv;
      for (auto& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      return 127;
    });
    if (wait) REQUIRE(eventually([&] { return !rows("active").empty(); }, 20s));
    return child;
  }
  [[nodiscard]] Ran tool(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--bus", place_.path()});
    return run_tool(std::move(arguments));
  }
  [[nodiscard]] nlohmann::json tool_json(std::vector<std::string> arguments) const {
    arguments.emplace_back("--json");
    return nlohmann::json::parse(tool(std::move(arguments)).out, nullptr, false);
  }
  /// Of all hosts; with a state, those in it.
  [[nodiscard]] std::vector<nlohmann::json> rows(const std::string& state = {}) const {
    std::vector<nlohmann::json> found;
    const auto all = tool_json({"plugins"});
    if (!all.is_object() || !all.contains("hosts")) return found;
    for (const auto& host : all["hosts"]) {
      for (const auto& row : host["plugins"]) {
        if (state.empty() || row["state"] == state) found.push_back(row);
      }
    }
    return found;
  }
  [[nodiscard]] std::uint64_t version_that_answers() const {
    Bus bus = open_when_served(path(), "tally.count");
    auto caller = bus.caller<Count>();
    REQUIRE_OK(caller);
    auto& next = book_->next[15];
    const auto answer = caller->call({.caller = 15, .sequence = next}, 5s);
    REQUIRE_OK(answer);
    return answer->version;
  }
  [[nodiscard]] TallyBook& book() const { return *book_; }
  [[nodiscard]] const std::string& path() const { return place_.path(); }
  [[nodiscard]] const std::string& folder() const { return folder_.path(); }

 private:
  [[nodiscard]] std::string book_path() const { return folder_.path() + "/book"; }
  TempBus place_;
  TempFolder folder_;
  TallyBook* book_ = nullptr;
};

/// Callers that ask all the time, in order, and keep count of what is wrong.
class Crowd {
 public:
  struct Line {
    std::atomic<std::uint64_t> answered{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> wrong{0};
    std::atomic<std::uint64_t> late{0};  ///< deferred replies that came
  };
  struct Book {
    std::atomic<bool> stop{false};
    std::array<Line, 3> lines;
  };
  Crowd(const std::string& path, bool deferred) {
    for (std::uint32_t i = 0; i < book_->lines.size(); ++i) {
      callers_.emplace_back([&, i] { return ask(path, *book_, i, deferred); });
    }
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  /// How many commands were answered; each check is made.
  std::uint64_t finish() {
    book_->stop = true;
    std::uint64_t total = 0;
    for (auto& caller : callers_) CHECK(caller.wait() == 0);
    for (auto& line : book_->lines) {
      CHECK(line.failed == 0);
      CHECK(line.wrong == 0);
      CHECK(line.answered > 0);
      total += line.answered + line.late;
    }
    return total;
  }
  [[nodiscard]] std::uint64_t answered() const {
    std::uint64_t total = 0;
    for (auto& line : book_->lines) total += line.answered;
    return total;
  }

 private:
  static int ask(const std::string& path, Book& book, std::uint32_t me, bool deferred) {
    auto bus = Bus::open(path, {.label = "crowd"});
    if (!bus) return 1;
    auto count = bus->caller<Count>({.when_vacant = WhenVacant::wait});
    auto later = bus->caller("tally.later", {.when_vacant = WhenVacant::wait});
    if (!count || !later) return 2;
    auto& line = book.lines[me];
    std::uint64_t sequence = 0;
    Pending owed;
    while (!book.stop) {
      const std::uint64_t delay_ms = 1 + sequence % 3;
      if (deferred && !owed.valid()) {
        auto sent = later->start(raw(delay_ms), 8, 20s);
        if (!sent) return 3;
        owed = std::move(*sent);
      }
      const auto answer = count->call({.caller = me, .sequence = sequence}, 20s);
      if (!answer) {
        ++line.failed;
        continue;
      }
      if (answer->sequence != sequence) ++line.wrong;
      ++sequence;
      ++line.answered;
      if (owed.valid() && owed.ready()) {
        owed.wait() ? ++line.late : ++line.failed;
        owed = Pending();
      }
      if (sequence % 64 == 0) nap(200us);  // leave the machine something
    }
    if (owed.valid() && !owed.wait()) ++line.failed;
    return 0;
  }
  Shared<Book> book_;
  std::vector<Child> callers_;
};

/// What a process holds, as the kernel counts it.
struct Held {
  std::size_t mappings = 0;
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  std::size_t anonymous_kib = 0;
};
inline Held held_by(pid_t pid) {
  Held held;
  const auto folder = "/proc/" + std::to_string(pid);
  const auto entries = [&](const std::string& name) {
    std::error_code ignored;
    const std::filesystem::directory_iterator all(folder + name, ignored);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  };
  held.descriptors = entries("/fd");
  held.threads = entries("/task");
  std::ifstream maps(folder + "/maps");
  for (std::string line; std::getline(maps, line);) ++held.mappings;
  std::ifstream status(folder + "/status");
  for (std::string word; status >> word;) {
    if (word == "RssAnon:") status >> held.anonymous_kib;
  }
  return held;
}

}  // namespace shmbus::test
