// What operators ask of the spool: how it fares, what is in it, and to change that.
#include <fmt/format.h>

#include <ctime>

#include "codec/hex.hpp"
#include "codec/values.hpp"
#include "common/escape.hpp"
#include "spool/service_parts.hpp"

namespace shmbus::spool {
namespace {

constexpr std::uint32_t list_max = 1000;
constexpr std::uint32_t change_max = 10'000;  ///< dead letters in one transaction

std::string when(std::int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     unix_ms % 1000);
}

std::string_view flag(bool value) noexcept { return value ? "true" : "false"; }

Status put_json(SpoolJson& reply, Context& context, std::string_view json) {
  if (context.tail().put(reply.json, json)) return Status::ok();
  return Status::reject(static_cast<std::int32_t>(ErrorKind::too_large),
                        "the reply needs more room");
}

}  // namespace

/// Parsed once for each type; nullptr for bytes.
const codec::Type* Service::request_type(std::uint64_t hash) {
  if (hash == 0) return nullptr;
  const auto found = request_types_.find(hash);
  if (found != request_types_.end()) return &found->second;
  const auto* types = deliverer_.types(hash);
  const auto learned = types_to_learn_.find(hash);
  if (types == nullptr && learned != types_to_learn_.end()) types = &learned->second;
  if (types == nullptr) return nullptr;
  auto sides = codec::CommandTypes::parse(types->text);
  if (!sides) return nullptr;
  return &request_types_.emplace(hash, std::move(sides->request)).first->second;
}

std::string Service::stat_json() {
  const auto& totals = store_->totals();
  const auto& c = counters_;
  const auto oldest = queue_.oldest_clock();
  std::string names;
  for (std::uint32_t target = 0; target < deliverer_.targets(); ++target) {
    if (queue_.waiting_for(target) == 0) continue;
    if (names.size() > 8192) break;  // the reply has bounds
    names += fmt::format("{}{{\"name\":{},\"waiting\":{},\"away\":{}}}", names.empty() ? "" : ",",
                         escape::json(deliverer_.name_of(target)), queue_.waiting_for(target),
                         flag(queue_.parked(target)));
  }
  return fmt::format(
      "{{\"file\":{},\"waiting\":{},\"under_way\":{},\"dead\":{},\"bytes\":{},\"oldest_ms\":{},"
      "\"limits\":{{\"bytes\":{},\"commands\":{},\"free\":{},\"age_ms\":{}}},"
      "\"disk\":{{\"file\":{},\"wal\":{},\"free\":{},\"full\":{}}},"
      "\"accepted\":{},\"repeated\":{},\"refused\":{},\"delivered\":{},\"attempts_failed\":{},"
      "\"buried\":{},\"carried\":{},\"commits\":{},\"commits_failed\":{},"
      "\"rules\":{{\"dropped\":{},\"replaced\":{},\"calls\":{},\"calls_failed\":{},\"events\":{}}},"
      "\"names\":[{}]}}",
      escape::json(store_->path()), totals.waiting, deliverer_.under_way(), totals.dead,
      totals.bytes, oldest ? store_->clock_ms() - *oldest : 0, config_.limits.bytes,
      config_.limits.commands, config_.limits.free_bytes, config_.limits.age.count() / 1'000'000,
      store_->file_bytes(), store_->wal_bytes(), disk_free_, flag(disk_full_), c.accepted,
      c.repeated, c.refused, c.delivered, c.attempts_failed, c.buried, c.carried, c.commits,
      c.commits_failed, c.dropped_by_rule, c.replaced_by_rule, c.calls_by_rule,
      c.calls_by_rule_failed, c.events_by_rule, names);
}

std::string Service::command_json(const StoredCommand& one, bool body) {
  std::string request;
  if (body) {
    const auto* type = request_type(one.type_hash);
    std::string json;
    if (type != nullptr && codec::decode(*type, one.body, json)) {
      request = ",\"request\":" + escape::json_document(json);
    } else {
      request = ",\"hex\":" + escape::json(codec::to_hex(one.body));
    }
  }
  return fmt::format(
      "{{\"sequence\":{},\"id\":\"{}\",\"name\":{},\"key\":{},\"bytes\":{},\"accepted\":\"{}\","
      "\"waits_ms\":{},\"attempts\":{},\"sound\":{}{}{}}}",
      one.sequence, one.id.text().view(), escape::json(one.name), escape::json(one.key),
      one.body.size(), when(one.created_ms), store_->clock_ms() - one.clock_ms, one.attempts,
      flag(one.sound),
      one.state == State::dead ? ",\"cause\":" + escape::json(one.cause) : std::string(), request);
}

