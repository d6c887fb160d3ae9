#include "spool/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/descriptor.hpp"
#include "os/descriptor.hpp"
#include "spool/store_format.hpp"

namespace shmbus::spool {
namespace {

std::uint64_t boot_ns() noexcept {
  timespec now{};
  (void)::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::int64_t wall_ms() noexcept {
  timespec now{};
  (void)::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

std::uint64_t size_of(const std::string& path) noexcept {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

constexpr std::int64_t clock_kept_every_ms = 10'000;
constexpr std::int64_t clock_forgotten_max_ms = 120'000;

std::uint64_t checksum(const NewCommand& command, std::int64_t created, std::int64_t clock) {
  Checksum sum;
  const auto id = command.id.bytes();
  sum.add(id.data(), id.size());
  sum.add_number(command.name.size()).add(command.name.data(), command.name.size());
  sum.add_number(command.key.size()).add(command.key.data(), command.key.size());
  sum.add_number(command.type_hash);
  sum.add_number(static_cast<std::uint64_t>(created));
  sum.add_number(static_cast<std::uint64_t>(clock));
  sum.add(command.body.data(), command.body.size());
  return sum.value();
}

}  // namespace

StoredCommand Store::row(const Statement& row) {
  StoredCommand out;
  out.sequence = row.number(0);
  const auto id = row.bytes(1);
  std::array<std::uint8_t, 16> bytes{};
  const bool whole = id.size() == bytes.size();
  if (whole) std::memcpy(bytes.data(), id.data(), bytes.size());
  out.id = DurableId::of(bytes);
  out.name = row.text(2);
  out.key = row.text(3);
  out.type_hash = static_cast<std::uint64_t>(row.number(4));
  const auto body = row.bytes(5);
  out.body.assign(body.begin(), body.end());
  out.created_ms = row.number(6);
  out.clock_ms = row.number(7);
  const auto sum =
      checksum({out.id, out.name, out.key, out.type_hash, out.body}, out.created_ms, out.clock_ms);
  out.sound = whole && static_cast<std::uint64_t>(row.number(8)) == sum;
  out.attempts = static_cast<std::uint32_t>(row.number(9));
  out.state = row.number(10) == 0 ? State::waiting : State::dead;
  out.cause = row.text(11);
  return out;
}

Store::~Store() { roll_back(); }

Result<std::unique_ptr<Store>> Store::open(const std::string& path, const Options& options) {
  if (const auto there = prepare_file(path, options.create); !there) {
    return tl::unexpected<Error>(there.error());
  }
  std::unique_ptr<Store> store(new Store());
  store->path_ = path;
  auto db = open_database(path, options.vfs, options.wal_bytes);
  if (!db) return tl::unexpected<Error>(db.error());
  store->db_ = std::move(*db);
  if (const auto ready = store->prepare(); !ready) return tl::unexpected<Error>(ready.error());
  if (const auto loaded = store->load(); !loaded) return tl::unexpected<Error>(loaded.error());
  return store;
}

Result<void> Store::prepare() {
  const struct {
    Statement& statement;
    std::string_view sql;
  } all[] = {
      {begin_, "BEGIN IMMEDIATE"},
      {commit_, "COMMIT"},
      {insert_,
       "INSERT INTO commands(seq,id,name,key,types,body,created,clock,sum) "
       "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9) ON CONFLICT(id) DO NOTHING"},
      {size_of_,  // length() of a text counts characters
       "SELECT length(CAST(name AS BLOB)),length(CAST(key AS BLOB)),length(body),state "
       "FROM commands WHERE seq=?1"},
      {erase_, "DELETE FROM commands WHERE seq=?1"},
      {attempts_, "UPDATE commands SET attempts=?2 WHERE seq=?1"},
      {bury_, "UPDATE commands SET state=1,attempts=?2,cause=?3 WHERE seq=?1 AND state=0"},
      {revive_, "UPDATE commands SET state=0,attempts=0,cause='' WHERE seq=?1 AND state=1"},
      {read_,
       "SELECT seq,id,name,key,types,body,created,clock,sum,attempts,state,cause FROM commands "
       "WHERE seq=?1"},
      {list_,
       "SELECT seq,id,name,key,types,body,created,clock,sum,attempts,state,cause FROM commands "
       "WHERE state=?1 AND seq>?2 AND (?3='' OR name=?3) ORDER BY seq LIMIT ?4"},
      {types_in_,
       "INSERT INTO types(hash,text,request,reply) VALUES(?1,?2,?3,?4) ON CONFLICT DO NOTHING"},
      {types_out_, "SELECT text,request,reply FROM types WHERE hash=?1"},
      {carried_in_,
       "INSERT INTO sources(path,carried) VALUES(?1,?2) "
       "ON CONFLICT(path) DO UPDATE SET carried=excluded.carried"},
      {carried_out_, "SELECT carried FROM sources WHERE path=?1"},
      {clock_in_, "UPDATE meta SET value=?1 WHERE name='clock'"},
  };
  for (const auto& [statement, sql] : all) {
    auto made = Statement::prepare(db_.get(), sql);
    if (!made) return tl::unexpected<Error>(made.error());
    statement = std::move(*made);
  }
  return {};
}

Result<void> Store::load() {
  // Best effort: on a full disk they stay.
  (void)execute(db_.get(), "DELETE FROM types WHERE hash NOT IN (SELECT types FROM commands)",
                "forget types");
  auto clock = Statement::prepare(db_.get(), "SELECT value FROM meta WHERE name='clock'");
  if (!clock) return tl::unexpected<Error>(clock.error());
  if (clock->step() == SQLITE_ROW) clock_base_ms_ = clock->number(0);
  clock_kept_ms_ = clock_base_ms_;
  started_ns_ = boot_ns();
  const auto counted = each([this](const CommandHead& head) {
    // A kill forgets some of it, and no command is younger; more than that is damage.
    const auto oldest = std::min(head.clock_ms, clock_kept_ms_ + clock_forgotten_max_ms);
    clock_base_ms_ = std::max(clock_base_ms_, oldest);
    totals_.bytes += head.bytes;
    ++(head.state == State::waiting ? totals_.waiting : totals_.dead);
    next_ = std::max(next_, head.sequence + 1);
  });
  then_ = totals_;
  return counted;
}

Result<void> Store::each(const std::function<void(const CommandHead&)>& tell) {
  auto all = Statement::prepare(db_.get(),
                                "SELECT seq,name,key,types,clock,attempts,state,length(body) "
                                "FROM commands ORDER BY seq");
  if (!all) return tl::unexpected<Error>(all.error());
  int result = all->step();
  for (; result == SQLITE_ROW; result = all->step()) {
    CommandHead head;
    head.sequence = all->number(0);
    head.name = all->text(1);
    head.key = all->text(2);
    head.type_hash = static_cast<std::uint64_t>(all->number(3));
    head.clock_ms = all->number(4);
    head.attempts = static_cast<std::uint32_t>(all->number(5));
    head.state = all->number(6) == 0 ? State::waiting : State::dead;
    head.bytes =
        bytes_of(head.name.size(), head.key.size(), static_cast<std::size_t>(all->number(7)));
    tell(head);
  }
  if (result != SQLITE_DONE) return sqlite_error(db_.get(), result, "read the spool");
  return {};
}

Result<void> Store::begin() {
  if (begun_) return {};
  if (auto begun = begin_.run("begin a transaction"); !begun) return begun;
  begun_ = true;
  then_ = totals_;
  return {};
}

Result<void> Store::commit() {
  if (!begun_) return {};
  if (sqlite3_get_autocommit(db_.get()) != 0) {  // an error before has ended it
    roll_back();
    return fail(ErrorKind::overloaded, "the transaction was rolled back");
  }
  auto done = keep_clock();
  if (done) done = commit_.run("commit");
  if (!done) {
    roll_back();
    return done;
  }
  begun_ = false;
  totals_ = then_;
  return {};
}

void Store::roll_back() noexcept {
  if (!begun_) return;
  begun_ = false;
  then_ = totals_;
  if (sqlite3_get_autocommit(db_.get()) == 0) {
    (void)sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

Result<void> Store::keep_clock() {
  const auto now = clock_ms();
  if (now - clock_kept_ms_ < clock_kept_every_ms) return {};
  clock_kept_ms_ = now;
  return clock_in_.bind(1, now).run("keep the clock");
}

Result<std::optional<std::int64_t>> Store::insert(const NewCommand& command) {
  const auto id = command.id.bytes();
  const auto created = wall_ms();
  const auto clock = clock_ms();
  insert_.bind(1, next_).bind(2, std::as_bytes(std::span(id))).bind(3, command.name);
  insert_.bind(4, command.key).bind(5, static_cast<std::int64_t>(command.type_hash));
  insert_.bind(6, command.body).bind(7, created).bind(8, clock);
  insert_.bind(9, static_cast<std::int64_t>(checksum(command, created, clock)));
  if (const auto done = insert_.run("store a command"); !done) {
    return tl::unexpected<Error>(done.error());
  }
  if (sqlite3_changes(db_.get()) == 0) return std::optional<std::int64_t>();
  ++then_.waiting;
  then_.bytes += bytes_of(command.name.size(), command.key.size(), command.body.size());
  return std::optional<std::int64_t>(next_++);
}

Result<void> Store::insert_as_is(const StoredCommand& one) {
  auto put =
      Statement::prepare(db_.get(),
                         "INSERT INTO commands VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)"
                         " ON CONFLICT DO NOTHING");
  if (!put) return tl::unexpected<Error>(put.error());
  const auto id = one.id.bytes();
  const NewCommand command{one.id, one.name, one.key, one.type_hash, one.body};
  put->bind(1, one.sequence).bind(2, std::as_bytes(std::span(id)));
  put->bind(3, std::string_view(one.name)).bind(4, std::string_view(one.key));
  put->bind(5, static_cast<std::int64_t>(one.type_hash)).bind(6, std::span(one.body));
  put->bind(7, one.created_ms).bind(8, one.clock_ms);
  put->bind(9, static_cast<std::int64_t>(checksum(command, one.created_ms, one.clock_ms)));
  put->bind(10, std::int64_t{one.attempts}).bind(11, static_cast<std::int64_t>(one.state));
  put->bind(12, std::string_view(one.cause));
  clock_base_ms_ = std::max(clock_base_ms_, one.clock_ms);
  return put->run("store a command");
}

Result<void> Store::erase(std::int64_t sequence) {
  size_of_.bind(1, sequence);
  if (size_of_.step() == SQLITE_ROW) {
    then_.bytes -= bytes_of(static_cast<std::size_t>(size_of_.number(0)),
                            static_cast<std::size_t>(size_of_.number(1)),
                            static_cast<std::size_t>(size_of_.number(2)));
    --(size_of_.number(3) == 0 ? then_.waiting : then_.dead);
  }
  size_of_.reset();
  return erase_.bind(1, sequence).run("remove a command");
}

Result<void> Store::set_attempts(std::int64_t sequence, std::uint32_t attempts) {
  return attempts_.bind(1, sequence).bind(2, std::int64_t{attempts}).run("count an attempt");
}

Result<void> Store::bury(std::int64_t sequence, std::uint32_t attempts, std::string_view cause) {
  bury_.bind(1, sequence).bind(2, std::int64_t{attempts}).bind(3, cause);
  auto done = bury_.run("make a dead letter");
  if (done && sqlite3_changes(db_.get()) != 0) {
    --then_.waiting;
    ++then_.dead;
  }
  return done;
}

Result<void> Store::revive(std::int64_t sequence) {
  auto done = revive_.bind(1, sequence).run("retry a dead letter");
  if (done && sqlite3_changes(db_.get()) != 0) {
    ++then_.waiting;
    --then_.dead;
  }
  return done;
}

Result<void> Store::remember_types(std::uint64_t hash, const StoredTypes& types) {
  types_in_.bind(1, static_cast<std::int64_t>(hash)).bind(2, std::string_view(types.text));
  types_in_.bind(3, std::int64_t{types.request_bytes}).bind(4, std::int64_t{types.reply_bytes});
  return types_in_.run("store types");
}

Result<std::optional<StoredTypes>> Store::types(std::uint64_t hash) {
  std::optional<StoredTypes> out;
  const int result = types_out_.bind(1, static_cast<std::int64_t>(hash)).step();
  if (result == SQLITE_ROW) {
    out = StoredTypes{std::string(types_out_.text(0)),
                      static_cast<std::uint32_t>(types_out_.number(1)),
                      static_cast<std::uint32_t>(types_out_.number(2))};
  }
  types_out_.reset();
  if (result != SQLITE_ROW && result != SQLITE_DONE) {
    return sqlite_error(db_.get(), result, "read types");
  }
  return out;
}

Result<void> Store::set_carried(std::string_view source, std::int64_t number) {
  return carried_in_.bind(1, source).bind(2, number).run("note what was carried");
}

Result<std::int64_t> Store::carried(std::string_view source) {
  const int result = carried_out_.bind(1, source).step();
  const std::int64_t number = result == SQLITE_ROW ? carried_out_.number(0) : 0;
  carried_out_.reset();
  if (result != SQLITE_ROW && result != SQLITE_DONE) {
    return sqlite_error(db_.get(), result, "read what was carried");
  }
  return number;
}

Result<std::optional<StoredCommand>> Store::read(std::int64_t sequence) {
  std::optional<StoredCommand> out;
  const int result = read_.bind(1, sequence).step();
  if (result == SQLITE_ROW) out = row(read_);
  read_.reset();
  if (result != SQLITE_ROW && result != SQLITE_DONE) {
    return sqlite_error(db_.get(), result, "read a command");
  }
  return out;
}

Result<std::vector<StoredCommand>> Store::list(State state, std::string_view name,
                                               std::int64_t after, std::uint32_t most) {
  std::vector<StoredCommand> out;
  list_.bind(1, static_cast<std::int64_t>(state)).bind(2, after).bind(3, name);
  list_.bind(4, std::int64_t{most});
  int result = list_.step();
  for (; result == SQLITE_ROW; result = list_.step()) out.push_back(row(list_));
  list_.reset();
  if (result != SQLITE_DONE) return sqlite_error(db_.get(), result, "list commands");
  return out;
}

std::int64_t Store::clock_unkept_ms() const noexcept { return clock_ms() - clock_kept_ms_; }

std::int64_t Store::clock_ms() const noexcept {
  return clock_base_ms_ + static_cast<std::int64_t>((boot_ns() - started_ns_) / 1'000'000U);
}

std::uint64_t Store::file_bytes() const noexcept { return size_of(path_); }
std::uint64_t Store::wal_bytes() const noexcept { return size_of(path_ + "-wal"); }

}  // namespace shmbus::spool
