#include "bridge/imports.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "bridge/subjects.hpp"
#include "common/border.hpp"
#include "shmbus/relay.hpp"

namespace shmbus::bridge {
namespace {

constexpr std::size_t offerings_max = 16;       // a bus has 64 by default
constexpr Time lost_after = 200 * millisecond;  // behind the deadline: the caller has its error

}  // namespace

Imports::Imports(Engine& engine, Directory& directory, Bus& bus, const Config& config)
    : engine_(engine),
      directory_(directory),
      bus_(bus),
      config_(config),
      patterns_(config.allow.in),
      inbox_(config.prefix + ".reply." + directory.id()),
      usual_time_(config.limits.call_time) {
  // A caller keeps the default time limit to itself: the bus says what it is.
  if (auto any = bus.caller(CommandName(std::string_view("shmbus.bridge")))) {
    usual_time_ = any->usual_timeout();
  }
}

Imports::~Imports() {
  for (auto& [machine, offering] : offerings_) offering->thread.request_stop();
  for (auto& [machine, offering] : offerings_) offering->thread.join();
  replies_.reset();
  std::unordered_map<std::uint64_t, Outstanding> left;
  {
    const std::scoped_lock lock(mutex_);
    left.swap(table_);
  }
  for (auto& [id, call] : left) {
    (void)call.responder.reject(
        relayed(Error{ErrorKind::timed_out, 0, 0, "the bridge ended: it may have run"}));
  }
}

Result<void> Imports::open() {
  auto made = engine_.subscribe_answers(inbox_ + ".*",
                                        [this](Message message) { answered(std::move(message)); });
  if (!made) return tl::unexpected<Error>(made.error());
  replies_ = std::move(*made);
  return {};
}

void Imports::local(const std::string& name, bool available) {
  if (available) {
    local_.insert(name);
  } else {
    local_.erase(name);
  }
}

void Imports::allow(const std::vector<std::string>& patterns) {
  patterns_ = patterns;
  update();
}

/// Of several machines that serve a name the first is shown; the engine chooses for each call.
void Imports::update() {
  std::map<std::string, Wanted> now_wanted;
  for (const auto& [id, peer] : directory_.peers()) {
    if (!peer.known || peer.machine == directory_.machine()) continue;
    for (const auto& [name, types] : peer.offer) {
      if (!any_matches(patterns_, name) || local_.count(name) != 0) continue;
      const auto found = now_wanted.find(name);
      if (found == now_wanted.end() || peer.machine < found->second.machine) {
        now_wanted[name] = {peer.machine, types};
      }
    }
  }
  const auto before = std::exchange(wanted_, now_wanted);
  for (const auto& [name, wanted] : before) {
    const auto found = wanted_.find(name);
    if (found == wanted_.end() || !(found->second == wanted)) displace(name, wanted);
  }
  for (const auto& [name, wanted] : wanted_) {
    const auto found = before.find(name);
    if (found == before.end() || !(found->second == wanted)) place(name, wanted);
  }
}

Imports::Offering* Imports::offering_for(const std::string& machine) {
  const bool shared = offerings_.size() >= offerings_max && offerings_.count(machine) == 0;
  const std::string key = shared ? std::string("others") : machine;
  auto& offering = offerings_[key];
  if (offering != nullptr) return offering.get();
  const std::string label = std::string(bridge_label) + key;
  auto server = bus_.serve({.label = label});
  if (!server) {
    offerings_.erase(key);
    return nullptr;
  }
  offering = std::make_unique<Offering>();
  offering->server = std::move(*server);
  offering->thread = std::jthread([raw = offering.get()](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (!raw->server.run(stop)) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  });
  return offering.get();
}

void Imports::place(const std::string& name, const Wanted& wanted) {
  Offering* offering = offering_for(wanted.machine);
  if (offering == nullptr) return;
  (void)offering->server.post([this, offering, name, types = wanted.types] {
    const Schema schema{types.schema, types.hash, types.request_bytes, types.reply_bytes};
    const auto done = offering->server.on(
        std::string_view(name), types.schema.empty() ? Schema{} : schema,
        [this, name, hash = types.hash](Context& context) { return take(context, name, hash); });
    const std::scoped_lock lock(mutex_);
    if (!done) refused_[name] = done.error();
  });
}

void Imports::displace(const std::string& name, const Wanted& wanted) {
  const auto found =
      offerings_.find(offerings_.count(wanted.machine) != 0 ? wanted.machine : "others");
  if (found == offerings_.end()) return;
  Offering* offering = found->second.get();
  (void)offering->server.post([offering, name] { (void)offering->server.off(name); });
}

Message Imports::request_of(Context& context, const std::string& name, std::uint64_t hash,
                            std::uint64_t id, std::span<const std::byte> body,
                            const Deadline& deadline) const {
  Message out(config_.prefix + ".call." + subject_of(name), fmt::format("{}.{}", inbox_, id), body);
  out.set(header::from, directory_.id())
      .set(header::path, directory_.machine())
      .set(header::sent, deadline.at)
      .set(header::left, static_cast<std::uint64_t>(deadline.left.count()))
      .set(header::schema, fmt::format("{:x}", hash));
  const auto label = context.caller().label.view();
  out.set(header::label, header_text(fmt::format("{}@{}", label, directory_.machine())));
  if (context.attempt() > 1) out.set(header::attempt, context.attempt());
  if (const auto trace = context.trace(); trace.valid()) {
    out.set(header::trace, std::string(trace.traceparent().view()));
  }
  return out;
}

Status Imports::send_one_way(Context& context, const std::string& name, std::uint64_t hash) {
  const Deadline deadline{now(), std::min(context.remaining(), usual_time_)};
  if (context.request().size() > engine_.part_max()) {
    return Status::refuse(ErrorKind::invalid_argument, "too large for a one-way command");
  }
  Message out = request_of(context, name, hash, 0, context.request(), deadline);
  out.set(header::one_way, std::string("1"));
  return engine_.publish(out) ? Status::ok()
                              : Status::refuse(ErrorKind::overloaded, "the engine is away");
}

Status Imports::take(Context& context, const std::string& name, std::uint64_t hash) {
  if (context.one_way()) return send_one_way(context, name, hash);
  const auto refuse = [](ErrorKind kind, std::string_view text) {
    return relayed(unrun(kind, text));
  };
  if (!engine_.connected()) return refuse(ErrorKind::not_registered, "the engine is away");
  const auto request = context.request();
  if (request.size() > config_.limits.payload) {
    return refuse(ErrorKind::too_large, "more than the bridge takes");
  }
  Deadline deadline{now(), context.remaining()};
  if (deadline.left == forever) deadline.left = usual_time_;
  const std::size_t part_max = engine_.part_max();
  const auto id = next_id_.fetch_add(1, std::memory_order_relaxed);
  const bool parts = request.size() > part_max;
  Message out =
      request_of(context, name, hash, id, parts ? request.first(part_max) : request, deadline);
  out.set(header::room, context.reply_capacity());
  if (parts) out.set(header::size, request.size());
  Outstanding call;
  call.name = name;
  call.room = context.reply_capacity();
  call.until = deadline.at + static_cast<Time>(deadline.left.count()) + lost_after;
  if (parts) call.rest.assign(request.begin(), request.end());
  call.responder = context.defer();
  if (!call.responder.valid()) return refuse(ErrorKind::overloaded, "out of memory");
  {
    const std::scoped_lock lock(mutex_);
    if (table_.size() >= config_.limits.calls) {
      (void)call.responder.reject(
          relayed(unrun(ErrorKind::overloaded, "too many calls to other machines")));
      return Status::ok();
    }
    table_.emplace(id, std::move(call));
  }
  if (!engine_.publish(out)) {
    if (auto mine = claim(id)) {
      (void)mine->responder.reject(relayed(unrun(ErrorKind::not_registered, "the engine is away")));
    }
  }
  return Status::ok();
}

std::optional<Imports::Outstanding> Imports::claim(std::uint64_t id) {
  const std::scoped_lock lock(mutex_);
  const auto found = table_.find(id);
  if (found == table_.end()) return std::nullopt;
  std::optional<Outstanding> call(std::move(found->second));
  table_.erase(found);
  return call;
}

/// Sends the other parts of a request to the bridge that received the first.
bool Imports::go_on(const Message& message, std::uint64_t id) {
  const std::string to(message.get(header::go_on));
  if (to.empty()) return false;
  // A bridge names a subject below P.stream. An answer cannot have parts published anywhere else.
  const auto prefix = config_.prefix + ".stream.";
  if (!to.starts_with(prefix) || !is_plain_subject(to)) return true;
  std::vector<std::byte> all;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = table_.find(id);
    if (found != table_.end()) all = std::exchange(found->second.rest, {});
  }
  const std::size_t part_max = engine_.part_max();
  (void)each_part(all, part_max, part_max, [&](std::size_t at, std::span<const std::byte> part) {
    Message out(to, {}, part);
    out.set(header::at, at);
    return engine_.publish(out);
  });
  return true;
}

