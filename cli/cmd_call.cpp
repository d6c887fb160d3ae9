// shmbus call NAME: one call through the public library, as any program makes it. The exit code is
// the kind of error.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/payload.hpp"
#include "cli/registered_types.hpp"
#include "cli/units.hpp"
#include "nlohmann/json.hpp"
#include "shmbus/shmbus.hpp"

namespace shmbus::cli {
namespace {

constexpr std::uint64_t reply_capacity_default = 65536;

struct Options {
  std::string name;
  PayloadOptions payload;
  std::string timeout;
  std::string reply_capacity;
  std::string output = "auto";
  bool wait = false;
};

/// What was asked for, else what the handler registered, else 64 KiB.
std::size_t reply_capacity(const NamedTypes& known, const Options& options) {
  if (!options.reply_capacity.empty()) {
    const auto asked = parse_bytes(options.reply_capacity);
    if (!asked) throw UsageError("--reply-capacity takes a size, like 4096, 64K or 1M");
    return static_cast<std::size_t>(*asked);
  }
  const bool any_length = known.types && known.types->reply.has_tail();
  if (known.request_bytes + known.reply_bytes != 0 && !any_length) return known.reply_bytes;
  return reply_capacity_default;
}

/// The reply by its registered type, as JSON; nothing when that is not known.
std::optional<std::string> typed_reply(const NamedTypes& known, std::span<const std::byte> reply) {
  if (!known.types || known.types->hash_only || known.types->reply.is_none()) return std::nullopt;
  return json_text(known.types->reply, reply);
}

void show_json(const Options& options, const NamedTypes& known, std::span<const std::byte> reply,
               std::uint64_t took_ns) {
  nlohmann::ordered_json out{{"name", options.name},
                             {"bytes", reply.size()},
                             {"hex", to_hex(reply)},
                             {"elapsed_ns", took_ns}};
  if (const auto value = typed_reply(known, reply)) out["reply"] = Json::parse(*value);
  if (is_text(as_chars(reply))) out["text"] = as_chars(reply);
  fmt::print("{}\n", out.dump(2, ' ', false, Json::error_handler_t::replace));
}

void show(const Options& options, const NamedTypes& known, std::span<const std::byte> reply) {
  const auto chars = as_chars(reply);
  const bool typed = known.types && !known.types->hash_only;
  if (options.output == "json" || (options.output == "auto" && typed)) {
    const auto value = typed_reply(known, reply);
    if (!value && options.output == "json" && !typed) {
      throw Failure(ErrorKind::invalid_argument,
                    "the types of this name are not known: choose another --output");
    }
    if (value) fmt::print("{}\n", *value);
    std::fflush(stdout);
    return;
  }
  const bool raw = options.output == "raw" || (options.output == "auto" && !on_terminal());
  if (raw) {
    (void)std::fwrite(chars.data(), 1, chars.size(), stdout);
  } else if (options.output == "hex" || (options.output == "auto" && !is_text(chars))) {
    fmt::print("{}", hex_dump(reply));
  } else {
    fmt::print("{}\n", is_text(chars) ? std::string(chars) : printable(chars));
  }
  std::fflush(stdout);
}

[[noreturn]] void explain(Error error, const Options& options) {
  if (error.kind == ErrorKind::rejected) {
    throw Failure([&] {
      Error told = error;
      told.message = {};
      told.message.append(
          fmt::format("the handler of '{}' refused with code {}", options.name, error.code));
      if (!error.message.empty()) told.message.append(": ").append(error.message.view());
      const auto causes = to_text(error.causes);
      if (!causes.empty()) told.message.append(", because ").append(causes.view());
      told.message.append("; what that means is its own affair");
      return told;
    }());
  }
  if (error.kind == ErrorKind::too_large && error.needed != 0) {
    error.message.append(fmt::format("; use --reply-capacity {}", error.needed));
  }
  throw Failure(error);
}

int run_call(const Context& context, const Options& options) {
  const auto known = types_of(context.bus, options.name);
  const auto request = read_request(options.payload, known);
  const auto timeout =
      options.timeout.empty() ? default_timeout : duration_or_fail(options.timeout);
  const std::size_t capacity = reply_capacity(known, options);
  auto bus = value_or_fail(
      Bus::open(context.bus, {.create = false, .trust = context.trust, .label = "shmbus call"}));
  auto caller = value_or_fail(
      bus.caller(std::string_view(options.name),
                 {.when_vacant = options.wait ? WhenVacant::wait : WhenVacant::fail}));
  std::vector<std::byte> reply(capacity);
  const auto began = std::chrono::steady_clock::now();
  const auto size = caller.call(request, reply, timeout);
  const auto took = std::chrono::steady_clock::now() - began;
  if (!size) explain(size.error(), options);
  const auto answer = std::span<const std::byte>(reply).first(std::min(*size, reply.size()));
  if (context.json) {
    show_json(options, known, answer, static_cast<std::uint64_t>(Duration(took).count()));
  } else {
    show(options, known, answer);
  }
  return exit_ok;
}

}  // namespace

void add_call(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  auto& command = add_command(app, context, "call",
                              "Call a name and print its reply; the exit code tells why not",
                              [&context, options] { return run_call(context, *options); });
  command.add_option("NAME", options->name, "Name of a command")->required();
  add_payload_options(command, options->payload);
  command.add_option("--timeout", options->timeout, "Give up after this; the bus's own by default")
      ->type_name("DURATION");
  command
      .add_option("--reply-capacity", options->reply_capacity,
                  "Room for the reply; the registered size, or 64K")
      ->type_name("BYTES");
  command
      .add_option("--output", options->output,
                  "How to print the reply; auto: JSON when its type is known, raw when piped, "
                  "else text or hex")
      ->check(CLI::IsMember({"auto", "json", "text", "hex", "raw"}))
      ->capture_default_str();
  command.add_flag("--wait", options->wait, "Wait for a handler when there is none");
}

}  // namespace shmbus::cli
