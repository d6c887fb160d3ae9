// The receiver's side of durable commands: drops repeats by id, so that effects happen once.
//
//   shmbus::Once once;                               // beside the handler's own database
//   once.open(db, 24h * 8);
//
//   [&](const Order& order, shmbus::Context& context) -> shmbus::Status {
//     begin(db);
//     const auto first = once.first(context);        // part of the transaction
//     if (!first) return rollback(db), shmbus::Once::again(first.error());
//     if (*first) ... the effects, in the same database ...
//     return commit(db) ? shmbus::Status::ok() : ...;
//   }
//
// Effects and the note that they have happened are one transaction: a crash leaves both or neither.
// Effects elsewhere (a file, another machine) can still happen twice when the handler dies between
// them and its commit.
//
// An id is kept for the time that was asked for, which is to be longer than the spool's
// limits.age; counted while the program runs, so that steps of the wall clock forget nothing.
//
// Threads   As the connection allows. Errors are values; nothing is thrown.
#pragma once

#include <sqlite3.h>
#include <time.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "shmbus/spool/durable.hpp"

namespace shmbus {

class Once {
 public:
  /// What a handler answers when first() failed: the spool tries again.
  static Status again(const Error& error) noexcept {
    return Status::refuse(ErrorKind::overloaded, error.message.view());
  }

  /// Makes its tables, shmbus_seen and shmbus_seen_clock. `db` must outlive this object.
  Result<void> open(sqlite3* db, Duration keep = std::chrono::hours(24 * 8)) noexcept {
    constexpr const char* sql =
        "CREATE TABLE IF NOT EXISTS shmbus_seen(id BLOB PRIMARY KEY, at INTEGER NOT NULL)"
        " WITHOUT ROWID;"
        "CREATE INDEX IF NOT EXISTS shmbus_seen_at ON shmbus_seen(at);"
        "CREATE TABLE IF NOT EXISTS shmbus_seen_clock(at INTEGER NOT NULL);"
        "INSERT INTO shmbus_seen_clock SELECT 0"
        " WHERE NOT EXISTS (SELECT 1 FROM shmbus_seen_clock);";
    if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failed(db);
    db_ = db;
    keep_s_ = std::chrono::duration_cast<std::chrono::seconds>(keep).count();
    const bool made =
        prepare("INSERT INTO shmbus_seen VALUES(?1,?2) ON CONFLICT DO NOTHING", add_) &&
        prepare("DELETE FROM shmbus_seen WHERE at<?1", forget_) &&
        prepare("UPDATE shmbus_seen_clock SET at=?1", keep_clock_);
    Row clock;
    if (!made || !prepare("SELECT at FROM shmbus_seen_clock", clock)) return failed(db);
    if (sqlite3_step(clock.get()) == SQLITE_ROW) base_s_ = sqlite3_column_int64(clock.get(), 0);
    kept_s_ = base_s_;
    started_s_ = boot_s();
    return {};
  }

  /// Whether the command that runs has not been here before; noted as part of the transaction that
  /// the database is in. Always true for what no spool delivers. An error: answer again().
  Result<bool> first(const Context& context) noexcept {
    if (context.caller().label.view() != spool_label) return true;
    const auto id = durable_id(context);
    // Its trace had no room in the bus's memory: it may be a repeat.
    if (!id) return fail(ErrorKind::overloaded, "the command came without its id");
    return first(*id);
  }
  Result<bool> first(DurableId id) noexcept {
    if (db_ == nullptr) return fail(ErrorKind::invalid_argument, "Once::open() comes first");
    const std::int64_t now = base_s_ + boot_s() - started_s_;
    if (now - kept_s_ >= 10) {
      kept_s_ = now;
      if (!run(keep_clock_, now) || !run(forget_, now - keep_s_)) return failed(db_);
    }
    const auto bytes = id.bytes();
    (void)sqlite3_bind_blob(add_.get(), 1, bytes.data(), static_cast<int>(bytes.size()),
                            SQLITE_STATIC);
    (void)sqlite3_bind_int64(add_.get(), 2, now);
    const int result = sqlite3_step(add_.get());
    (void)sqlite3_reset(add_.get());
    (void)sqlite3_clear_bindings(add_.get());
    if (result != SQLITE_DONE) return failed(db_);
    return sqlite3_changes(db_) != 0;
  }

 private:
  struct Finish {
    void operator()(sqlite3_stmt* one) const noexcept { (void)sqlite3_finalize(one); }
  };
  using Row = std::unique_ptr<sqlite3_stmt, Finish>;

  static tl::unexpected<Error> failed(sqlite3* db) noexcept {
    return fail(ErrorKind::bus_unusable, sqlite3_errmsg(db), sqlite3_extended_errcode(db));
  }
  static std::int64_t boot_s() noexcept {
    timespec now{};
    (void)::clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
  }
  bool prepare(const char* sql, Row& row) noexcept {
    sqlite3_stmt* made = nullptr;
    const int result = sqlite3_prepare_v2(db_, sql, -1, &made, nullptr);
    row.reset(made);
    return result == SQLITE_OK;
  }
  static bool run(const Row& row, std::int64_t number) noexcept {
    (void)sqlite3_bind_int64(row.get(), 1, number);
    const int result = sqlite3_step(row.get());
    (void)sqlite3_reset(row.get());
    return result == SQLITE_DONE;
  }

  sqlite3* db_ = nullptr;
  Row add_, forget_, keep_clock_;
  std::int64_t keep_s_ = 0;
  std::int64_t base_s_ = 0;
  std::int64_t kept_s_ = 0;
  std::int64_t started_s_ = 0;
};

}  // namespace shmbus