void Imports::answered(Message message) {
  const auto token = message.subject().substr(inbox_.size() + 1);
  std::uint64_t id = 0;
  std::from_chars(token.data(), token.data() + token.size(), id);
  if (message.no_responders()) doubt_.store(true, std::memory_order_release);
  if (go_on(message, id)) return;
  if (const auto size = message.number(header::size)) {
    const auto at = message.number(header::at).value_or(~std::uint64_t{0});
    const std::scoped_lock lock(mutex_);
    const auto found = table_.find(id);
    if (found == table_.end()) return;
    auto& reply = found->second.reply;
    const auto room = std::min(found->second.room, config_.limits.payload);
    if (at == 0 && *size <= room) reply = Assembly(*size);
    // A part that was lost spoils the reply; the call ends at its deadline: it may have run.
    if (!reply.add(at, message.body()) || !reply.complete()) return;
  }
  if (auto call = claim(id)) finish(std::move(*call), message);
}

void Imports::finish(Outstanding call, const Message& message) {
  auto error = error_in(message);
  if (!error) {
    const auto& whole = call.reply.bytes();
    const auto bytes = whole.empty() ? message.body() : std::span<const std::byte>(whole);
    (void)call.responder.reply(bytes);
    return;
  }
  if (error->kind == ErrorKind::too_large && error->needed != 0 &&
      call.responder.buffer(error->needed).empty()) {
    (void)call.responder.reply();  // the caller gets too_large, with the size
    return;
  }
  (void)call.responder.reject(relayed(*error));
}

