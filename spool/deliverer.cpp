#include "spool/deliverer.hpp"

namespace shmbus::spool {
namespace {

constexpr std::size_t callers_max = 32;
constexpr std::size_t two_cells = 104;  ///< replies up to this size need no payload memory

constexpr CallerOptions caller_options{.wait = WaitMode::blocking,
                                       .when_vacant = WhenVacant::fail,
                                       .when_full = WhenFull::fail,
                                       .inherit = Inherit::nothing};

/// The command's id is its trace: handlers find it there (durable_id()).
TraceContext trace_of(DurableId id) noexcept {
  TraceContext trace;
  trace.trace_id = id.bytes();
  const DurableId span{id.low | 1U, 0};
  const auto bytes = span.bytes();
  std::copy_n(bytes.begin(), trace.span_id.size(), trace.span_id.begin());
  return trace;
}

/// The handler ran, and its reply, which nobody wants, had no room.
bool is_about_reply(const Error& error) noexcept {
  return error.kind == ErrorKind::too_large && error.message.view().starts_with("the reply");
}

}  // namespace

Fate fate_of(const Error& error, const Retry& retry) noexcept {
  constexpr KindSet not_run{ErrorKind::overloaded, ErrorKind::handler_died_before_start,
                            ErrorKind::cancelled, ErrorKind::limit_reached};
  constexpr KindSet perhaps{ErrorKind::timed_out,    ErrorKind::handler_died_after_start,
                            ErrorKind::abandoned,    ErrorKind::not_permitted,
                            ErrorKind::bus_unusable, ErrorKind::corrupted};
  if (is_about_reply(error)) return Fate::done;
  if (error.kind == ErrorKind::not_registered) return Fate::vacant;
  if (not_run.has(error.kind) || error.never_ran) return Fate::later;
  if (perhaps.has(error.kind)) return Fate::failed;
  if (error.kind == ErrorKind::rejected && retry.rejected) return Fate::failed;
  return Fate::dead;
}

bool Deliverer::has_target(std::string_view name, std::uint64_t type_hash) const {
  const auto [first, last] = by_name_.equal_range(name);
  return std::any_of(first, last,
                     [&](const auto& one) { return targets_[one.second]->type_hash == type_hash; });
}

std::uint32_t Deliverer::target(std::string_view name, std::uint64_t type_hash) {
  const auto [first, last] = by_name_.equal_range(name);
  for (auto one = first; one != last; ++one) {
    const Target& known = *targets_[one->second];
    if (known.type_hash == type_hash) return one->second;
  }
  const auto number = static_cast<std::uint32_t>(targets_.size());
  auto made = std::make_unique<Target>();
  made->name = name;
  made->type_hash = type_hash;
  targets_.push_back(std::move(made));
  by_name_.emplace(std::string(name), number);
  return number;
}

void Deliverer::learn_types(std::uint64_t hash, StoredTypes types) {
  types_.emplace(hash, std::move(types));
}

const StoredTypes* Deliverer::types(std::uint64_t hash) const {
  const auto found = types_.find(hash);
  return found == types_.end() ? nullptr : &found->second;
}

void Deliverer::each_of(std::string_view name,
                        const std::function<void(std::uint32_t)>& tell) const {
  const auto [first, last] = by_name_.equal_range(name);
  for (auto one = first; one != last; ++one) tell(one->second);
}

Result<void> Deliverer::prepare(Target& target) {
  if (target.caller.valid()) return {};
  Schema schema;
  if (const auto* types = this->types(target.type_hash); types != nullptr) {
    schema = {types->text, target.type_hash, types->request_bytes, types->reply_bytes};
  }
  make_room_for_caller();
  auto caller = bus_.caller(CommandName(std::string_view(target.name)), caller_options, schema);
  if (!caller) return tl::unexpected<Error>(caller.error());
  target.caller = std::move(*caller);
  ++callers_;
  return {};
}

/// Each caller holds a lane of the bus, which many names would exhaust: the one that has been idle
/// for longest gives its lane back. While more names than that are under way, each has one.
void Deliverer::make_room_for_caller() noexcept {
  if (callers_ < callers_max) return;
  Target* oldest = nullptr;
  for (const auto& one : targets_) {
    const bool idle = one->caller.valid() && one->under_way == 0;
    if (idle && (oldest == nullptr || one->used < oldest->used)) oldest = one.get();
  }
  if (oldest == nullptr) return;
  oldest->caller = {};
  oldest->watched = false;
  --callers_;
}

void Deliverer::start(const Queue::Work& work, const StoredCommand& command) {
  Target& target = *targets_[work.entry.target];
  const auto fail_with = [&](const Error& error) {
    failed_.push_back({work, fate_of(error, config_->retry), error});
  };
  if (const auto ready = prepare(target); !ready) return fail_with(ready.error());
  const TraceScope trace(trace_of(command.id));
  const AttemptScope attempt(work.entry.attempts + 1);
  auto pending = target.caller.start(command.body, two_cells, config_->delivery.timeout);
  if (!pending) return fail_with(pending.error());
  under_way_.push_back({work, std::move(*pending)});
  ++target.under_way;
  target.used = ++starts_;
  if (target.watched) return;
  target.watched = true;  // without a descriptor outcomes are found on the tick
  if (const auto fd = target.caller.fd()) new_fds_.push_back(*fd);
}

void Deliverer::finished(const std::function<void(const Attempt&)>& tell) {
  std::vector<std::uint32_t> polled;
  for (const auto& one : under_way_) {
    const auto target = one.work.entry.target;
    if (std::find(polled.begin(), polled.end(), target) != polled.end()) continue;
    polled.push_back(target);
    (void)targets_[target]->caller.poll();
  }
  std::vector<Attempt> ended = std::exchange(failed_, {});
  std::erase_if(under_way_, [&](UnderWay& one) {
    if (!one.pending.ready()) return false;
    --targets_[one.work.entry.target]->under_way;
    const auto reply = one.pending.wait();
    Attempt attempt{one.work, Fate::done, {}};
    if (!reply) {
      attempt.error = reply.error();
      attempt.fate = fate_of(reply.error(), config_->retry);
    }
    ended.push_back(attempt);
    return true;
  });
  for (const auto& one : ended) tell(one);
}

bool Deliverer::send_now(std::string_view name, std::span<const std::byte> body) {
  auto found = direct_.find(name);
  if (found == direct_.end()) {
    auto caller = bus_.caller(CommandName(name), caller_options);
    if (!caller) return false;
    found = direct_.emplace(std::string(name), std::move(*caller)).first;
  }
  // An id of its own: handlers that drop repeats expect one of what a spool sends.
  const TraceScope trace(trace_of(DurableId::random()));
  return found->second.send(body).has_value();
}

Result<void> Deliverer::publish(std::string_view name, std::span<const std::byte> body) {
  auto found = publishers_.find(name);
  if (found == publishers_.end()) {
    PublisherOptions options;
    options.event_bytes = 4096;
    auto publisher = bus_.publisher(CommandName(name), options);
    if (!publisher) return tl::unexpected<Error>(publisher.error());
    found = publishers_.emplace(std::string(name), std::move(*publisher)).first;
  }
  const auto published = found->second.publish(body, Duration::zero());
  if (!published) return tl::unexpected<Error>(published.error());
  return {};
}

}  // namespace shmbus::spool
