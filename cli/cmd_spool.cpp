// shmbus spool ls | show | retry | drop | export | send | stat: durable commands.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/open_bus.hpp"
#include "cli/output.hpp"
#include "cli/payload.hpp"
#include "cli/registered_types.hpp"
#include "cli/spool_client.hpp"
#include "cli/units.hpp"
#include "common/options.hpp"
#include "shmbus/shmbus.hpp"
#include "shmbus/spool/durable.hpp"

namespace shmbus::cli {
namespace {

constexpr std::uint32_t spool_page_size = 500;

std::string text_at(const nlohmann::json& value, const char* key) {
  const auto found = value.find(key);
  return found != value.end() && found->is_string() ? found->get<std::string>() : std::string();
}
std::uint64_t number_at(const nlohmann::json& value, const char* key) {
  const auto found = value.find(key);
  return found != value.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

struct SpoolListOptions {
  std::string name;
  bool dead = false;
  bool bodies = false;
  std::uint64_t most = 100;
};

/// Calls `tell` for each command, page by page.
template <class F>
bool each_command(Bus& bus, const SpoolListOptions& options, F&& tell) {
  SpoolListRequest request;
  request.dead = options.dead;
  request.bodies = options.bodies;
  if (const auto name = String<128>::make(options.name)) {
    request.name = *name;
  } else {
    throw UsageError("a name has at most 128 bytes");
  }
  std::uint64_t left = options.most;
  while (left > 0) {
    request.most = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, spool_page_size));
    const auto page = spool_page(bus, request);
    const auto before = request.after;
    for (const auto& one : page["commands"]) {
      request.after = std::max(request.after, number_at(one, "sequence"));
      tell(one);
      if (--left == 0) break;
    }
    if (page["more"] != true) return false;
    if (request.after == before) {
      throw Failure(ErrorKind::too_large, "the next command has no room in the bus's memory");
    }
  }
  return true;
}

int run_spool_ls(const Context& context, const SpoolListOptions& options) {
  auto bus = open_bus(context, "shmbus spool");
  auto list = nlohmann::json::array();
  std::vector<Column> columns{{"SEQUENCE", Align::right},
                              {"NAME"},
                              {"KEY"},
                              {"WAITS", Align::right},
                              {"TRIES", Align::right},
                              {"BYTES", Align::right}};
  if (options.dead) columns.push_back({"CAUSE"});
  Table table(columns);
  const bool more = each_command(bus, options, [&](const nlohmann::json& one) {
    if (context.json) return list.push_back(one);
    const auto key = text_at(one, "key");
    std::vector<Cell> row{fmt::to_string(number_at(one, "sequence")),
                          printable(text_at(one, "name")),
                          key.empty() ? std::string("-") : printable(key),
                          format_age(number_at(one, "waits_ms") * 1'000'000U),
                          fmt::to_string(number_at(one, "attempts")),
                          fmt::to_string(number_at(one, "bytes"))};
    if (options.dead) row.emplace_back(printable(text_at(one, "cause")));
    table.add(std::move(row));
  });
  if (context.json) {
    print_json({{"commands", list}, {"more", more}});
  } else {
    fmt::print("{}{}", table.text(), more ? "more follow: --most N\n" : "");
  }
  return exit_ok;
}

int run_spool_show(const Context& context, std::uint64_t sequence) {
  auto bus = open_bus(context, "shmbus spool");
  for (const bool dead : {false, true}) {
    SpoolListRequest request;
    request.after = sequence - 1;
    request.most = 1;
    request.dead = dead;
    request.bodies = true;
    const auto page = spool_page(bus, request);
    if (page["commands"].empty()) continue;
    const auto& one = page["commands"].front();
    if (number_at(one, "sequence") != sequence) continue;
    if (context.json) {
      print_json(one);
    } else {
      fmt::print("{}\n", json_text(one, 2));
    }
    return exit_ok;
  }
  throw Failure(ErrorKind::rejected, fmt::format("the spool has no command {}", sequence));
}

int run_spool_export(const Context& context, SpoolListOptions options) {
  auto bus = open_bus(context, "shmbus spool");
  options.bodies = true;
  options.most = ~std::uint64_t{0};
  (void)each_command(bus, options,
                     [](const nlohmann::json& one) { fmt::print("{}\n", json_text(one)); });
  return exit_ok;
}

struct SpoolChangeOptions {
  std::optional<std::uint64_t> sequence;
  bool all = false;
  std::string name;
};

int run_spool_change(const Context& context, const SpoolChangeOptions& options,
                     SpoolAction action) {
  if (options.sequence.has_value() == options.all) {
    throw UsageError("give the SEQUENCE of one command, or --all for the dead letters");
  }
  if (!options.name.empty() && !options.all) throw UsageError("--name goes with --all");
  const auto name = String<128>::make(options.name);
  if (!name) throw UsageError("a name has at most 128 bytes");
  auto bus = open_bus(context, "shmbus spool");
  auto caller = value_or_fail(bus.caller<SpoolChange>());
  const auto reply = value_or_fail(caller.call({options.sequence.value_or(0), action, *name}));
  if (context.json) {
    print_json({{"changed", reply.changed}});
  } else {
    fmt::print("{} {}\n", reply.changed,
               action == SpoolAction::retry ? "will be tried again" : "dropped");
  }
  return exit_ok;
}

int run_spool_stat(const Context& context) {
  auto bus = open_bus(context, "shmbus spool");
  const auto stat = spool_stat(bus, default_timeout);
  if (context.json) {
    print_json(stat);
    return exit_ok;
  }
  const auto part = [&stat](const char* key) {
    const auto found = stat.find(key);
    return found != stat.end() && found->is_object() ? *found : nlohmann::json::object();
  };
  const auto limits = part("limits");
  const auto disk = part("disk");
  fmt::print("{}\n", printable(text_at(stat, "file")));
  fmt::print("waiting    {} of {}, {} of {}\n", number_at(stat, "waiting"),
             number_at(limits, "commands"), format_bytes(number_at(stat, "bytes")),
             format_bytes(number_at(limits, "bytes")));
  fmt::print("under way  {}\ndead       {}\n", number_at(stat, "under_way"),
             number_at(stat, "dead"));
  fmt::print("oldest     {}\n", format_age(number_at(stat, "oldest_ms") * 1'000'000U));
  fmt::print("stored     {}, delivered {}, refused {}\n", number_at(stat, "accepted"),
             number_at(stat, "delivered"), number_at(stat, "refused"));
  fmt::print("disk       {} and {} of WAL, {} free\n", format_bytes(number_at(disk, "file")),
             format_bytes(number_at(disk, "wal")), format_bytes(number_at(disk, "free")));
  const auto names = stat.find("names");
  if (names == stat.end() || !names->is_array()) return exit_ok;
  for (const auto& one : *names) {
    const auto away = one.find("away");
    fmt::print("name       {}: {} waiting{}\n", printable(text_at(one, "name")),
               number_at(one, "waiting"), away != one.end() && *away == true ? ", not served" : "");
  }
  return exit_ok;
}

struct SpoolSendOptions {
  std::string name;
  std::string key;
  std::string id;
  std::string timeout;
  PayloadOptions payload;
};

DurableId id_of(const std::string& text) {
  const auto bytes = parse_hex(text);
  if (!bytes || bytes->size() != 16) throw UsageError("--id takes 32 hexadecimal digits");
  std::array<std::uint8_t, 16> id{};
  std::transform(bytes->begin(), bytes->end(), id.begin(),
                 [](std::byte one) { return static_cast<std::uint8_t>(one); });
  return DurableId::of(id);
}

int run_spool_send(const Context& context, const SpoolSendOptions& options) {
  const auto known = cli::types_of(context.bus, options.name);
  const auto request = read_request(options.payload, known);
  DurableOptions how;
  how.key = options.key;
  if (!options.id.empty()) how.id = id_of(options.id);
  if (!options.timeout.empty()) how.timeout = duration_or_fail(options.timeout);
  auto bus = open_bus(context, "shmbus spool");
  auto durable = value_or_fail(Durable::open(bus));
  Schema types;
  // The same types as the request was made by, so that a handler with others refuses it.
  const bool typed = known.types && !known.types->hash_only && !options.payload.hex &&
                     !options.payload.text && !options.payload.file;
  if (typed) {
    types = {known.types->text, known.types->hash, known.request_bytes, known.reply_bytes};
  }
  const auto id = value_or_fail(durable.send_durable(options.name, request, how, types));
  const std::string shown(id.text().view());
  if (context.json) {
    print_json({{"name", options.name}, {"bytes", request.size()}, {"id", shown}});
  } else {
    fmt::print("{}\n", shown);
  }
  return exit_ok;
}

void add_spool_lists(CLI::App& group, Context& context) {
  const auto options = std::make_shared<SpoolListOptions>();
  auto& ls = add_command(group, context, "ls", "Commands that wait, the oldest first",
                         [&context, options] { return run_spool_ls(context, *options); });
  ls.add_option("NAME", options->name, "Only of this name");
  ls.add_flag("--dead", options->dead, "Dead letters, with their causes");
  add_number(ls, "--most", options->most, "At most so many (100)", 1);
  const auto shown = std::make_shared<std::uint64_t>();
  auto& show = add_command(group, context, "show", "One command with its request",
                           [&context, shown] { return run_spool_show(context, *shown); });
  add_number(show, "SEQUENCE", *shown, "As ls shows it", 1)->required();
  const auto whole = std::make_shared<SpoolListOptions>();
  auto& all = add_command(group, context, "export", "All of them as JSON, a line for each",
                          [&context, whole] { return run_spool_export(context, *whole); });
  all.add_option("NAME", whole->name, "Only of this name");
  all.add_flag("--dead", whole->dead, "Dead letters");
}

void add_spool_change(CLI::App& group, Context& context, const char* verb, const char* meaning,
                      SpoolAction action) {
  const auto options = std::make_shared<SpoolChangeOptions>();
  auto& change = add_command(group, context, verb, meaning, [&context, options, action] {
    return run_spool_change(context, *options, action);
  });
  add_number(change, "SEQUENCE", options->sequence, "As ls shows it", 1);
  change.add_flag("--all", options->all, "All dead letters");
  change.add_option("--name", options->name, "Those of this name");
}

void add_spool_send(CLI::App& group, Context& context) {
  const auto options = std::make_shared<SpoolSendOptions>();
  auto& send = add_command(group, context, "send", "Store a one-way command on the disk",
                           [&context, options] { return run_spool_send(context, *options); });
  send.add_option("NAME", options->name, "Name of a command")->required();
  add_payload_options(send, options->payload);
  send.add_option("--key", options->key, "Commands of one key run one after the other");
  send.add_option("--id", options->id, "Its id, if it is sent again; else a random one")
      ->type_name("HEX");
  send.add_option("--timeout", options->timeout, "To wait for the spool (5s)")
      ->type_name("DURATION");
}

}  // namespace

void add_spool(CLI::App& app, Context& context) {
  CLI::App& group = *app.add_subcommand("spool", "Durable commands: what shmbus-spool keeps");
  group.fallthrough();
  group.footer("");
  group.require_subcommand(1);
  add_spool_lists(group, context);
  add_spool_change(group, context, "retry", "Try a dead letter again", SpoolAction::retry);
  add_spool_change(group, context, "drop", "Forget a command that waits, or a dead letter",
                   SpoolAction::drop);
  add_spool_send(group, context);
  add_command(group, context, "stat", "Counts, limits and disk of the spool, names that wait",
              [&context] { return run_spool_stat(context); });
}

}  // namespace shmbus::cli
