// The spool's file: loss of power, files that were cut or scribbled over, repairs.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>

#include "spool/memory_vfs.hpp"
#include "spool/repair.hpp"
#include "spool/store.hpp"
#include "support/catch.hpp"

namespace shmbus::spool {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string made = (fs::temp_directory_path() / "shmbus-store-XXXXXX").string();
    path_ = ::mkdtemp(made.data());
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file() const { return (path_ / "spool.db").string(); }

 private:
  fs::path path_;
};

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write_file(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(content.data(), static_cast<std::streamsize>(content.size()));
}

std::vector<std::byte> body_of(std::uint64_t number) {
  std::vector<std::byte> body(20 + number % 300);
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<std::byte>(number * 31 + i);
  return body;
}

Result<std::optional<std::int64_t>> put(Store& store, std::uint64_t number) {
  const auto body = body_of(number);
  return store.insert({{1, number}, "test.put", "key", 0, body});
}

/// Whether it is what put() stored; a command that is not sound is never delivered.
bool is_believed_rightly(const StoredCommand& one) {
  return !one.sound || (one.id.high == 1 && one.name == "test.put" && one.key == "key" &&
                        one.body == body_of(one.id.low));
}

/// A transaction's commands and what became of it.
struct Batch {
  std::vector<std::uint64_t> numbers;
  std::vector<std::int64_t> erased;
  bool committed = false;
};

std::vector<Batch> work_until_the_power_goes(Store& store, test::MemoryFiles& files,
                                             std::minstd_rand& random) {
  std::vector<Batch> batches;
  std::vector<std::int64_t> there;
  std::uint64_t next = 1;
  while (!files.off() && batches.size() < 200) {
    Batch batch;
    bool good = store.begin().has_value();
    for (auto left = random() % 5 + 1; good && left > 0; --left) {
      batch.numbers.push_back(next);
      const auto done = put(store, next++);
      good = done.has_value();
      if (good) there.push_back(**done);
    }
    if (good && there.size() > 8) {
      batch.erased.push_back(there.front());
      good = store.erase(there.front()).has_value();
      there.erase(there.begin());
    }
    batch.committed = good && store.commit().has_value();
    batches.push_back(batch);
    if (!batch.committed) break;
  }
  return batches;
}

void judge(Store& store, const std::vector<Batch>& batches) {
  std::map<std::uint64_t, std::int64_t> there;
  std::set<std::int64_t> erased;
  for (const auto& batch : batches) erased.insert(batch.erased.begin(), batch.erased.end());
  const auto all = store.list(State::waiting, "", 0, 100000);
  REQUIRE(all.has_value());
  for (const auto& one : *all) {
    CHECK(one.sound);
    CHECK(is_believed_rightly(one));
    there[one.id.low] = one.sequence;
  }
  std::uint64_t number = 0;
  for (const auto& batch : batches) {
    std::size_t found = 0;
    std::size_t gone = 0;
    for (const auto one : batch.numbers) {
      ++number;
      found += there.count(one);
      // Sequence numbers are given as numbers are here.
      gone += erased.count(static_cast<std::int64_t>(number));
    }
    if (batch.committed) {
      CHECK(found + gone >= batch.numbers.size());
    } else {
      CHECK((found == 0 || found == batch.numbers.size()));
    }
  }
}

TEST_CASE("what is stored and removed again counts for nothing") {
  Folder folder;
  auto store = Store::open(folder.file(), {});
  REQUIRE(store.has_value());
  const std::string_view key(
      "K\xC3\xBC"
      "che\0 7",
      9);
  REQUIRE((*store)->begin().has_value());
  const auto number = (*store)->insert({{1, 1}, "test.put", key, 0, {}});
  REQUIRE(number.has_value());
  CHECK((*store)->totals_then().bytes == bytes_of(8, key.size(), 0));
  REQUIRE((*store)->erase(**number).has_value());
  REQUIRE((*store)->commit().has_value());
  CHECK((*store)->totals().bytes == 0);
}

