// shmbus call NAME: one call through the public library, as any program makes it. The exit code is
// the kind of error.
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/payload.hpp"
#include "cli/registered_types.hpp"
#include "cli/stream_call.hpp"
#include "cli/units.hpp"
#include "common/options.hpp"
#include "nlohmann/json.hpp"
#include "shmbus/shmbus.hpp"

namespace shmbus::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t reply_capacity_default = 65536;
constexpr std::chrono::milliseconds retry_pause{20};

struct CallFlags {
  std::string name;
  PayloadOptions payload;
  std::string timeout;
  std::string reply_capacity;
  std::string output = "auto";
  std::string records = "auto";
  std::string window;
  bool wait = false;
};

/// Which way records go, as asked for, else as registered; nothing for a command without any.
std::optional<Records> records_of(const NamedTypes& known, const CallFlags& options) {
  if (options.records == "from-handler") return Records::from_handler;
  if (options.records == "to-handler") return Records::to_handler;
  if (options.records == "both") return Records::both;
  if (!known.types || options.records == "none") return std::nullopt;
  if (known.types->request_stream) {
    return known.types->reply_stream ? Records::both : Records::to_handler;
  }
  if (known.types->reply_stream) return Records::from_handler;
  return std::nullopt;
}

StreamOptions stream_options(const CallFlags& options, Duration timeout) {
  StreamOptions stream{.timeout = timeout == default_timeout ? forever : timeout};
  if (options.window.empty()) return stream;
  const auto window = parse_bytes(options.window);
  if (!window) throw UsageError("--window takes a size, like 4096, 64K or 1M");
  stream.window = static_cast<std::size_t>(*window);
  return stream;
}

