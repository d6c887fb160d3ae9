// How the spool's file is made, opened and checked; the checksum of a row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "spool/sqlite.hpp"

namespace shmbus::spool {

/// In the file's header: it is a spool's, and which format it has.
inline constexpr int application_id = 0x73706F6C;  // "spol"
inline constexpr int format_version = 1;

/// FNV-1a over the content, finished as detail::hash_name() does. Part of the format.
class Checksum {
 public:
  Checksum& add(const void* data, std::size_t size) noexcept {
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) hash_ = (hash_ ^ bytes[i]) * 0x100000001B3ULL;
    return *this;
  }
  Checksum& add_number(std::uint64_t number) noexcept {
    for (unsigned shift = 0; shift < 64; shift += 8) {
      hash_ = (hash_ ^ ((number >> shift) & 0xFFU)) * 0x100000001B3ULL;
    }
    return *this;
  }
  [[nodiscard]] std::uint64_t value() const noexcept {
    std::uint64_t hash = hash_;
    hash = (hash ^ (hash >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    hash = (hash ^ (hash >> 27U)) * 0x94D049BB133111EBULL;
    return hash ^ (hash >> 31U);
  }

 private:
  std::uint64_t hash_ = 0xCBF29CE484222325ULL;
};

/// Where a repair puts a file that is whole, until it has the place of the damaged one.
inline std::string repaired_name(const std::string& path) { return path + ".repaired"; }
/// So that a new name is on the disk.
Result<void> sync_folder_of(const std::string& path);

/// Makes a file that is missing, whole or not at all. A file of no bytes, or a WAL without its
/// file, is corrupted: something has cut it, and what it held would be forgotten.
Result<void> prepare_file(const std::string& path, bool create);
/// Opens it for this connection alone, and checks all of it.
Result<Database> open_database(const std::string& path, const std::string& vfs,
                               std::int64_t wal_bytes);
/// Opens it without checking anything, for `shmbus-spool --repair`.
Result<Database> open_unchecked(const std::string& path, const std::string& vfs);

}  // namespace shmbus::spool
