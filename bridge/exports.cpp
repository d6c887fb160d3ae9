#include "bridge/exports.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bridge/subjects.hpp"
#include "codec/values.hpp"
#include "common/border.hpp"

namespace shmbus::bridge {
namespace {

constexpr const char* queue_group = "shmbus";
constexpr std::size_t two_cells = 104;
constexpr std::size_t label_max = 60;
constexpr std::size_t parked_max = 1024;
constexpr Time parked_for = second;
constexpr const char* json_type = "application/json";

}  // namespace

Exports::Exports(Loop& loop, Engine& engine, Directory& directory, Bus& bus, const Config& config)
    : engine_(engine),
      directory_(directory),
      bus_(bus),
      config_(config),
      patterns_(config.allow.out),
      callers_(loop, {std::string(bus.path()), config.trust, config.limits.labels}) {}

void Exports::local(const std::string& name, bool available, bool carried) {
  if (available) {
    local_[name] = carried;
  } else {
    local_.erase(name);
  }
  names_.erase(name);  // another handler may have other types
}

void Exports::allow(const std::vector<std::string>& patterns) {
  patterns_ = patterns;
  update();
}

void Exports::update() {
  std::erase_if(names_, [this](const auto& one) {
    const auto found = local_.find(one.first);
    return found == local_.end() || found->second || !any_matches(patterns_, one.first);
  });
  for (const auto& [name, carried] : local_) {
    if (!carried && names_.count(name) == 0 && any_matches(patterns_, name)) add(name);
  }
  Offer offer;
  for (const auto& [name, one] : names_) {
    offer[name] = {one.types.hash, one.types.request_bytes, one.types.reply_bytes,
                   std::string(one.types.text.view())};
  }
  directory_.offer(std::move(offer));
}

void Exports::add(const std::string& name) {
  const auto types = bus_.registered_types(CommandName(std::string_view(name)));
  if (!types) return;
  Name out;
  out.types = *types;
  if (auto sides = codec::CommandTypes::parse(types->text.view()); !types->text.empty() && sides) {
    if (sides->request_stream || sides->reply_stream) return;  // streams do not cross yet
    out.sides = std::make_shared<const codec::CommandTypes>(std::move(*sides));
  }
  const auto subject = subject_of(name);
  auto calls = engine_.subscribe(config_.prefix + ".call." + subject, queue_group,
                                 [this, name](Message message) {
                                   arrived({std::move(message), name, now(), {}, false});
                                 });
  auto cancels =
      engine_.subscribe(config_.prefix + ".cancel." + subject, {}, [this](const Message& message) {
        callers_.cancel(std::string(message.get(header::cancel)));
      });
  if (!calls || !cancels) return;
  out.calls = std::move(*calls);
  out.cancels = std::move(*cancels);
  counts_[name];
  names_.emplace(name, std::move(out));
}

void Exports::arrived(Arrived call) {
  const auto size = call.message.number(header::size);
  if (size && *size > call.message.body().size()) return gather(std::move(call), *size);
  run(std::move(call));
}

void Exports::gather(Arrived call, std::size_t size) {
  const std::string id =
      fmt::format("{}.stream.{}.{}", config_.prefix, directory_.id(), next_part_++);
  const auto& limits = config_.limits;
  if (size > limits.payload) {
    return refused(call.message, call.name,
                   unrun(ErrorKind::too_large, "the request is larger than its machine takes"));
  }
  if (assemblies_.size() >= limits.calls || in_parts_ + size > limits.in_parts) {
    return refused(call.message, call.name,
                   unrun(ErrorKind::overloaded, "too many requests in parts"));
  }
  Assembly assembly(size);
  (void)assembly.add(0, call.message.body());
  auto rest = engine_.subscribe(id, {}, [this, id](const Message& message) { part(id, message); });
  if (!rest) return refused(call.message, call.name, rest.error());
  in_parts_ += size;
  const Time until =
      now() + std::min<Time>(call.message.number(header::left).value_or(5 * second), 60 * second);
  Message go_on(std::string(call.message.reply()), {}, {});
  go_on.set(header::go_on, id);
  assemblies_.emplace(id, Partial{std::move(call), std::move(assembly), until, std::move(*rest)});
  (void)engine_.publish(go_on);
}

void Exports::part(const std::string& id, const Message& message) {
  const auto found = assemblies_.find(id);
  if (found == assemblies_.end()) return;
  const auto at = message.number(header::at);
  const bool good = at && found->second.assembly.add(*at, message.body());
  if (good && !found->second.assembly.complete()) return;
  Partial whole = std::move(found->second);
  in_parts_ -= whole.assembly.size();
  assemblies_.erase(found);
  if (!good) {
    return refused(whole.first.message, whole.first.name,
                   unrun(ErrorKind::cancelled, "a part of the request was lost on its way"));
  }
  whole.first.whole = whole.assembly.bytes();
  whole.first.assembled = true;
  run(std::move(whole.first));
}

std::optional<Error> Exports::refuse(const Arrived& call, const Name& name) const {
  const auto path = call.message.get(header::path);
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find(',', at), path.size());
    if (path.substr(at, end - at) == directory_.machine()) {
      return unrun(ErrorKind::not_permitted, "the call was at this machine before: a loop");
    }
    at = end + 1;
  }
  if (callers_.under_way() >= config_.limits.calls) {
    return unrun(ErrorKind::overloaded, "the bridge has too many calls under way");
  }
  const auto theirs = call.message.number(header::schema, 16);
  if (theirs && *theirs != 0 && name.types.hash != 0 && *theirs != name.types.hash) {
    Error error = unrun(ErrorKind::type_mismatch, {});
    error.message.append(
        std::string_view(fmt::format("{} has types {:x}, the caller's machine {:x}",
                                     directory_.machine(), name.types.hash, *theirs)));
    return error;
  }
  return std::nullopt;
}

