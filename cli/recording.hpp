// A recording of traffic: what `shmbus record` writes and `shmbus replay` reads. The format is
// described in docs/cli.md; little-endian, 8-byte aligned, and of no use but these two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace shmbus::cli {

namespace recording {

inline constexpr std::uint64_t magic = 0x31434552'4D485300ULL;  // "\0SHMREC1"
inline constexpr std::uint32_t version = 1;

enum class EntryType : std::uint32_t { name = 1, command = 2, end = 3 };

struct FileHead {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t spare;
  std::int64_t started_unix_ns;
  std::uint64_t bus_id;
};

/// Before each entry; the next one begins `bytes` after the end of this.
struct EntryHead {
  std::uint32_t type;
  std::uint32_t bytes;  ///< a multiple of 8
};

/// Then `text_bytes` of text.
struct NameEntry {
  std::uint32_t id;
  std::uint32_t text_bytes;
};

namespace command_flags {
inline constexpr std::uint32_t one_way = 1;
}

/// Then `kept_bytes` of the request.
struct CommandEntry {
  std::int64_t at_ns;  ///< since started_unix_ns: when it was started
  std::uint64_t duration_ns;
  std::uint32_t name;
  std::uint32_t flags;
  std::uint32_t caller;  ///< tells callers apart: its lane
  std::uint32_t outcome;
  std::uint32_t request_bytes;
  std::uint32_t kept_bytes;  ///< fewer: the request was cut
  std::uint32_t reply_bytes;
  std::uint32_t spare;
};

struct EndEntry {
  std::uint64_t commands;
  std::uint64_t skipped;  ///< ran, and were not recorded
  std::uint64_t cut;
};

static_assert(sizeof(FileHead) == 32 && sizeof(EntryHead) == 8 && sizeof(NameEntry) == 8);
static_assert(sizeof(CommandEntry) == 48 && sizeof(EndEntry) == 24);

}  // namespace recording

class RecordingWriter {
 public:
  /// Throws a Failure when the file cannot be written, as the other functions do.
  RecordingWriter(const std::string& path, std::int64_t started_unix_ns, std::uint64_t bus_id);
  void add_name(std::uint32_t id, std::string_view text);
  void add_command(const recording::CommandEntry& command, std::span<const std::byte> request);
  void finish(const recording::EndEntry& totals);

 private:
  void put(const void* data, std::size_t bytes);
  void put_padded(std::span<const std::byte> bytes);
  struct Close {
    void operator()(std::FILE* file) const noexcept { (void)std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

struct RecordedCommand {
  recording::CommandEntry entry{};
  std::vector<std::byte> request;
};

struct Recording {
  std::vector<std::string> names;  ///< by id
  std::vector<RecordedCommand> commands;
  recording::EndEntry totals{};
  bool complete = false;  ///< it has its end; else the process that wrote it was killed
};

/// Throws a Failure that names the file when it is no recording.
Recording read_recording(const std::string& path);

}  // namespace shmbus::cli
