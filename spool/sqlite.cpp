#include "spool/sqlite.hpp"

namespace shmbus::spool {

tl::unexpected<Error> sqlite_error(sqlite3* db, int result, std::string_view doing) {
  ErrorKind kind = ErrorKind::bus_unusable;
  switch (result & 0xFF) {
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      kind = ErrorKind::overloaded;
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      kind = ErrorKind::corrupted;
      break;
    default:
      break;
  }
  Error error;
  error.kind = kind;
  error.code = db == nullptr ? result : sqlite3_extended_errcode(db);
  error.message.append(doing).append(": ");
  error.message.append(db == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(db));
  return tl::unexpected<Error>(error);
}

Result<Statement> Statement::prepare(sqlite3* db, std::string_view sql) {
  Statement statement;
  sqlite3_stmt* one = nullptr;
  const int result = sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &one, nullptr);
  statement.one_.reset(one);
  if (result != SQLITE_OK) return sqlite_error(db, result, "prepare");
  return statement;
}

Result<void> Statement::run(std::string_view doing) {
  int result = step();
  while (result == SQLITE_ROW) result = step();
  if (result != SQLITE_DONE) {
    auto error = sqlite_error(database(), result, doing);
    reset();
    return error;
  }
  reset();
  return {};
}

Result<void> execute(sqlite3* db, const char* sql, std::string_view doing) {
  const int result = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return sqlite_error(db, result, doing);
  return {};
}

}  // namespace shmbus::spool