void Imports::tick(Time at) {
  if (doubt_.exchange(false, std::memory_order_acq_rel)) directory_.doubt();
  std::vector<std::pair<std::uint64_t, Outstanding>> ended;
  std::map<std::string, Error> refused;
  {
    const std::scoped_lock lock(mutex_);
    for (auto one = table_.begin(); one != table_.end();) {
      if (at < one->second.until && !one->second.responder.cancelled()) {
        ++one;
        continue;
      }
      ended.emplace_back(one->first, std::move(one->second));
      one = table_.erase(one);
    }
    refused.swap(refused_);
  }
  for (auto& [id, call] : ended) {
    Message out(config_.prefix + ".cancel." + subject_of(call.name), {}, {});
    out.set(header::cancel, fmt::format("{}.{}", inbox_, id));
    (void)engine_.publish(out);
    const bool cancelled = call.responder.cancelled();
    Error error{cancelled ? ErrorKind::cancelled : ErrorKind::timed_out, 0, 0,
                "no answer from the other machine"};
    (void)call.responder.reject(cancelled ? Status::reject(1, "cancelled") : relayed(error));
  }
  for (const auto& [name, error] : refused) {
    if (on_refused) on_refused(name, error);
    wanted_.erase(name);  // tried again with the next change
  }
}

bool Imports::busy() const {
  const std::scoped_lock lock(mutex_);
  return !table_.empty() || !refused_.empty() || doubt_.load(std::memory_order_acquire);
}

}  // namespace shmbus::bridge