/// Of a call of another bridge, less how old it can be at most.
Result<Duration> Exports::time_left(const Arrived& call, bool& parked) {
  const auto& message = call.message;
  const auto most = std::chrono::nanoseconds(config_.limits.call_time_max);
  const auto said = message.number(header::left);
  const auto usual = static_cast<std::uint64_t>(config_.limits.call_time.count());
  const auto left =
      std::min<std::uint64_t>(said.value_or(usual), static_cast<std::uint64_t>(most.count()));
  Time age = now() - call.at;
  if (const auto sent = message.number(header::sent)) {
    const auto* clock = directory_.clock_of(std::string(message.get(header::from)));
    parked = clock == nullptr;
    if (parked) return Duration{};
    age = std::max(age, clock->age_of(*sent));
  }
  if (age >= left) {
    return tl::unexpected<Error>(
        unrun(ErrorKind::timed_out, "the deadline passed on the way: it was not run"));
  }
  return Duration(left - age);
}

void Exports::run(Arrived call) {
  const auto found = names_.find(call.name);
  if (found == names_.end()) {
    return refused(call.message, call.name,
                   unrun(ErrorKind::not_registered, "the handler has just gone"));
  }
  const auto& message = call.message;
  if (const auto error = refuse(call, found->second)) return refused(message, call.name, *error);
  bool parked = false;
  const auto left = time_left(call, parked);
  if (!left) return refused(message, call.name, left.error());
  if (parked) {
    return park(std::move(call));
  }
  const bool native = message.number(header::schema, 16).has_value();
  const auto json = native ? nullptr : found->second.sides;
  std::vector<std::byte> encoded;
  BusCall out;
  out.name = call.name;
  out.request = call.assembled ? std::span<const std::byte>(call.whole) : message.body();
  if (json) {
    const std::string_view text = message.text().empty() ? "{}" : message.text();
    const auto done = codec::encode(json->request, text, encoded);
    if (!done) return refused(message, call.name, done.error());
    out.request = encoded;
  }
  const auto known = std::max<std::size_t>(found->second.types.reply_bytes, two_cells);
  out.room =
      std::min<std::size_t>(message.number(header::room).value_or(known), config_.limits.payload);
  out.timeout = *left;
  out.trace = TraceContext::parse(message.get(header::trace)).value_or(TraceContext{});
  out.attempt = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(message.number(header::attempt).value_or(1), 1, 255));
  out.label = text_of_header(message.get(header::label)).substr(0, label_max);
  const bool one_way = !message.get(header::one_way).empty();
  ++counts_[call.name].requests;
  const std::string to(message.reply());
  if (one_way || to.empty()) {
    if (const auto sent = callers_.send(out); !sent)
      return refused(message, call.name, sent.error());
    if (!to.empty()) (void)engine_.publish(Message(to, {}, {}));
    return;
  }
  const auto started = callers_.start(
      out, to, [this, to, name = call.name, began = call.at, json](Result<ReplyView> reply) {
        answer(to, name, began, reply, json.get());
      });
  if (!started) refused(message, call.name, started.error());
}