Status Service::on_stat(SpoolJson& reply, Context& context) {
  return put_json(reply, context, stat_json());
}

Status Service::on_list(const SpoolListRequest& request, SpoolJson& reply, Context& context) {
  const SpoolListRequest asked = request;
  constexpr std::string_view end = "],\"more\":true}";
  const auto capacity = context.reply_capacity();
  const std::size_t room = capacity > sizeof(SpoolJson) ? capacity - sizeof(SpoolJson) : 0;
  const auto most = std::min(std::max(asked.most, 1U), list_max);
  std::string json = "{\"commands\":[";
  bool more = false;
  std::uint32_t count = 0;
  auto after = static_cast<std::int64_t>(asked.after);
  // One by one: bodies may be large, and the first that does not fit ends the list.
  while (count <= most) {
    const auto found =
        store_->list(asked.dead ? State::dead : State::waiting, asked.name.view(), after, 1);
    if (!found) return Status::reject(spool_disk_failed, found.error().message.view());
    if (found->empty()) break;
    const auto text = command_json(found->front(), asked.bodies);
    more = count == most || json.size() + text.size() + 1 + end.size() > room;
    if (more) break;
    if (count++ != 0) json += ',';
    json += text;
    after = found->front().sequence;
  }
  json += fmt::format("],\"more\":{}}}", flag(more));
  return put_json(reply, context, json);
}

Result<void> Service::change(StoredCommand& one, SpoolAction action, Changed& changed) {
  const auto target = deliverer_.target(one.name, one.type_hash);
  Changed::One each;
  each.entry = {one.sequence, one.clock_ms, target,
                action == SpoolAction::retry ? 0 : one.attempts};
  each.key = one.key;
  each.was_dead = one.state == State::dead;
  Result<void> done;
  if (!each.was_dead) {
    if (action == SpoolAction::retry) return {};  // it waits anyhow
    if (!queue_.remove(one.sequence, one.key, target)) {
      return fail(ErrorKind::rejected, "it is being delivered", spool_under_way);
    }
    done = store_->erase(one.sequence);
  } else if (action == SpoolAction::drop) {
    done = store_->erase(one.sequence);
  } else {
    each.now_waits = true;
    done = store_->revive(one.sequence);
  }
  ++changed.count;
  changed.ones.push_back(std::move(each));
  return done;
}

Status Service::on_change(const SpoolChangeRequest& request, Deferred<SpoolChange> answer) {
  const SpoolChangeRequest asked = request;
  const auto refuse = [&answer](std::int32_t code, std::string_view why) {
    (void)answer.reject(code, why);
    return Status::ok();
  };
  if (asked.action != SpoolAction::retry && asked.action != SpoolAction::drop) {
    (void)answer.reject(Status::refuse(ErrorKind::invalid_argument, "no such action"));
    return Status::ok();
  }
  std::vector<StoredCommand> ones;
  if (asked.sequence != 0) {
    auto one = store_->read(static_cast<std::int64_t>(asked.sequence));
    if (!one) return refuse(spool_disk_failed, one.error().message.view());
    if (!*one) return refuse(spool_unknown, "there is no such command");
    ones.push_back(std::move(**one));
  } else {
    auto all = store_->list(State::dead, asked.name.view(), 0, change_max);
    if (!all) return refuse(spool_disk_failed, all.error().message.view());
    ones = std::move(*all);
  }
  Changed changed;
  auto done = store_->begin();
  for (auto& one : ones) {
    if (!done) break;
    done = change(one, asked.action, changed);
  }
  if (!done && done.error().code == spool_under_way) {
    return refuse(spool_under_way, done.error().message.view());
  }
  changed.answer.emplace(std::move(answer));
  changed_.push_back(std::move(changed));
  if (!done) {
    store_->roll_back();
    answer_all(done);
  }
  return Status::ok();
}

}  // namespace shmbus::spool
