// shmbus publish NAME: an event, or one for each line of the input.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/lines.hpp"
#include "cli/open_bus.hpp"
#include "cli/output.hpp"
#include "cli/payload.hpp"
#include "cli/registered_types.hpp"
#include "cli/units.hpp"
#include "common/options.hpp"
#include "shmbus/shmbus.hpp"

namespace shmbus::cli {
namespace {

constexpr std::uint32_t event_bytes_default = 4096;
constexpr std::uint32_t most_kept = 8000;

struct PublishOptions {
  std::string name;
  PayloadOptions payload;
  std::string timeout;
  std::string event_bytes;
  std::uint32_t keep = 1;
  bool lines = false;
};

/// What was asked for, else that of the type, else what the one event has, at least 4 KiB.
std::uint32_t event_bytes(const PublishOptions& options, const NamedTypes& known,
                          std::size_t size) {
  if (!options.event_bytes.empty()) {
    const auto asked = parse_bytes(options.event_bytes);
    if (!asked || *asked > 1U << 30U) {
      throw UsageError("--event-bytes takes a size up to 1G, like 4096, 64K or 1M");
    }
    return static_cast<std::uint32_t>(*asked);
  }
  if (known.request_bytes >= size && known.request_bytes != 0) return known.request_bytes;
  return static_cast<std::uint32_t>(std::max<std::size_t>(size, event_bytes_default));
}

/// One line of the input as an event.
std::vector<std::byte> event_of(const std::string& line, const PublishOptions& options,
                                const NamedTypes& known) {
  PayloadOptions one = options.payload;
  (known.types ? one.plain : one.text) = line;
  return read_request(one, known);
}

int run_publish(const Context& context, const PublishOptions& options) {
  const auto known = types_of(context.bus, options.name);
  std::vector<std::byte> event;
  if (!options.lines) event = read_request(options.payload, known);
  const auto timeout =
      options.timeout.empty() ? default_timeout : duration_or_fail(options.timeout);
  auto bus = open_bus(context, "shmbus publish");
  auto out = value_or_fail(bus.publisher(
      std::string_view(options.name),
      {.keep = options.keep, .event_bytes = event_bytes(options, known, event.size())}));
  std::uint64_t count = 0;
  std::uint64_t sequence = 0;
  if (!options.lines) {
    sequence = value_or_fail(out.publish(event, timeout));
    count = 1;
  }
  InputLines lines(line_bytes_of(event_bytes(options, known, 0)));
  while (options.lines) {
    const auto line = lines.next("raise --event-bytes");
    if (!line) break;
    sequence = value_or_fail(out.publish(event_of(*line, options, known), timeout));
    ++count;
  }
  if (context.json) {
    print_json({{"name", options.name}, {"published", count}, {"sequence", sequence}});
  }
  return exit_ok;
}

}  // namespace

void add_publish(CLI::App& app, Context& context) {
  const auto options = std::make_shared<PublishOptions>();
  auto& command = add_command(app, context, "publish", "Publish an event to all its subscribers",
                              [&context, options] { return run_publish(context, *options); });
  command.add_option("NAME", options->name, "Name of an event")->required();
  add_payload_options(command, options->payload);
  command.add_flag("--lines", options->lines, "Each line of standard input is an event");
  add_number(command, "--keep", options->keep, "So many of the last events are left to late ones",
             1, most_kept);
  command
      .add_option("--event-bytes", options->event_bytes,
                  "The most that an event may have; that of its type, or 4K")
      ->type_name("BYTES");
  command
      .add_option("--timeout", options->timeout,
                  "How long to wait for subscribers that hold; the bus's own by default")
      ->type_name("DURATION");
}

}  // namespace shmbus::cli
