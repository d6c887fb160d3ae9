// shmbus listen NAME: the events of a name as they are published, a line for each.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/open_bus.hpp"
#include "cli/output.hpp"
#include "cli/payload.hpp"
#include "cli/registered_types.hpp"
#include "cli/terminal.hpp"
#include "cli/units.hpp"
#include "common/options.hpp"
#include "common/standard_output.hpp"
#include "shmbus/shmbus.hpp"

namespace shmbus::cli {
namespace {

struct ListenOptions {
  std::string name;
  std::string from = "now";
  std::string duration = "forever";
  std::uint64_t count = 0;
  bool hold = false;
};

constexpr auto wait_slice = std::chrono::milliseconds(100);  // an interruption is seen within this

From from_of(const std::string& word) {
  if (word == "latest") return From::latest;
  return word == "oldest" ? From::oldest : From::now;
}

/// Its types become known with the first publisher that has some.
class Texts {
 public:
  Texts(const Context& context, const ListenOptions& options)
      : bus_(context.bus), name_(options.name) {}

  /// JSON where the type is known, else nothing.
  std::optional<std::string> typed(std::span<const std::byte> bytes) {
    if (!known_.types) known_ = types_of(bus_, name_);
    if (!known_.types || known_.types->hash_only) return std::nullopt;
    if (bytes.size() < known_.request_bytes) return std::nullopt;
    return json_text(known_.types->request, bytes);
  }

 private:
  std::string bus_;
  std::string name_;
  NamedTypes known_;
};

void show(const Context& context, Texts& texts, const EventView& event) {
  const auto value = texts.typed(event.bytes());
  const auto chars = as_chars(event.bytes());
  if (context.json) {
    nlohmann::ordered_json out{{"sequence", event.sequence()},
                               {"publisher", event.publisher()},
                               {"bytes", event.bytes().size()}};
    if (value) {
      out["event"] = Json::parse(*value);  // patterns: written by codec/
    } else if (is_text(chars)) {
      out["text"] = chars;
    } else {
      out["hex"] = to_hex(event.bytes());
    }
    fmt::print("{}\n", json_text(out));
  } else if (value) {
    fmt::print("{}\n", *value);
  } else if (is_text(chars)) {
    fmt::print("{}\n", printable(chars));
  } else {
    fmt::print("{}\n", to_hex(event.bytes()));
  }
}

void show_missed(const Context& context, std::uint64_t now, std::uint64_t all) {
  if (context.json) {
    fmt::print("{}\n", json_text(Json{{"missed", now}, {"total", all}}));
  } else {
    print_error(fmt::format("... {} missed: they came faster than they were read\n", now));
  }
}

int run_listen(const Context& context, const ListenOptions& options) {
  const auto duration = duration_or_fail(options.duration);
  catch_interruptions();
  auto bus = open_bus(context, "shmbus listen");
  auto in =
      value_or_fail(bus.subscribe(std::string_view(options.name),
                                  {.from = from_of(options.from),
                                   .when_slow = options.hold ? WhenSlow::hold : WhenSlow::skip}));
  Texts texts(context, options);
  const auto began = std::chrono::steady_clock::now();
  std::uint64_t shown = 0;
  std::uint64_t missed = 0;
  while (!interrupted() && (options.count == 0 || shown < options.count)) {
    if (duration != forever && std::chrono::steady_clock::now() - began >= duration) break;
    auto event = in.next(Duration::zero());
    if (!event && event.error().kind == ErrorKind::timed_out) {
      if (!flush_output_now()) return exit_ok;  // app.cpp says why
      event = in.next(wait_slice);
      if (!event && event.error().kind == ErrorKind::timed_out) continue;
    }
    if (in.missed() != missed) {
      show_missed(context, in.missed() - missed, in.missed());
      missed = in.missed();
    }
    if (!event) throw Failure(event.error());
    show(context, texts, *event);
    ++shown;
  }
  if (!context.json) print_error(fmt::format("{} shown, {} missed\n", shown, missed));
  return exit_ok;
}

}  // namespace

void add_listen(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ListenOptions>();
  auto& command = add_command(app, context, "listen", "Events of a name as they are published",
                              [&context, options] { return run_listen(context, *options); });
  command.add_option("NAME", options->name, "Name of an event")->required();
  add_choice(command, "--from", options->from,
             "Begin with the next event (now), the latest, or the oldest",
             {"now", "latest", "oldest"});
  command.add_flag("--hold", options->hold, "Miss nothing: publishers wait for this tool");
  command.add_option("--for", options->duration, "End after this time")
      ->type_name("DURATION")
      ->capture_default_str();
  add_number(command, "--count", options->count, "End after so many events; 0: never");
}

}  // namespace shmbus::cli
