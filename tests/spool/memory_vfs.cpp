#include "spool/memory_vfs.hpp"

#include <algorithm>
#include <cstring>

namespace shmbus::test {
namespace {

constexpr std::size_t sector = 512;

MemoryFiles* the_files = nullptr;

struct Open {
  sqlite3_file base;  // first
  MemoryFiles::File* file;
};

MemoryFiles::File& of(sqlite3_file* file) { return *reinterpret_cast<Open*>(file)->file; }

int close(sqlite3_file*) { return SQLITE_OK; }

int read(sqlite3_file* file, void* out, int size, sqlite3_int64 at) {
  const auto& now = of(file).now;
  const auto begin = std::min(static_cast<std::size_t>(at), now.size());
  const auto count = std::min(static_cast<std::size_t>(size), now.size() - begin);
  std::memset(out, 0, static_cast<std::size_t>(size));
  std::memcpy(out, now.data() + begin, count);
  return count == static_cast<std::size_t>(size) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

void apply(std::string& to, std::size_t at, std::string_view data) {
  if (to.size() < at + data.size()) to.resize(at + data.size());
  std::copy(data.begin(), data.end(), to.begin() + static_cast<std::ptrdiff_t>(at));
}

int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
  auto& one = of(file);
  std::string part(static_cast<const char*>(data), static_cast<std::size_t>(size));
  const bool on = the_files->spend();
  one.since.push_back({static_cast<std::size_t>(at), part});
  if (!on) return SQLITE_IOERR_WRITE;  // some of it may have arrived
  apply(one.now, static_cast<std::size_t>(at), part);
  return SQLITE_OK;
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (the_files->off()) return SQLITE_IOERR_TRUNCATE;
  // Nothing here relies on a cut being late: it is as if it were synced.
  auto& one = of(file);
  one.now.resize(static_cast<std::size_t>(size));
  one.synced.resize(std::min(one.synced.size(), one.now.size()));
  one.since.clear();
  return SQLITE_OK;
}

int sync(sqlite3_file* file, int) {
  if (!the_files->spend()) return SQLITE_IOERR_FSYNC;
  auto& one = of(file);
  one.synced = one.now;
  one.since.clear();
  one.on_disk = true;
  return SQLITE_OK;
}

int size_of(sqlite3_file* file, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(of(file).now.size());
  return SQLITE_OK;
}

int lock(sqlite3_file*, int) { return SQLITE_OK; }
int reserved(sqlite3_file*, int* out) {
  *out = 0;
  return SQLITE_OK;
}
int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return static_cast<int>(sector); }
int characteristics(sqlite3_file*) { return 0; }

const sqlite3_io_methods methods{
    1,       close,    read,    write,       truncate,        sync,    size_of, lock,
    lock,    reserved, control, sector_size, characteristics, nullptr, nullptr, nullptr,
    nullptr, nullptr,  nullptr};

int open(sqlite3_vfs*, const char* name, sqlite3_file* out, int, int* flags) {
  auto* file = reinterpret_cast<Open*>(out);
  file->file = &the_files->files[name == nullptr ? "temporary" : name];
  file->base.pMethods = &methods;
  if (flags != nullptr) *flags = SQLITE_OPEN_READWRITE;
  return SQLITE_OK;
}

int remove(sqlite3_vfs*, const char* name, int) {
  if (the_files->off()) return SQLITE_IOERR_DELETE;
  the_files->files.erase(name);
  return SQLITE_OK;
}

int access(sqlite3_vfs*, const char* name, int, int* out) {
  *out = the_files->files.count(name) != 0 ? 1 : 0;
  return SQLITE_OK;
}

int full_name(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

sqlite3_vfs the_vfs{};

}  // namespace

MemoryFiles::MemoryFiles() {
  the_files = this;
  const sqlite3_vfs* usual = sqlite3_vfs_find(nullptr);
  the_vfs = *usual;
  the_vfs.iVersion = 1;
  the_vfs.szOsFile = sizeof(Open);
  the_vfs.pNext = nullptr;
  the_vfs.zName = "memory";
  the_vfs.xOpen = open;
  the_vfs.xDelete = remove;
  the_vfs.xAccess = access;
  the_vfs.xFullPathname = full_name;
  (void)sqlite3_vfs_register(&the_vfs, 0);
}

MemoryFiles::~MemoryFiles() {
  (void)sqlite3_vfs_unregister(&the_vfs);
  the_files = nullptr;
}

void MemoryFiles::put(const std::string& path, std::string content) {
  File& file = files[path];
  file.now = file.synced = std::move(content);
  file.on_disk = true;
}

std::map<std::string, std::string> MemoryFiles::disk(std::minstd_rand& random) const {
  std::map<std::string, std::string> out;
  for (const auto& [path, file] : files) {
    if (!file.on_disk && random() % 2 == 0) continue;
    std::string content = file.synced;
    std::vector<File::Write> sectors;
    for (const auto& write : file.since) {
      for (std::size_t at = 0; at < write.data.size(); at += sector) {
        sectors.push_back({write.at + at, write.data.substr(at, sector)});
      }
    }
    // Of writes to one place a later one wins only if it arrived.
    for (const auto& one : sectors) {
      if (random() % 2 == 0) apply(content, one.at, one.data);
    }
    out.emplace(path, std::move(content));
  }
  return out;
}

}  // namespace shmbus::test
