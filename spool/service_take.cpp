// How commands come into the spool, and how their senders are answered.
#include <fmt/format.h>

#include "spool/outboxes.hpp"
#include "spool/service_parts.hpp"

namespace shmbus::spool {
namespace {

constexpr std::size_t key_bytes_max = 256;
constexpr std::size_t types_bytes_max = 4096;
/// Different names, with their types, since the start. Bounds what senders make the spool remember.
constexpr std::size_t targets_max = 4096;
constexpr std::size_t types_max = 1024;

Status refuse(ErrorKind kind, std::string_view why) noexcept { return Status::refuse(kind, why); }

}  // namespace

Status Service::why_not(const NewOne& one) {
  const auto invalid = ErrorKind::invalid_argument;
  if (!is_valid_name(one.name)) return refuse(invalid, "no command can have this name");
  if (one.name.starts_with("spool."))
    return refuse(invalid, "the spool's own names are not spooled");
  if (!one.id.valid()) return refuse(invalid, "an id has 16 bytes, not all of them 0");
  if (one.key.size() > key_bytes_max) return refuse(invalid, "a key has at most 256 bytes");
  if (one.type_hash != 0 && !deliverer_.known_types(one.type_hash)) {
    const bool sound = one.types.text.size() <= types_bytes_max &&
                       detail::hash_name(one.types.text) == one.type_hash &&
                       codec::CommandTypes::parse(one.types.text).has_value();
    if (!sound) return refuse(invalid, "the types do not fit their hash");
  }
  if (one.body.size() > config_.limits.body_bytes)
    return refuse(invalid, "the request is too large");
  const bool known = deliverer_.has_target(one.name, one.type_hash);
  const bool new_types = one.type_hash != 0 && !deliverer_.known_types(one.type_hash);
  if ((!known && deliverer_.targets() >= targets_max) ||
      (new_types && deliverer_.type_count() + types_to_learn_.size() >= types_max)) {
    return refuse(ErrorKind::overloaded, "too many names: start the spool anew");
  }
  return why_no_room(one);
}

Status Service::why_no_room(const NewOne& one) const {
  const auto& then = store_->totals_then();
  const auto bytes = bytes_of(one.name.size(), one.key.size(), one.body.size());
  const auto overloaded = ErrorKind::overloaded;
  if (then.waiting + then.dead >= config_.limits.commands) {
    return refuse(overloaded, "the spool is full: limits.commands");
  }
  if (then.bytes + bytes > config_.limits.bytes) {
    return refuse(overloaded, "the spool is full: limits.bytes");
  }
  if (disk_full_ || disk_free_ < config_.limits.free_bytes) {
    return refuse(overloaded, "the disk is full: limits.free");
  }
  return Status::ok();
}

/// Publishes an event out of an outbox. overloaded: it can be published later.
Status Service::why_not_published(const NewOne& one) {
  const auto published = deliverer_.publish(one.name, one.body);
  if (published) return Status::ok();
  constexpr KindSet never{ErrorKind::invalid_argument, ErrorKind::too_large,
                          ErrorKind::already_registered, ErrorKind::type_mismatch};
  const Error& error = published.error();
  const bool hopeless = never.has(error.kind);
  return refuse(hopeless ? ErrorKind::invalid_argument : ErrorKind::overloaded,
                fmt::format("event: {}", error.message.view()));
}

Result<void> Service::take(const NewOne& one, Accepted& accepted) {
  const auto verdict = judge(config_.rules, one.name, one.body, request_type(one.type_hash));
  accepted.calls = verdict.calls;
  accepted.events = verdict.events;
  if (!accepted.calls.empty() || !accepted.events.empty()) {
    accepted.body.assign(one.body.begin(), one.body.end());
  }
  accepted.dropped = verdict.drop;
  if (verdict.drop) return {};
  const auto target = deliverer_.target(verdict.name, one.type_hash);
  const auto inserted = store_->insert({one.id, verdict.name, one.key, one.type_hash, one.body});
  if (!inserted) return tl::unexpected<Error>(inserted.error());
  accepted.repeated = !inserted->has_value();
  if (accepted.repeated) return {};
  accepted.key = one.key;
  accepted.entry = {**inserted, store_->clock_ms(), target, 0};
  if (!verdict.keep_last) return {};
  accepted.replaces = queue_.waiting_of(one.key, target);
  for (auto& other : accepted_) {
    const bool same = other.entry.target == target && other.key == one.key &&
                      other.entry.sequence != 0 && !other.dropped;
    if (same) accepted.replaces.push_back(other.entry.sequence);
  }
  for (const auto sequence : accepted.replaces) {
    if (const auto gone = store_->erase(sequence); !gone) return gone;
  }
  return {};
}

Status Service::on_put(const SpoolPutRequest& put, Deferred<SpoolPut> answer, Context& context) {
  const SpoolPutRequest head = put;  // once: the sender may still write there
  const auto message = context.request();
  NewOne one;
  one.id = {head.id_high, head.id_low};
  one.name = head.name.view(message);
  one.key = head.key.view(message);
  one.type_hash = head.type_hash;
  if (one.type_hash != 0 && !deliverer_.known_types(one.type_hash)) {
    one.types = {std::string(head.types.view(message)), head.request_bytes, head.reply_bytes};
  }
  const auto body = std::as_bytes(head.body.view(message));
  scratch_.assign(body.begin(), body.end());
  one.body = scratch_;
  Status why = why_not(one);
  if (body.size() != head.body.size() || one.key.size() != head.key.size()) {
    why = refuse(ErrorKind::invalid_argument, "the body or the key leads out of the message");
  }
  if (!why.is_ok()) {
    if (why.kind() == ErrorKind::overloaded) ++counters_.refused;
    (void)answer.reject(why);
    return Status::ok();
  }
  Accepted accepted;
  auto done = store_->begin();
  if (done && one.type_hash != 0 && !deliverer_.known_types(one.type_hash)) {
    done = store_->remember_types(one.type_hash, one.types);
    if (done) types_to_learn_.emplace(one.type_hash, one.types);
  }
  if (done) done = take(one, accepted);
  accepted.answer.emplace(std::move(answer));
  accepted_.push_back(std::move(accepted));
  if (!done) {
    store_->roll_back();
    answer_all(done);
  }
  return Status::ok();
}

Result<void> Service::carry_in(const NewOne& one, const Status& why) {
  if (!why.is_ok()) {
    const auto id = one.id.valid() ? one.id : DurableId::random();
    const auto inserted = store_->insert({id, one.name, one.key, 0, one.body});
    if (!inserted) return tl::unexpected<Error>(inserted.error());
    if (!*inserted) return {};
    buried_keys_.push_back(one.key);
    return store_->bury(**inserted, 0, fmt::format("refused: {}", why.message()));
  }
  Result<void> done;
  if (one.type_hash != 0 && !deliverer_.known_types(one.type_hash)) {
    done = store_->remember_types(one.type_hash, one.types);
    if (done) types_to_learn_.emplace(one.type_hash, one.types);
  }
  Accepted accepted;
  if (done) done = take(one, accepted);
  if (done) accepted_.push_back(std::move(accepted));
  return done;
}

/// Everybody whose command is in the transaction that ended so.
void Service::answer_all(const Result<void>& committed) {
  auto accepted = std::exchange(accepted_, {});
  auto changed = std::exchange(changed_, {});
  auto learned = std::exchange(types_to_learn_, {});
  const auto buried = std::exchange(buried_keys_, {});
  if (!committed) {
    ++counters_.commits_failed;
    outboxes_->rolled_back();
    const Error& error = committed.error();
    const bool nothing = error.kind == ErrorKind::overloaded;
    const auto status = nothing
                            ? Status::refuse(ErrorKind::overloaded, "the disk is full")
                            : Status::reject(spool_disk_failed, "the disk failed: send it again");
    for (auto& one : accepted) {
      if (one.answer) (void)one.answer->reject(status);
    }
    for (auto& one : changed) {
      if (one.answer) (void)one.answer->reject(status);
      for (const auto& each : one.ones) {  // as it was
        if (!each.was_dead) queue_.add(each.entry, each.key);
      }
    }
    give_up(error);
    return;
  }
  counters_.buried += buried.size();
  for (const auto& key : buried) {
    if (config_.delivery.dead_blocks_key) queue_.block(key);
  }
  for (auto& [hash, types] : learned) deliverer_.learn_types(hash, std::move(types));
  for (auto& one : accepted) {
    if (one.answer) {
      (void)one.answer->reply({static_cast<std::uint64_t>(one.entry.sequence), one.repeated});
    }
    ++(one.repeated ? counters_.repeated : counters_.accepted);
    if (one.repeated) continue;
    for (const auto sequence : one.replaces) {
      counters_.replaced_by_rule += queue_.remove(sequence, one.key, one.entry.target) ? 1U : 0U;
    }
    if (one.dropped) {
      ++counters_.dropped_by_rule;
    } else {
      queue_.add(one.entry, one.key);
    }
    act_by_rules(one);
  }
  for (auto& one : changed) {
    for (const auto& each : one.ones) {
      if (each.now_waits) queue_.add(each.entry, each.key);
      if (each.was_dead && config_.delivery.dead_blocks_key) queue_.unblock(each.key);
    }
    if (one.answer) (void)one.answer->reply({one.count});
  }
}

void Service::act_by_rules(const Accepted& accepted) {
  for (const auto& name : accepted.calls) {
    const bool sent = deliverer_.send_now(name, accepted.body);
    ++(sent ? counters_.calls_by_rule : counters_.calls_by_rule_failed);
  }
  for (const auto& name : accepted.events) {
    if (deliverer_.publish(name, accepted.body).has_value()) ++counters_.events_by_rule;
  }
}

/// A full disk is waited for; after anything else nobody knows what is on it, and the program is
/// started anew.
void Service::give_up(const Error& error) {
  log_.write(program::Level::error, "a transaction failed", {{"why", error.message.view()}});
  if (error.kind == ErrorKind::overloaded) {
    disk_full_ = true;
    outcomes_after_ = now_ns() + 1'000'000'000;
  } else {
    broken_ = error;
  }
}

}  // namespace shmbus::spool
