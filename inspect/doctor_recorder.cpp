// The flight recorder and the tap. What writers that were killed, stopped or overtaken leave there
// is no fault (layout/recorder.hpp), so only what no order of events can explain is reported.
#include "inspect/doctor_parts.hpp"

namespace shmbus::inspect {
namespace {

/// A correct tap asks for one second, handlers believe ten.
constexpr std::uint64_t wish_ns_max = 10'000'000'000;

std::string subject_of(const RecorderInfo& info) {
  return info.slot ? "recorder of slot " + std::to_string(*info.slot) : "tap";
}

Finding error_at(const std::string& subject, std::string_view id, std::string what) {
  return {Severity::error, std::string(id), subject, std::move(what),
          "calls are not concerned, but do not believe what `shmbus postmortem`, `trace` and `tap` "
          "say; " +
              std::string(mend_corruption)};
}

}  // namespace

void check_recorder(const Snapshot& snapshot, std::vector<Finding>& out) {
  for (const auto& info : snapshot.recorder) {
    if (info.misplaced != 0) {
      out.push_back(error_at(subject_of(info), "recorder-slots",
                             "has " + counted(info.misplaced, "event") +
                                 " in slots that are not those of their numbers"));
    }
    if (info.ahead != 0) {
      out.push_back(error_at(subject_of(info), "recorder-head",
                             "says that it was written " + std::to_string(info.written) +
                                 " times, and holds " + counted(info.ahead, "number") +
                                 " that it cannot have given out"));
    }
    if (info.out_of_bounds != 0) {
      out.push_back(error_at(subject_of(info), "recorder-event",
                             "has " + counted(info.out_of_bounds, "event") +
                                 " of slots, names, lanes or endpoints that do not exist, or "
                                 "longer than all payload memory"));
    }
  }
  if (snapshot.tap_wish_ns > wish_ns_max) {
    out.push_back({Severity::error, "tap-wish", "tap",
                   "is asked for further ahead than any tap asks; no handler believes it",
                   "`shmbus tap` puts it right; " + std::string(mend_corruption)});
  }
}

}  // namespace shmbus::inspect