/// What was asked for, else what the handler registered, else 64 KiB.
std::size_t reply_capacity(const NamedTypes& known, const CallFlags& options) {
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

void show_json(const CallFlags& options, const NamedTypes& known, std::span<const std::byte> reply,
               std::uint64_t took_ns) {
  nlohmann::ordered_json out{{"name", options.name},
                             {"bytes", reply.size()},
                             {"hex", to_hex(reply)},
                             {"elapsed_ns", took_ns}};
  if (const auto value = typed_reply(known, reply)) {
    out["reply"] = Json::parse(*value);  // patterns: written by codec/
  }
  if (is_text(as_chars(reply))) out["text"] = as_chars(reply);
  fmt::print("{}\n", json_text(out, 2));
}

void show(const CallFlags& options, const NamedTypes& known, std::span<const std::byte> reply) {
  const auto chars = as_chars(reply);
  const bool typed = known.types && !known.types->hash_only;
  if (options.output == "json" || (options.output == "auto" && typed)) {
    const auto value = typed_reply(known, reply);
    if (!value && options.output == "json" && !typed) {
      throw Failure(ErrorKind::invalid_argument,
                    "the types of this name are not known: choose another --output");
    }
    if (value) fmt::print("{}\n", *value);
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
}

/// Codes below zero are the library's, on behalf of the handler: see shmbus/handler.hpp.
std::string_view advice_on(std::int32_t code) {
  if (code == shmbus::detail::handler_threw) return "; its log may say why";
  if (code < 0) return "; `shmbus describe` shows the types that it takes";
  return "; what that means is its own affair";
}

[[noreturn]] void explain_rejection(Error error, const CallFlags& options) {
  const std::string said(error.message.view());
  error.message = {};
  error.message.append(
      fmt::format("the handler of '{}' refused with code {}", options.name, error.code));
  if (!said.empty()) error.message.append(": ").append(said);
  const auto causes = to_text(error.causes);
  if (!causes.empty()) error.message.append(", because ").append(causes.view());
  error.message.append(advice_on(error.code));
  throw Failure(error);
}

[[noreturn]] void waited_in_vain(const CallFlags& options, Duration waited) {
  throw Failure(ErrorKind::not_registered,
                fmt::format("nobody has served '{}' for {}: start its handler, or wait longer with "
                            "--timeout",
                            options.name, format_ns(static_cast<std::uint64_t>(waited.count()))));
}

[[noreturn]] void explain(Error error, const CallFlags& options, Duration waited) {
  if (error.kind == ErrorKind::rejected) explain_rejection(error, options);
  const bool of_reply = error.message.view().starts_with("the reply");
  if (error.kind == ErrorKind::too_large && of_reply && error.needed != 0) {
    error.message.append(fmt::format("; use --reply-capacity {}", error.needed));
  }
  if (error.kind == ErrorKind::not_registered && options.wait) waited_in_vain(options, waited);
  throw Failure(error);
}

/// With --wait also for the bus itself: handler and caller may be started in any order.
Bus open_when_there(const Context& context, const CallFlags& options, Clock::time_point until) {
  for (;;) {
    auto bus =
        Bus::open(context.bus, {.create = false, .trust = context.trust, .label = "shmbus call"});
    if (bus) return std::move(*bus);
    const bool absent = bus.error().kind == ErrorKind::bus_unusable && bus.error().code == ENOENT;
    if (!options.wait || !absent || Clock::now() >= until) throw Failure(bus.error());
    std::this_thread::sleep_for(retry_pause);
  }
}

/// When the call must have ended. A limit that the bus would give is not known before it is there.
Clock::time_point end_of(Duration timeout) {
  const Duration limit = timeout == default_timeout ? Duration(std::chrono::seconds(5)) : timeout;
  const auto now = Clock::now();
  return limit >= Clock::time_point::max() - now ? Clock::time_point::max() : now + limit;
}

int run_call(const Context& context, const CallFlags& options) {
  check_payload(options.payload);
  const auto timeout =
      options.timeout.empty() ? default_timeout : duration_or_fail(options.timeout);
  const auto until = end_of(timeout);
  const auto left = [&]() -> Duration {
    if (!options.wait || timeout == forever) return timeout;
    return std::max<Duration>(until - Clock::now(), Duration::zero());
  };
  const auto began = Clock::now();
  auto bus = open_when_there(context, options, until);
  if (options.wait) {
    // Its types, too, are known once it is registered.
    const auto there = bus.wait_until_available(options.name, left());
    const bool in_vain = !there && (there.error().kind == ErrorKind::not_registered ||
                                    there.error().kind == ErrorKind::timed_out);
    if (in_vain) waited_in_vain(options, Clock::now() - began);
    value_or_fail(there);
  }
  const auto known = types_of(context.bus, options.name);
  const auto records = records_of(known, options);
  std::vector<std::byte> request;
  if (!records || *records == Records::from_handler) {
    request = read_request(options.payload, known);
  }
  std::vector<std::byte> reply(records ? 0 : reply_capacity(known, options));
  auto caller = value_or_fail(
      bus.caller(std::string_view(options.name),
                 {.when_vacant = options.wait ? WhenVacant::wait : WhenVacant::fail}));
  const auto sent = Clock::now();
  Result<std::size_t> size = 0;
  if (records) {
    try {
      reply = call_stream(caller, known, request,
                          {.records = *records,
                           .stream = stream_options(options, left()),
                           .reply_capacity = reply_capacity(known, options),
                           .payload = options.payload,
                           .json = context.json});
    } catch (const Failure& failure) {
      if (failure.error().kind == ErrorKind::rejected) explain_rejection(failure.error(), options);
      throw;
    }
    if (*records != Records::to_handler) return exit_ok;
    size = reply.size();
  } else {
    size = caller.call(request, reply, left());
  }
  const auto took = Clock::now() - sent;
  if (!size) explain(size.error(), options, Clock::now() - began);
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
  const auto options = std::make_shared<CallFlags>();
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
  add_choice(command, "--output", options->output,
             "How to print the reply; auto: JSON when its type is known, raw when piped, else text "
             "or hex",
             {"auto", "json", "text", "hex", "raw"})
      ->capture_default_str();
  add_choice(command, "--records", options->records,
             "Records instead of one request or reply: printed as they come, a line each, and read "
             "from standard input; auto: as the name is registered",
             {"auto", "none", "from-handler", "to-handler", "both"})
      ->capture_default_str();
  command.add_option("--window", options->window, "Records that may be under way; 64K by default")
      ->type_name("BYTES");
  command.add_flag("--wait", options->wait, "Wait for a handler when there is none");
}

}  // namespace shmbus::cli
