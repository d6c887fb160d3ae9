// SQLite's handles as values that close themselves, and its errors as ours.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "shmbus/error.hpp"

namespace shmbus::spool {

struct CloseDatabase {
  void operator()(sqlite3* db) const noexcept { (void)sqlite3_close_v2(db); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

struct FinishStatement {
  void operator()(sqlite3_stmt* one) const noexcept { (void)sqlite3_finalize(one); }
};

/// What a result code means for the spool. code is SQLite's extended one.
///   overloaded    the disk is full, or another process has the file locked
///   corrupted     the file is damaged, or is no database
///   bus_unusable  the disk failed, or anything else
tl::unexpected<Error> sqlite_error(sqlite3* db, int result, std::string_view doing);

/// One prepared statement; bound, stepped and reset by its owner.
class Statement {
 public:
  Statement() = default;
  static Result<Statement> prepare(sqlite3* db, std::string_view sql);

  Statement& bind(int at, std::int64_t value) noexcept {
    (void)sqlite3_bind_int64(one_.get(), at, value);
    return *this;
  }
  /// Not copied: it must live until reset().
  Statement& bind(int at, std::string_view text) noexcept {
    (void)sqlite3_bind_text(one_.get(), at, text.data() == nullptr ? "" : text.data(),
                            static_cast<int>(text.size()), SQLITE_STATIC);
    return *this;
  }
  Statement& bind(int at, std::span<const std::byte> bytes) noexcept {
    const void* data = bytes.empty() ? static_cast<const void*>("") : bytes.data();
    (void)sqlite3_bind_blob(one_.get(), at, data, static_cast<int>(bytes.size()), SQLITE_STATIC);
    return *this;
  }
  /// SQLITE_ROW, SQLITE_DONE or an error.
  int step() noexcept { return sqlite3_step(one_.get()); }
  void reset() noexcept {
    (void)sqlite3_reset(one_.get());
    (void)sqlite3_clear_bindings(one_.get());
  }
  /// Steps to its end and resets.
  Result<void> run(std::string_view doing);

  [[nodiscard]] std::int64_t number(int column) const noexcept {
    return sqlite3_column_int64(one_.get(), column);
  }
  /// In UTF-8, whatever the database's encoding.
  [[nodiscard]] std::string_view text(int column) const noexcept {
    const auto* chars = reinterpret_cast<const char*>(sqlite3_column_text(one_.get(), column));
    return {chars == nullptr ? "" : chars,
            static_cast<std::size_t>(sqlite3_column_bytes(one_.get(), column))};
  }
  [[nodiscard]] std::span<const std::byte> bytes(int column) const noexcept {
    const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(one_.get(), column));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(one_.get(), column))};
  }
  [[nodiscard]] sqlite3* database() const noexcept { return sqlite3_db_handle(one_.get()); }

 private:
  std::unique_ptr<sqlite3_stmt, FinishStatement> one_;
};

Result<void> execute(sqlite3* db, const char* sql, std::string_view doing);

}  // namespace shmbus::spool
