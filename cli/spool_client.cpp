#include "cli/spool_client.hpp"

#include <fmt/format.h>

#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/units.hpp"
#include "codec/json_reader.hpp"
#include "inspect/snapshot.hpp"

namespace shmbus::cli {
namespace {

using inspect::Finding;
using inspect::Severity;

constexpr std::size_t first_room = std::size_t{32} << 10U;
constexpr std::size_t most_room = std::size_t{4} << 20U;
constexpr std::uint64_t spool_old_ms = 3'600'000;

/// The spool is another process: what it answers is bounded before it is believed.
nlohmann::json spool_document(std::string_view text) {
  codec::JsonReader reader(text);
  auto value = reader.skip() && reader.ended()
                   ? nlohmann::json::parse(text, nullptr, false)  // patterns: its depth is bounded
                   : nlohmann::json();
  if (!value.is_object())
    throw Failure(ErrorKind::corrupted, "the spool's answer is no JSON object");
  return value;
}

template <class C>
nlohmann::json ask_spool(Bus& bus, const typename C::Request& request, Duration timeout,
                         std::size_t room) {
  auto caller = value_or_fail(bus.caller<C>());
  auto loan = value_or_fail(caller.loan(0, room));
  *loan = request;
  const auto reply = value_or_fail(loan.call(timeout));
  return spool_document(reply->json.view(reply.bytes()));
}

std::uint64_t figure_at(const nlohmann::json& value, const char* path) {
  const nlohmann::json::json_pointer pointer{std::string(path)};
  if (!value.contains(pointer) || !value.at(pointer).is_number_unsigned()) return 0;
  return value.at(pointer).get<std::uint64_t>();
}

void judge_spool(const nlohmann::json& stat, std::vector<Finding>& out) {
  const auto dead = figure_at(stat, "/dead");
  if (dead != 0) {
    out.push_back({Severity::warning, "spool-dead-letters", "spool",
                   fmt::format("{} commands could not be delivered", dead),
                   "see `shmbus spool ls --dead`, then `shmbus spool retry` or `drop` them"});
  }
  const auto full = stat.contains("/disk/full"_json_pointer) &&
                    stat.at("/disk/full"_json_pointer) == nlohmann::json(true);
  const auto free = figure_at(stat, "/disk/free");
  if (full || free < figure_at(stat, "/limits/free")) {
    out.push_back(
        {Severity::error, "spool-disk-full", "spool",
         fmt::format("its disk has {} left, and durable commands are refused", format_bytes(free)),
         "make room on that disk, or lower limits.free"});
  }
  const auto bytes = figure_at(stat, "/bytes");
  const auto limit = figure_at(stat, "/limits/bytes");
  const auto count = figure_at(stat, "/waiting") + dead;
  const auto most = figure_at(stat, "/limits/commands");
  if (bytes > limit / 10 * 9 || count > most / 10 * 9) {
    out.push_back({Severity::warning, "spool-nearly-full", "spool",
                   fmt::format("{} commands of {}, {} of {}", count, most, format_bytes(bytes),
                               format_bytes(limit)),
                   "start the missing handlers (`shmbus spool stat` names them), or raise limits"});
  }
  const auto oldest = figure_at(stat, "/oldest_ms");
  if (oldest > spool_old_ms) {
    out.push_back(
        {Severity::warning, "spool-waits", "spool",
         fmt::format("its oldest command has waited for {}", format_age(oldest * 1'000'000U)),
         "`shmbus spool stat` names what is not served"});
  }
  if (figure_at(stat, "/commits_failed") != 0) {
    out.push_back({Severity::note, "spool-commits-failed", "spool",
                   fmt::format("{} transactions were refused by the disk since it started",
                               figure_at(stat, "/commits_failed")),
                   "their senders got an error; look at the spool's log"});
  }
}

}  // namespace

nlohmann::json spool_stat(Bus& bus, Duration timeout) {
  return ask_spool<SpoolStat>(bus, {}, timeout, first_room);
}

nlohmann::json spool_page(Bus& bus, const SpoolListRequest& request) {
  for (std::size_t room = first_room;; room *= 4) {
    auto page = ask_spool<SpoolList>(bus, request, default_timeout, room);
    const auto& commands = page["commands"];
    const bool cut = page["more"] == true && commands.is_array() && commands.empty();
    if (!commands.is_array()) throw Failure(ErrorKind::corrupted, "the spool's answer has no list");
    if (!cut || room >= most_room) return page;  // else the first has no room yet
  }
}

std::vector<Finding> spool_findings(const std::string& bus) {
  constexpr auto patience = std::chrono::seconds(1);
  const auto reader = inspect::Reader::open(bus);
  if (!reader) return {};
  const auto* name = inspect::take_snapshot(*reader).name(SpoolStat::text);
  if (name == nullptr) return {};
  std::vector<Finding> out;
  try {
    auto opened = value_or_fail(
        Bus::open(bus, {.create = false, .trust = trust_anybody, .label = "shmbus doctor"}));
    judge_spool(spool_stat(opened, patience), out);
  } catch (const Failure& failure) {
    out.push_back({Severity::warning, "spool-away", "spool",
                   fmt::format("durable commands cannot be stored: {}", failure.what()),
                   "start shmbus-spool, or look at its log"});
  }
  return out;
}

}  // namespace shmbus::cli
