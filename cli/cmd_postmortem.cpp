// shmbus postmortem: what a process did before it died: what it was running, whose callers were
// told, and the last events of its ring. It needs nobody's help: the segment remembers.
#include <fmt/format.h>

#include <charconv>
#include <memory>

#include "cli/commands.hpp"
#include "cli/events.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/units.hpp"
#include "common/options.hpp"
#include "inspect/postmortem.hpp"

namespace shmbus::cli {
namespace {

using inspect::Deceased;
using recorder::Kind;

struct PostmortemOptions {
  std::string target;
  std::size_t last = 10;
};

std::string fate_of(EventTexts& texts, const Deceased& one) {
  if (one.alive) return styled("alive", Style::good);
  if (one.left) return fmt::format("left at {}", texts.time_of(one.found_at_ticks));
  if (one.found_at_ticks == 0)
    return styled("dead; nobody has taken back what it held", Style::bad);
  std::string text = styled("died", Style::bad);
  text += fmt::format("; found at {} by {}", texts.time_of(one.found_at_ticks),
                      texts.who(one.found_by).text());
  if (!one.reclaimed) text += "; its slot is kept by commands that wait";
  return text;
}

std::string event_text(EventTexts& texts, const recorder::Event& event) {
  const std::string name =
      event.record == recorder::no_record ? std::string{} : printable(texts.name_of(event.record));
  const auto request = texts.request_text(event.record, event.request_start(), event.bytes_in);
  switch (event.kind) {
    case Kind::served:
      return fmt::format(
          "served {} from {}  {}  {}  {} B, {} B  {}", name, texts.who(event.caller).text(),
          outcome_text(event),
          (event.flags & recorder::event_flags::timed) != 0 ? format_ns(event.duration_ns) : "-",
          event.bytes_in, event.bytes_out, request);
    case Kind::failed_by_recovery:
      return fmt::format("{} from {}  {} B  {}  its caller got: {}", name,
                         texts.who(event.caller).text(), event.bytes_in, request,
                         outcome_text(event));
    case Kind::gave_up:
      return fmt::format("gave up waiting for {} of {}", name, texts.who(event.handler).text());
    case Kind::caller_span:
      return fmt::format("called {} of {}  {}  {}", name, texts.who(event.handler).text(),
                         outcome_text(event), format_ns(event.duration_ns));
    case Kind::died:
      return "found dead";
    default:
      return name.empty() ? std::string(kind_name(event.kind))
                          : fmt::format("{} {}", kind_name(event.kind), name);
  }
}

void print_one(EventTexts& texts, const Deceased& one, const PostmortemOptions& options) {
  fmt::print("{}  uid {}  participant {}.{}\n  {}\n", Who{one.pid, one.label}.text(), one.uid,
             one.party.index(), one.party.epoch(), fate_of(texts, one));
  if (!one.left_behind.empty() || !one.told.empty()) fmt::print("  it was running\n");
  for (const auto& left : one.left_behind) {
    const auto record = static_cast<std::uint16_t>(left.record);
    fmt::print("    {} from {}  {} B  {}  {}\n", printable(texts.name_of(record)),
               texts.who(left.caller).text(), left.bytes,
               texts.request_text(record, left.start, left.bytes),
               one.alive ? "under way" : "its caller has no answer yet");
  }
  for (const auto& told : one.told) fmt::print("    {}\n", event_text(texts, told));
  const std::size_t shown = std::min(options.last, one.events.size());
  if (shown != 0) fmt::print("  its last {}\n", shown == 1 ? "event" : "events");
  for (std::size_t i = one.events.size() - shown; i < one.events.size(); ++i) {
    fmt::print("    {}  {}\n", texts.time_of(one.events[i].started_at),
               event_text(texts, one.events[i]));
  }
  if (one.unreadable != 0) {
    fmt::print("  {} of its events cannot be read: it died while it wrote\n", one.unreadable);
  }
}

Json json_of(EventTexts& texts, const Deceased& one) {
  Json out{{"pid", one.pid},           {"uid", one.uid},          {"label", one.label},
           {"alive", one.alive},       {"left", one.left},        {"reclaimed", one.reclaimed},
           {"running", Json::array()}, {"failed", Json::array()}, {"events", Json::array()}};
  if (one.found_at_ticks != 0) out["found_at"] = texts.time_of(one.found_at_ticks);
  for (const auto& left : one.left_behind) {
    const auto record = static_cast<std::uint16_t>(left.record);
    out["running"].push_back({{"name", texts.name_of(record)},
                              {"caller", texts.who(left.caller).text()},
                              {"sequence", left.sequence},
                              {"one_way", left.one_way},
                              {"bytes_in", left.bytes},
                              {"request_hex", to_hex(left.start)}});
  }
  for (const auto& event : one.told) {
    out["failed"].push_back(event_json(texts, event, event.request_start()));
  }
  for (const auto& event : one.events) {
    out["events"].push_back(event_json(texts, event, event.request_start()));
  }
  out["unreadable_events"] = one.unreadable;
  return out;
}

/// A pid, or nothing when it is no number.
std::uint32_t pid_in(const std::string& text) {
  std::uint32_t pid = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, pid);
  return parsed.ec == std::errc{} && parsed.ptr == end ? pid : 0;
}

int run_postmortem(const Context& context, const PostmortemOptions& options) {
  const std::uint32_t pid = pid_in(options.target);
  const bool is_file = !options.target.empty() && pid == 0;
  const auto reader = value_or_fail(inspect::Reader::open(is_file ? options.target : context.bus));
  EventTexts texts(reader);
  const auto found = inspect::postmortems(reader, pid);
  if (context.json) {
    Json all = Json::array();
    for (const auto& one : found) all.push_back(json_of(texts, one));
    fmt::print("{}\n", json_text(all, 2));
    return exit_ok;
  }
  if (found.empty() && pid != 0) {
    throw Failure(ErrorKind::invalid_argument,
                  fmt::format("nothing is known of pid {} on this bus (any more)", pid));
  }
  if (found.empty()) fmt::print("nobody has died here, as far as the rings remember\n");
  for (const auto& one : found) print_one(texts, one, options);
  return exit_ok;
}

}  // namespace

void add_postmortem(CLI::App& app, Context& context) {
  const auto options = std::make_shared<PostmortemOptions>();
  auto& command =
      add_command(app, context, "postmortem", "What processes that died were running, and did last",
                  [&context, options] { return run_postmortem(context, *options); });
  command.add_option("TARGET", options->target,
                     "A pid, or a copy of a bus's file; without: all that have died");
  add_number(command, "--last", options->last, "So many events of each (10)");
}

}  // namespace shmbus::cli
