#include "spool/store_format.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "common/descriptor.hpp"
#include "os/descriptor.hpp"

namespace shmbus::spool {
namespace {

constexpr const char* schema_sql =
    "CREATE TABLE commands("
    " seq INTEGER PRIMARY KEY,"
    " id BLOB NOT NULL UNIQUE,"
    " name TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " types INTEGER NOT NULL,"
    " body BLOB NOT NULL,"
    " created INTEGER NOT NULL,"
    " clock INTEGER NOT NULL,"
    " sum INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " state INTEGER NOT NULL DEFAULT 0,"
    " cause TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE INDEX dead ON commands(seq) WHERE state=1;"
    "CREATE TABLE types(hash INTEGER PRIMARY KEY, text TEXT NOT NULL, request INTEGER NOT NULL,"
    " reply INTEGER NOT NULL) STRICT;"
    "CREATE TABLE sources(path TEXT PRIMARY KEY, carried INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO meta VALUES('clock', 0);";

enum class There : std::uint8_t { no, empty, yes };

There look_at(const std::string& path) noexcept {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return There::no;
  return status.st_size == 0 ? There::empty : There::yes;
}

tl::unexpected<Error> system_error(const std::string& doing) {
  const int number = errno;
  const bool full = number == ENOSPC || number == EDQUOT;
  return fail(full ? ErrorKind::overloaded : ErrorKind::bus_unusable,
              fmt::format("{}: {}", doing, std::strerror(number)), number);
}

Result<Database> open_plainly(const std::string& path, const std::string& vfs, int flags) {
  sqlite3* opened = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &opened, flags | SQLITE_OPEN_NOMUTEX,
                                     vfs.empty() ? nullptr : vfs.c_str());
  Database db(opened);
  if (result != SQLITE_OK) return sqlite_error(db.get(), result, "open the spool");
  (void)sqlite3_extended_result_codes(db.get(), 1);
  return db;
}

Result<std::int64_t> pragma(sqlite3* db, const char* name) {
  auto statement = Statement::prepare(db, fmt::format("PRAGMA {}", name));
  if (!statement) return tl::unexpected<Error>(statement.error());
  const int result = statement->step();
  if (result != SQLITE_ROW) return sqlite_error(db, result, fmt::format("read {}", name));
  return statement->number(0);
}

}  // namespace

Result<void> sync_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const program::Descriptor fd(descriptor::open(folder.c_str(), O_RDONLY | O_DIRECTORY));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return system_error("sync the folder of the spool");
  return {};
}

namespace {

/// Two that start at once both make one: the second finds the first one's, which may hold commands.
Result<void> name_it(const std::string& made, const std::string& path) {
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno == EEXIST) {
    (void)::unlink(made.c_str());
    return {};
  }
  const bool unknown = errno == EINVAL || errno == ENOSYS;  // to this file system
  if (unknown && ::rename(made.c_str(), path.c_str()) == 0) return {};
  return system_error("name the new spool");
}

/// Under another name first, so that a crash leaves either no spool or a whole one.
Result<void> make_file(const std::string& path) {
  const std::string made = path + ".new";
  (void)::unlink(made.c_str());
  {
    const program::Descriptor fd(descriptor::open(made.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
    if (!fd.valid()) return system_error(fmt::format("create {}", made));
  }
  {
    auto db = open_plainly(made, {}, SQLITE_OPEN_READWRITE);
    if (!db) return tl::unexpected<Error>(db.error());
    const auto sql = fmt::format(
        "PRAGMA synchronous=FULL; PRAGMA application_id={}; PRAGMA user_version={};"
        "BEGIN; {} COMMIT;",
        application_id, format_version, schema_sql);
    if (auto done = execute(db->get(), sql.c_str(), "create the spool"); !done) return done;
  }
  if (auto named = name_it(made, path); !named) return named;
  return sync_folder_of(path);
}

/// Nothing when all is well, else the first thing that is wrong.
Result<void> check_all(sqlite3* db) {
  auto check = Statement::prepare(db, "PRAGMA integrity_check(1)");
  if (!check) return tl::unexpected<Error>(check.error());
  const int result = check->step();
  if (result != SQLITE_ROW) return sqlite_error(db, result, "check the spool");
  if (check->text(0) == "ok") return {};
  return fail(ErrorKind::corrupted, fmt::format("the spool is damaged: {}", check->text(0)));
}

Result<void> check_format(sqlite3* db) {
  const auto id = pragma(db, "application_id");
  if (!id) return tl::unexpected<Error>(id.error());
  if (*id != application_id) return fail(ErrorKind::corrupted, "this database is no spool's");
  const auto version = pragma(db, "user_version");
  if (!version) return tl::unexpected<Error>(version.error());
  if (*version == format_version) return {};
  return fail(ErrorKind::corrupted, fmt::format("the spool has format {}, this program knows {}",
                                                *version, format_version));
}

}  // namespace

Result<void> prepare_file(const std::string& path, bool create) {
  if (look_at(repaired_name(path)) != There::no) {
    return fail(ErrorKind::corrupted, "a repair was interrupted: run shmbus-spool --repair again");
  }
  const There file = look_at(path);
  if (file == There::yes) return {};
  if (file == There::empty) {
    return fail(ErrorKind::corrupted, "the spool's file is empty: it was cut, or never a spool");
  }
  if (look_at(path + "-wal") == There::yes) {
    return fail(ErrorKind::corrupted, "the spool's file is missing, and its -wal is there");
  }
  if (!create) return fail(ErrorKind::invalid_argument, "there is no such spool");
  return make_file(path);
}

Result<Database> open_database(const std::string& path, const std::string& vfs,
                               std::int64_t wal_bytes) {
  auto db = open_plainly(path, vfs, SQLITE_OPEN_READWRITE);
  if (!db) return db;
  // EXCLUSIVE before anything is read: then WAL needs no shared memory.
  constexpr const char* first =
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
      "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-2048;";
  if (const auto set = execute(db->get(), first, "set up the spool"); !set) {
    return tl::unexpected<Error>(set.error());
  }
  // Also the first thing that is read, in case the file is no database at all.
  if (const auto ours = check_format(db->get()); !ours) {
    return tl::unexpected<Error>(ours.error());
  }
  auto mode = Statement::prepare(db->get(), "PRAGMA journal_mode=WAL");
  if (!mode) return tl::unexpected<Error>(mode.error());
  const int result = mode->step();
  if (result != SQLITE_ROW) return sqlite_error(db->get(), result, "use a WAL");
  if (mode->text(0) != "wal") return fail(ErrorKind::bus_unusable, "SQLite refuses a WAL here");
  mode->reset();
  const auto more = fmt::format(
      "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit={};",
      wal_bytes);
  if (const auto set = execute(db->get(), more.c_str(), "set up the spool"); !set) {
    return tl::unexpected<Error>(set.error());
  }
  if (const auto sound = check_all(db->get()); !sound) {
    return tl::unexpected<Error>(sound.error());
  }
  return db;
}

Result<Database> open_unchecked(const std::string& path, const std::string& vfs) {
  auto db = open_plainly(path, vfs, SQLITE_OPEN_READWRITE);
  if (!db) return db;
  // writable_schema: without it SQLite reads nothing of a file that is shorter than its header
  // says.
  const auto set =
      execute(db->get(),
              "PRAGMA locking_mode=EXCLUSIVE; PRAGMA trusted_schema=OFF; PRAGMA mmap_size=0;"
              "PRAGMA writable_schema=ON;",
              "set up the spool");
  if (!set) return tl::unexpected<Error>(set.error());
  return db;
}

}  // namespace shmbus::spool
