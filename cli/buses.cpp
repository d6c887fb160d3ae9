#include "cli/buses.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "common/escape.hpp"
#include "inspect/snapshot.hpp"
#include "segment/open.hpp"

namespace shmbus::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t buses_max = 1000;  // anybody may put files there
constexpr std::size_t shown_max = 4;

/// The file names of buses begin with this.
std::string file_prefix() {
  const auto location = segment::locate("x");
  const std::string path = location ? location->shm_name : std::string("x");
  return path.substr(0, path.size() - 1);
}

std::string state_of(const inspect::FileReport& report) {
  if (report.error_number != 0) {
    return report.error_number == EACCES ? "not permitted" : std::strerror(report.error_number);
  }
  if (!report.regular) return "not a file";
  switch (report.condition) {
    case segment::Condition::usable:
      return "usable";
    case segment::Condition::empty:
      return "empty";
    case segment::Condition::other_version:
      return fmt::format("layout {}.{}", report.header.layout_major, report.header.layout_minor);
    case segment::Condition::truncated:
      return "cut short";
    case segment::Condition::damaged:
      return "damaged";
    case segment::Condition::wrong_clock:
      return "wrong clock";
    case segment::Condition::foreign:
      break;
  }
  return "not a bus";
}

BusRow look_at_bus(const std::string& name) {
  BusRow row;
  row.name = name;
  const auto report = inspect::look_at(name);
  if (!report) {
    row.state = "gone";
    return row;
  }
  row.path = report->path;
  row.state = state_of(*report);
  struct stat status {};
  if (::lstat(row.path.c_str(), &status) == 0) {
    row.uid = status.st_uid;
    row.mode = status.st_mode & 07777U;
    row.bytes = static_cast<std::uint64_t>(status.st_size);
  }
  if (!report->usable()) return row;
  auto snapshot = inspect::take_snapshot(name);
  if (!snapshot) return row;
  row.daemon = snapshot->bus.daemon_present;
  row.slots = snapshot->bus.header.capacities.participants;
  row.participants = std::move(snapshot->participants);
  std::erase_if(row.participants,
                [](const inspect::ParticipantInfo& one) { return !one.process_alive; });
  return row;
}

}  // namespace

std::vector<std::string> names_of_buses() {
  std::vector<std::string> names;
  const std::string prefix = file_prefix();
  std::error_code error;
  for (fs::directory_iterator at("/dev/shm", error), end; !error && at != end;
       at.increment(error)) {
    const std::string file = at->path().filename().string();
    if (file.size() <= prefix.size() || !file.starts_with(prefix)) continue;
    names.push_back(file.substr(prefix.size()));
    if (names.size() == buses_max) break;
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<BusRow> look_at_buses() {
  std::vector<BusRow> rows;
  for (const auto& name : names_of_buses()) rows.push_back(look_at_bus(name));
  std::erase_if(rows, [](const BusRow& row) { return row.state == "gone"; });
  return rows;
}

std::string participants_text(const BusRow& row) {
  std::string out;
  std::size_t shown = 0;
  for (const auto& one : row.participants) {
    if (shown++ == shown_max) {
      return out + fmt::format(" and {} more", row.participants.size() - shown_max);
    }
    const auto label = one.label.empty() ? "-" : escape::terminal(one.label);
    out += fmt::format("{}{}({})", out.empty() ? "" : ", ", label, one.pid);
  }
  return out.empty() ? "nobody" : out;
}

std::string user_text(std::uint32_t uid) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  const bool known =
      ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr;
  return known ? escape::terminal(entry.pw_name) : std::to_string(uid);
}

std::string other_buses_text() {
  std::vector<std::string> usable;
  for (const auto& row : look_at_buses()) {
    if (row.state == "usable") usable.push_back(row.name);
  }
  if (usable.empty()) return "there is none here that can be used: see `shmbus buses`";
  std::string list;
  for (std::size_t i = 0; i < usable.size() && i < shown_max; ++i) {
    list += fmt::format("{}'{}'", i == 0 ? "" : ", ", escape::terminal(usable[i]));
  }
  if (usable.size() > shown_max) list += fmt::format(" and {} more", usable.size() - shown_max);
  return fmt::format("there is {}: try `shmbus --bus {} ls`; `shmbus buses` tells more", list,
                     escape::terminal(escape::shell(usable.front())));
}

}  // namespace shmbus::cli