/// The call was not run, whatever the kind of the error says.
void Exports::refused(const Message& message, const std::string& name, Error error) {
  error.never_ran = true;
  auto& counts = counts_[name];
  ++counts.errors;
  counts.last_error = std::string(error.message.view());
  if (!message.reply().empty()) {
    (void)engine_.publish(error_answer(std::string(message.reply()), error));
  }
}

Message Exports::in_json(const std::string& to, const codec::CommandTypes& sides,
                         std::span<const std::byte> bytes) const {
  std::string text;
  if (const auto done = codec::decode(sides.reply, bytes, text); !done) {
    return error_answer(to, done.error());
  }
  if (text.size() > engine_.part_max()) {
    Error error{ErrorKind::too_large, 0, 0, "as JSON the reply is larger than one message"};
    error.needed = text.size();
    return error_answer(to, error);
  }
  Message out(to, {}, {reinterpret_cast<const std::byte*>(text.data()), text.size()});
  out.set(header::content, std::string(json_type));
  return out;
}

void Exports::answer(const std::string& to, const std::string& name, Time began,
                     const Result<ReplyView>& reply, const codec::CommandTypes* json) {
  auto& counts = counts_[name];
  counts.time += now() - began;
  if (!reply) {
    ++counts.errors;
    counts.last_error = std::string(reply.error().message.view());
    (void)engine_.publish(error_answer(to, reply.error()));
    return;
  }
  const auto bytes = reply->bytes();
  if (json != nullptr) {
    (void)engine_.publish(in_json(to, *json, bytes));
    return;
  }
  const auto part_max = engine_.part_max();
  if (bytes.size() <= part_max) {
    (void)engine_.publish(Message(to, {}, bytes));
    return;
  }
  (void)each_part(bytes, 0, part_max, [&](std::size_t at, std::span<const std::byte> part) {
    Message out(to, {}, part);
    out.set(header::size, bytes.size()).set(header::at, at);
    return engine_.publish(out);
  });
}

/// Keeps a call until the clock of its caller's machine is known.
void Exports::park(Arrived call) {
  const auto held = [](const Arrived& one) { return one.message.body().size() + one.whole.size(); };
  std::size_t bytes = held(call);
  for (const auto& one : parked_) bytes += held(one);
  if (parked_.size() >= parked_max || bytes > config_.limits.in_parts) {
    return refused(call.message, call.name, unrun(ErrorKind::overloaded, "too many calls wait"));
  }
  parked_.push_back(std::move(call));
}

void Exports::clock_known(const std::string& id) {
  std::deque<Arrived> waiting;
  waiting.swap(parked_);
  for (auto& call : waiting) {
    if (call.message.get(header::from) == id) {
      run(std::move(call));
    } else {
      parked_.push_back(std::move(call));
    }
  }
}

void Exports::tick(Time at) {
  callers_.tick();
  while (!parked_.empty() && at - parked_.front().at > parked_for) {
    const auto call = std::move(parked_.front());
    parked_.pop_front();
    refused(call.message, call.name,
            unrun(ErrorKind::overloaded, "the clock of the caller's machine is not known"));
  }
  for (auto one = assemblies_.begin(); one != assemblies_.end();) {
    if (at < one->second.until) {
      ++one;
    } else {
      in_parts_ -= one->second.assembly.size();
      one = assemblies_.erase(one);
    }
  }
}

}  // namespace shmbus::bridge
