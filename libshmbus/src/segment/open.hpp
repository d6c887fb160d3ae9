// Opening: find the file, or make it, and decide whether it is ours.
#pragma once

#include "layout/geometry.hpp"
#include "layout/header.hpp"
#include "segment/file.hpp"
#include "shmbus/error.hpp"
#include "shmbus/options.hpp"

namespace shmbus::segment {

struct OpenFile {
  File file;
  FileId id;
  layout::Header header{};
  layout::Geometry geometry;
};

/// What an existing file turned out to be.
enum class Condition : std::uint8_t {
  usable,
  empty,          ///< no bytes at all
  foreign,        ///< something else; never touched
  other_version,  ///< a bus of another layout version
  truncated,      ///< a bus that is shorter than it was made
  damaged,        ///< a bus whose header contradicts itself
  wrong_clock,  ///< a bus whose creator measured another rate of the counter: all limits are wrong
};

/// Reads and checks the header. Fills `out.header` and `out.geometry` as far as they are known.
Condition examine(int fd, std::uint64_t file_bytes, OpenFile& out) noexcept;

/// Opens the bus or creates it. A file that was a bus once, can no longer be used, and is open in
/// no process is replaced; one that is in use gives an error that says so.
Result<OpenFile> open_or_create(const Location& location, const OpenOptions& options);

}  // namespace shmbus::segment
