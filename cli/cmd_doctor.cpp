// shmbus doctor: what is wrong with this bus or this machine, and how to mend it.
#include <fmt/format.h>

#include <unistd.h>
#include <algorithm>
#include <chrono>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/present.hpp"
#include "cli/spool_client.hpp"
#include "inspect/doctor.hpp"
#include "inspect/snapshot.hpp"
#include "segment/create.hpp"

namespace shmbus::cli {
namespace {

using inspect::Finding;
using inspect::Severity;

// Long enough that whatever is under way on a healthy bus has moved on.
constexpr std::chrono::milliseconds settle_pause{150};

std::vector<Finding> examine(const std::string& bus) {
  const auto report = value_or_fail(inspect::look_at(bus));
  std::vector<Finding> findings = inspect::examine_file(report);
  std::uint32_t owner_uid = ::getuid();
  std::uint64_t bytes = value_or_fail(segment::geometry_for({})).segment_bytes;
  std::uint64_t ticks_per_s = 0;
  if (report.usable()) {
    const auto reader = value_or_fail(inspect::Reader::open(bus));
    findings = inspect::settled(reader, settle_pause);
    owner_uid = inspect::take_snapshot(reader).bus.file_uid;
    bytes = reader.header().segment_bytes;
    ticks_per_s = reader.header().ticks_per_s;
  }
  const auto host =
      inspect::examine_host(inspect::gather_host_facts(report.path, owner_uid, bytes, ticks_per_s));
  findings.insert(findings.end(), host.begin(), host.end());
  if (report.usable()) {
    const auto spool = spool_findings(bus);
    findings.insert(findings.end(), spool.begin(), spool.end());
  }
  inspect::sort_by_severity(findings);
  return findings;
}

Style style_of(Severity severity) {
  switch (severity) {
    case Severity::note:
      return Style::dim;
    case Severity::warning:
      return Style::warn;
    case Severity::error:
      return Style::bad;
  }
  return Style::plain;
}

bool is_note(const Finding& finding) { return finding.severity == Severity::note; }

void print_findings(const std::vector<Finding>& findings, const std::string& bus) {
  for (const auto& finding : findings) {
    const std::string subject = finding.subject.empty() ? "" : printable(finding.subject) + " ";
    fmt::print("{} [{}] {}{}\n  {}: {}\n",
               styled(inspect::to_string(finding.severity), style_of(finding.severity)), finding.id,
               subject, printable(finding.what), is_note(finding) ? "to know" : "mend",
               printable(finding.mend));
  }
  if (!std::all_of(findings.begin(), findings.end(), is_note)) return;
  fmt::print("nothing is wrong with bus '{}' and this machine\n", printable(bus));
}

int run_doctor(const Context& context) {
  const auto findings = examine(context.bus);
  if (context.json) {
    nlohmann::json out{{"findings", nlohmann::json::array()}};
    for (const auto& finding : findings) out["findings"].push_back(finding_json(finding));
    print_json(out);
  } else {
    print_findings(findings, context.bus);
  }
  const bool well = std::all_of(findings.begin(), findings.end(), is_note);
  return well ? exit_ok : exit_findings;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  add_command(app, context, "doctor",
              "Find what is wrong with the bus or this machine, and say how to mend it",
              [&context] { return run_doctor(context); });
}

}  // namespace shmbus::cli
