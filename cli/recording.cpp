#include "cli/recording.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "cli/exit_codes.hpp"
#include "cli/files.hpp"
#include "layout/limits.hpp"
#include "os/descriptor.hpp"

namespace shmbus::cli {

using namespace recording;

namespace {

constexpr std::int64_t longest_ns = 3'155'760'000'000'000'000;  // a hundred years

constexpr std::uint32_t padded(std::size_t bytes) noexcept {
  return static_cast<std::uint32_t>((bytes + 7) / 8 * 8);
}

[[noreturn]] void fail_with(const std::string& path, std::string_view why) {
  throw Failure(ErrorKind::invalid_argument, fmt::format("{}: {}", path, why));
}

/// Walks over the bytes of a file; every read is checked against what is there.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : left_(bytes) {}
  template <class T>
  requires std::is_trivially_copyable_v<T>
  bool take(T& out) noexcept {
    if (left_.size() < sizeof out) return false;
    std::memcpy(&out, left_.data(), sizeof out);
    left_ = left_.subspan(sizeof out);
    return true;
  }
  bool take(std::size_t bytes, std::span<const std::byte>& out) noexcept {
    if (left_.size() < bytes) return false;
    out = left_.first(bytes);
    left_ = left_.subspan(bytes);
    return true;
  }

 private:
  std::span<const std::byte> left_;
};

bool read_name(Cursor body, Recording& out) {
  NameEntry entry{};
  std::span<const std::byte> text;
  if (!body.take(entry) || !body.take(entry.text_bytes, text)) return false;
  if (entry.id >= layout::names_max || text.size() > layout::name_bytes_max) return false;
  if (out.names.size() <= entry.id) out.names.resize(entry.id + 1);
  out.names[entry.id].assign(reinterpret_cast<const char*>(text.data()), text.size());
  return true;
}

bool read_command(Cursor body, Recording& out) {
  RecordedCommand command;
  std::span<const std::byte> request;
  auto& entry = command.entry;
  if (!body.take(entry) || !body.take(entry.kept_bytes, request)) return false;
  if (entry.kept_bytes > entry.request_bytes || entry.name >= out.names.size()) return false;
  // Times are added up later: a century is enough.
  if (entry.at_ns < -longest_ns || entry.at_ns > longest_ns) return false;
  command.request.assign(request.begin(), request.end());
  out.commands.push_back(std::move(command));
  return true;
}

bool read_entry(std::uint32_t type, Cursor body, Recording& out) {
  switch (static_cast<EntryType>(type)) {
    case EntryType::name:
      return read_name(body, out);
    case EntryType::command:
      return read_command(body, out);
    case EntryType::end:
      out.complete = body.take(out.totals);
      return out.complete;
  }
  return true;  // of a newer version: skipped
}

}  // namespace

RecordingWriter::RecordingWriter(const std::string& path, std::int64_t started_unix_ns,
                                 std::uint64_t bus_id)
    : path_(path), file_(descriptor::stream(path.c_str(), "wb")) {
  if (!file_) fail_with(path, fmt::format("cannot be written: {}", std::strerror(errno)));
  const FileHead head{magic, version, 0, started_unix_ns, bus_id};
  put(&head, sizeof head);
}

void RecordingWriter::put(const void* data, std::size_t bytes) {
  if (bytes != 0 && std::fwrite(data, 1, bytes, file_.get()) != bytes) {
    fail_with(path_, fmt::format("cannot be written: {}", std::strerror(errno)));
  }
}

void RecordingWriter::put_padded(std::span<const std::byte> bytes) {
  constexpr std::array<char, 8> zeros{};
  put(bytes.data(), bytes.size());
  put(zeros.data(), padded(bytes.size()) - bytes.size());
}

void RecordingWriter::add_name(std::uint32_t id, std::string_view text) {
  const NameEntry entry{id, static_cast<std::uint32_t>(text.size())};
  const EntryHead head{static_cast<std::uint32_t>(EntryType::name),
                       padded(sizeof entry + text.size())};
  put(&head, sizeof head);
  put(&entry, sizeof entry);
  put_padded(std::as_bytes(std::span(text.data(), text.size())));
}

void RecordingWriter::add_command(const CommandEntry& command, std::span<const std::byte> request) {
  const EntryHead head{static_cast<std::uint32_t>(EntryType::command),
                       padded(sizeof command + request.size())};
  put(&head, sizeof head);
  put(&command, sizeof command);
  put_padded(request);
}

void RecordingWriter::finish(const EndEntry& totals) {
  const EntryHead head{static_cast<std::uint32_t>(EntryType::end), sizeof totals};
  put(&head, sizeof head);
  put(&totals, sizeof totals);
  if (std::fflush(file_.get()) != 0) {
    fail_with(path_, fmt::format("cannot be written: {}", std::strerror(errno)));
  }
}

Recording read_recording(const std::string& path) {
  std::array<char, sizeof magic> start{};
  std::memcpy(start.data(), &magic, sizeof magic);
  const auto bytes = read_file(path, recording_bytes_max, "record less at a time, or fewer names",
                               std::string_view(start.data(), start.size()),
                               "is no recording; make one with `shmbus record FILE`");
  Cursor cursor(bytes);
  FileHead head{};
  if (!cursor.take(head) || head.magic != magic) {
    fail_with(path, "is no recording; make one with `shmbus record FILE`");
  }
  if (head.version != version) {
    fail_with(path, fmt::format("is a recording of version {}, this program reads {}", head.version,
                                version));
  }
  Recording out;
  for (EntryHead entry{}; cursor.take(entry);) {
    std::span<const std::byte> body;
    if (!cursor.take(entry.bytes, body)) break;  // its writer was killed in the middle
    if (!read_entry(entry.type, Cursor(body), out)) fail_with(path, "is damaged");
  }
  return out;
}

}  // namespace shmbus::cli
