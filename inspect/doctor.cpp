#include "inspect/doctor.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "inspect/doctor_parts.hpp"
#include "inspect/snapshot.hpp"

namespace shmbus::inspect {
namespace {

using segment::Condition;

std::string version_text(const layout::Header& header) {
  return std::to_string(header.layout_major) + "." + std::to_string(header.layout_minor);
}

Finding judge_condition(const FileReport& report) {
  switch (report.condition) {
    case Condition::empty:
      return {Severity::warning, "empty-file", report.path, "is an empty file",
              "the next program that opens the bus replaces it"};
    case Condition::foreign:
      return {Severity::error, "not-a-bus", report.path, "is not a bus, and is left alone",
              "choose another name or path for the bus, or move the file away"};
    case Condition::other_version:
      return {Severity::error, "other-version", report.path,
              "has layout version " + version_text(report.header) + ", this program speaks " +
                  std::to_string(layout::layout_major) + "." + std::to_string(layout::layout_minor),
              "run programs of one version; once nobody has it open, the next opener replaces it"};
    case Condition::truncated:
      return {Severity::error, "truncated", report.path,
              "has " + std::to_string(report.bytes) + " bytes of " +
                  std::to_string(report.header.segment_bytes),
              "something shortened it: stop its participants; the next opener replaces it"};
    case Condition::damaged:
      return {Severity::error, "damaged-header", report.path,
              "has a header that contradicts itself",
              "stop its participants; the next opener replaces it"};
    case Condition::wrong_clock:
      return {Severity::error, "wrong-clock-rate", report.path,
              "was made with another rate of the clock than this machine has: all time limits are "
              "wrong",
              "stop its participants; the next opener replaces it"};
    case Condition::usable:
      break;
  }
  return {};
}

void check_file(const Snapshot& snapshot, std::vector<Finding>& out) {
  const auto& bus = snapshot.bus;
  if (bus.replaced) {
    out.push_back({Severity::error, "replaced", bus.path,
                   "was deleted or replaced while it was in use",
                   "restart the participants, so that all of them open the same file"});
  }
  if (bus.file_bytes < bus.header.segment_bytes) {
    out.push_back({Severity::error, "truncated", bus.path, "was shortened while it was in use",
                   "stop its participants; the next opener replaces it"});
  }
  if (bus.resident_bytes < bus.file_bytes) {
    out.push_back({Severity::warning, "sparse-file", bus.path,
                   "has pages that nobody has reserved: a full file system would kill participants",
                   "do not copy or punch holes into a bus; `shmbus rm` it and let it be created"});
  }
  if (bus.header.layout_minor > layout::layout_minor) {
    out.push_back({Severity::note, "newer-minor-version", bus.path,
                   "has the newer layout version " + version_text(bus.header),
                   "nothing; update this program to see everything"});
  }
}

}  // namespace

std::string_view to_string(Severity severity) noexcept {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "unknown";
}

std::string party_text(layout::ParticipantId party) {
  return "participant " + std::to_string(party.index()) + "." + std::to_string(party.epoch());
}

std::string counted(std::uint64_t count, std::string_view noun) {
  std::string text = std::to_string(count);
  text.append(" ").append(noun);
  if (count != 1) text.append("s");
  return text;
}

std::vector<Finding> examine_file(const FileReport& report) {
  if (report.usable()) return {};
  if (report.error_number == ENOENT) {
    return {{Severity::note, "no-bus", report.path, "there is no bus here",
             "nothing: the first program that opens it creates it, or `shmbus create` does"}};
  }
  if (report.error_number != 0) {
    return {{Severity::error, "cannot-open", report.path,
             std::string("cannot be opened: ") + std::strerror(report.error_number),
             "ask its owner for a mode or group that admits you (OpenOptions::mode, group)"}};
  }
  if (!report.regular) {
    return {{Severity::error, "not-a-bus", report.path, "is not a regular file",
             "choose another name or path for the bus"}};
  }
  return {judge_condition(report)};
}

std::vector<Finding> examine_bus(const Snapshot& snapshot) {
  std::vector<Finding> out;
  check_file(snapshot, out);
  check_handovers(snapshot, out);
  check_endpoints(snapshot, out);
  check_lanes(snapshot, out);
  check_extents(snapshot, out);
  check_topics(snapshot, out);
  check_names(snapshot, out);
  check_policies(snapshot, out);
  check_recorder(snapshot, out);
  sort_by_severity(out);
  return out;
}

std::vector<Finding> examine(const Reader& reader) {
  Snapshot snapshot = take_snapshot(reader);
  add_recorder(reader, snapshot);
  return examine_bus(snapshot);
}

std::vector<Finding> persisting(const std::vector<Finding>& earlier, std::vector<Finding> later) {
  std::erase_if(later, [&](const Finding& now) {
    return std::none_of(earlier.begin(), earlier.end(), [&](const Finding& then) {
      return then.id == now.id && then.subject == now.subject;
    });
  });
  return later;
}

std::vector<Finding> settled(const Reader& reader, std::chrono::milliseconds pause) {
  auto findings = examine(reader);
  if (findings.empty()) return findings;
  std::this_thread::sleep_for(pause);
  return persisting(findings, examine(reader));
}

void sort_by_severity(std::vector<Finding>& findings) {
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return static_cast<int>(a.severity) > static_cast<int>(b.severity);
  });
}

}  // namespace shmbus::inspect