TEST_CASE("the clock is not behind the commands, and damage does not set it forward") {
  Folder folder;
  const auto set_clock = [&folder](const char* sql) {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(folder.file().c_str(), &db) == SQLITE_OK);
    const Database closes(db);
    REQUIRE(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  };
  {
    auto store = Store::open(folder.file(), {});
    REQUIRE(store.has_value());
    REQUIRE((*store)->begin().has_value());
    REQUIRE(put(**store, 1).has_value());
    REQUIRE((*store)->commit().has_value());
  }
  set_clock("UPDATE commands SET clock=60000");
  {
    auto store = Store::open(folder.file(), {});
    REQUIRE(store.has_value());
    CHECK((*store)->clock_ms() >= 60'000);
  }
  set_clock("UPDATE commands SET clock=9223372036854775807");
  auto store = Store::open(folder.file(), {});
  REQUIRE(store.has_value());
  CHECK((*store)->clock_ms() < 3'600'000);
}

TEST_CASE("power loss: what was committed is there, and transactions are whole") {
  Folder folder;
  REQUIRE(Store::open(folder.file(), {}).has_value());
  const auto fresh = content_of(folder.file());
  for (unsigned seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    std::minstd_rand random(seed);
    std::vector<Batch> batches;
    std::map<std::string, std::string> disk;
    {
      test::MemoryFiles files;
      files.put(folder.file(), fresh);
      Store::Options options;
      options.vfs = "memory";
      auto store = Store::open(folder.file(), options);
      if (!store) FAIL(store.error().message.view());
      files.lose_power_after(random() % 400 + 1);
      batches = work_until_the_power_goes(**store, files, random);
      disk = files.disk(random);
      files.lose_power_after(0);
    }
    Folder after;
    const auto at = after.file();
    for (const auto& [path, content] : disk) {
      if (path.starts_with(folder.file()))
        write_file(at + path.substr(folder.file().size()), content);
    }
    auto store = Store::open(at, {});
    if (!store) FAIL(store.error().message.view());
    judge(**store, batches);
  }
}

/// A spool of a few commands, with some of them in the WAL yet.
struct Sample {
  std::string main;
  std::string wal;
};
Sample make_sample(std::uint64_t commands) {
  Folder folder;
  auto store = Store::open(folder.file(), {});
  REQUIRE(store.has_value());
  for (std::uint64_t number = 1; number <= commands; ++number) {
    REQUIRE((*store)->begin().has_value());
    REQUIRE(put(**store, number).has_value());
    REQUIRE((*store)->commit().has_value());
  }
  Sample sample;
  sample.wal = content_of(folder.file() + "-wal");  // as a kill leaves it
  sample.main = content_of(folder.file());
  return sample;
}

/// False: refused. What is listed is right.
bool open_and_check(const std::string& path, std::size_t& listed) {
  auto store = Store::open(path, {});
  if (!store) return false;
  const auto all = (*store)->list(State::waiting, "", 0, 100000);
  if (!all) return false;
  for (const auto& one : *all) CHECK(is_believed_rightly(one));
  listed = all->size();
  return true;
}

TEST_CASE("a file that is cut anywhere is refused, or holds whole commands alone") {
  const auto sample = make_sample(12);
  REQUIRE(sample.wal.size() > 4096);
  const char* all = std::getenv("SPOOL_CUT_STEP");  // 1: at every byte
  const std::size_t step = all == nullptr ? 211 : static_cast<std::size_t>(std::atoi(all));
  std::size_t refused = 0;
  std::size_t before = 0;
  for (std::size_t cut = 0; cut < sample.wal.size(); cut += step) {
    Folder folder;
    write_file(folder.file(), sample.main);
    write_file(folder.file() + "-wal", std::string_view(sample.wal).substr(0, cut));
    std::size_t listed = 0;
    if (!open_and_check(folder.file(), listed)) continue;
    CHECK(listed >= before);  // the longer the WAL, the more there is
    before = listed;
  }
  for (std::size_t cut = 0; cut < sample.main.size(); cut += step) {
    Folder folder;
    write_file(folder.file(), std::string_view(sample.main).substr(0, cut));
    std::size_t listed = 0;
    refused += open_and_check(folder.file(), listed) ? 0U : 1U;
    if (cut == 0) CHECK(refused == 1);
  }
  CHECK(refused > 0);
}

TEST_CASE("a file that is scribbled over is refused, or no spoiled command is believed") {
  Folder made;
  {
    auto store = Store::open(made.file(), {});
    REQUIRE(store.has_value());
    REQUIRE((*store)->begin().has_value());
    for (std::uint64_t number = 1; number <= 60; ++number)
      REQUIRE(put(**store, number).has_value());
    REQUIRE((*store)->commit().has_value());
  }
  const auto whole = content_of(made.file());
  std::minstd_rand random(7);
  for (int i = 0; i < 300; ++i) {
    auto spoiled = whole;
    for (auto left = random() % 4 + 1; left > 0; --left) {
      spoiled[random() % spoiled.size()] = static_cast<char>(random());
    }
    Folder folder;
    write_file(folder.file(), spoiled);
    std::size_t listed = 0;
    if (open_and_check(folder.file(), listed)) continue;
    if (i % 10 != 0) continue;
    const auto repaired = repair(folder.file());
    if (!repaired) continue;  // not even its header is left
    CHECK(open_and_check(folder.file(), listed));
    CHECK(listed == repaired->copied);
  }
}

TEST_CASE("a repair keeps what is sound") {
  Folder folder;
  {
    auto store = Store::open(folder.file(), {});
    REQUIRE(store.has_value());
    REQUIRE((*store)->begin().has_value());
    for (std::uint64_t number = 1; number <= 200; ++number) {
      REQUIRE(put(**store, number).has_value());
    }
    REQUIRE((*store)->bury(3, 4, "why").has_value());
    auto old = (*store)->read(1);
    REQUIRE(old.has_value());
    REQUIRE((*store)->erase(1).has_value());
    (*old)->clock_ms = 5'000'000;
    REQUIRE((*store)->insert_as_is(**old).has_value());
    REQUIRE((*store)->commit().has_value());
  }
  const auto repaired = repair(folder.file());
  REQUIRE(repaired.has_value());
  CHECK(repaired->copied == 200);
  CHECK(repaired->all_read);
  auto store = Store::open(folder.file(), {});
  REQUIRE(store.has_value());
  CHECK((*store)->totals().waiting == 199);
  CHECK((*store)->clock_ms() >= 5'000'000);  // age goes on
  const auto dead = (*store)->list(State::dead, "", 0, 10);
  REQUIRE(dead.has_value());
  REQUIRE(dead->size() == 1);
  CHECK(dead->front().cause == "why");
  CHECK(dead->front().attempts == 4);
}

}  // namespace
}  // namespace shmbus::spool
