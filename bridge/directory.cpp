#include "bridge/directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "codec/json_reader.hpp"
#include "shmbus/command.hpp"
#include "shmbus/name.hpp"

namespace shmbus::bridge {
namespace {

using Json = nlohmann::json;

constexpr Time say_pause = 5 * second;
constexpr Time quiet_after = 12 * second;  ///< then one is asked whether it is there
constexpr Time ask_again = 2 * second;
constexpr Time clock_fresh = 20 * second;  ///< a clock of a caller is asked for anew
constexpr Time clock_stale = 120 * second;
constexpr std::size_t peers_max = 4096;
constexpr std::size_t names_max = 4096;  // of one peer
constexpr std::size_t names_in_all_max = 65'536;
constexpr std::size_t id_max = 40;
constexpr std::size_t schema_max = 1984;

std::string new_id() {
  natsInbox* inbox = nullptr;
  if (natsInbox_Create(&inbox) != NATS_OK) return {};
  std::string id(inbox);
  natsInbox_Destroy(inbox);
  return id.substr(id.rfind('.') + 1);
}

/// A document of others, no deeper than codec/ reads; null when it is none.
Json parse(std::string_view text) {
  codec::JsonReader reader(text);
  if (!reader.skip() || !reader.ended()) return {};
  return Json::parse(text, nullptr, false);  // patterns: its depth is bounded
}

std::string text_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool flag_at(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}

std::uint64_t number_at(const Json& json, const char* key, std::uint64_t most) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_unsigned()) return 0;
  return std::min(found->get<std::uint64_t>(), most);
}

/// Of the names in a peer's hello those that are well-formed.
void add_names(Offer& offer, const Json& names) {
  if (!names.is_array()) return;
  for (const auto& one : names) {
    if (!one.is_object() || offer.size() >= names_max) continue;
    const auto name = text_at(one, "name");
    if (!is_valid_name(name)) continue;
    OfferedName out;
    out.request_bytes = static_cast<std::uint32_t>(number_at(one, "request_bytes", ~0U));
    out.reply_bytes = static_cast<std::uint32_t>(number_at(one, "reply_bytes", ~0U));
    out.schema = text_at(one, "schema");
    if (out.schema.size() > schema_max) continue;
    if (!out.schema.empty()) out.hash = detail::hash_name(out.schema);
    offer[name] = std::move(out);
  }
}

std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// It is no single word of a subject.
bool subject_unsafe(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return !((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
             c == '-' || c == '_');
  });
}

}  // namespace

Directory::Directory(Engine& engine, std::string prefix, std::string machine)
    : engine_(engine),
      prefix_(std::move(prefix)),
      machine_(std::move(machine)),
      id_(new_id()),
      inbox_(prefix_ + ".pong." + id_) {}

Result<void> Directory::open() {
  const auto add = [this](const std::string& subject, Engine::OnMessage on) -> Result<void> {
    auto made = engine_.subscribe(subject, {}, std::move(on));
    if (!made) return tl::unexpected<Error>(made.error());
    subscriptions_.push_back(std::move(*made));
    return {};
  };
  if (auto done = add(prefix_ + ".hello", [this](const Message& m) { heard_hello(m); }); !done) {
    return done;
  }
  if (auto done = add(
          prefix_ + ".bye",
          [this](const Message& m) { remove(std::string(m.text().substr(0, id_max)), "ended"); });
      !done) {
    return done;
  }
  auto pongs = engine_.subscribe_answers(inbox_ + ".*", [this](Message message) {
    const std::scoped_lock lock(mutex_);
    if (pongs_.size() < peers_max) pongs_.push_back(std::move(message));
  });
  if (!pongs) return tl::unexpected<Error>(pongs.error());
  subscriptions_.push_back(std::move(*pongs));
  return add(prefix_ + ".bridge." + id_, [this](const Message& m) {
    if (m.text() == "tell") return say_names(false);
    if (m.reply().empty()) return;
    Message pong(std::string(m.reply()), {}, {});
    pong.set(header::sent, now());
    (void)engine_.publish(pong);
  });
}

void Directory::offer(Offer names) {
  if (names == mine_) return;
  mine_ = std::move(names);
  ++version_;
  say_names(false);
}

void Directory::introduce(bool ask) { say_names(ask); }

void Directory::leave() { (void)engine_.publish(Message(prefix_ + ".bye", {}, bytes_of(id_))); }

Json Directory::hello(bool ask) const {
  Json json{{"v", 1}, {"id", id_}, {"machine", machine_}, {"epoch", std::to_string(version_)}};
  if (ask) json["ask"] = true;
  return json;
}

void Directory::publish_hello(const Json& hello) {
  // patterns: for other bridges, not for a terminal
  const auto text = hello.dump(-1, ' ', false, Json::error_handler_t::replace);
  (void)engine_.publish(Message(prefix_ + ".hello", {}, bytes_of(text)));
  said_at_ = now();
}

/// A bridge that has the names of another version asks for them.
void Directory::say_version() { publish_hello(hello(false)); }

/// Names that do not fit into one message go in several, in order: each says at which name it
/// begins, and all but the last that there is more.
void Directory::say_names(bool ask) {
  const auto part_max = engine_.part_max();
  Json json = hello(ask);
  Json names = Json::array();
  std::size_t at = 0;
  std::size_t bytes = 0;
  const auto publish = [&](bool more) {
    const auto count = names.size();
    json["at"] = at;
    json["more"] = more;
    json["names"] = std::exchange(names, Json::array());
    publish_hello(json);
    json.erase("ask");
    at += count;
    bytes = 0;
  };
  for (const auto& [name, one] : mine_) {
    Json entry{{"name", name},
               {"request_bytes", one.request_bytes},
               {"reply_bytes", one.reply_bytes},
               {"schema", one.schema}};
    // patterns: only its size is used
    const auto size = entry.dump(-1, ' ', false, Json::error_handler_t::replace).size() + 1;
    if (!names.empty() && bytes + size > part_max) publish(true);
    bytes += size;
    names.push_back(std::move(entry));
  }
  publish(false);
}

/// Adds the names of a hello to those of the same version that came before. True: they are all.
bool Directory::gather(Peer& peer, const Json& hello, const std::string& epoch) {
  auto& coming = peer.coming;
  const auto at = number_at(hello, "at", ~0U);
  if (at == 0) coming = {epoch, 0, {}};
  // One was lost: the next short hello has a version that is not known here, and asks anew.
  if (at != coming.count || epoch != coming.epoch) return false;
  const auto& names = hello["names"];
  std::size_t others = 0;
  for (const auto& [id, one] : peers_) {
    others += one.coming.names.size() + (id == peer.id ? 0 : one.offer.size());
  }
  coming.count += names.size();
  if (others + names.size() <= names_in_all_max) add_names(coming.names, names);
  return !flag_at(hello, "more");
}

void Directory::heard_hello(const Message& message) {
  const auto json = parse(message.text());
  if (!json.is_object()) return;
  const auto id = text_at(json, "id");
  const auto machine = text_at(json, "machine");
  if (id.empty() || id.size() > id_max || id == id_ || machine.empty() || machine.size() > id_max ||
      subject_unsafe(id) || subject_unsafe(machine)) {
    return;
  }
  if (peers_.count(id) == 0 && peers_.size() >= peers_max) return;
  const bool is_new = peers_.count(id) == 0;
  Peer& peer = peers_[id];
  peer.id = id;
  peer.machine = machine;
  peer.heard_at = now();
  peer.asked_at = 0;
  if (is_new && on_peer) on_peer("found", peer);
  if (flag_at(json, "ask")) say_names(false);
  const auto epoch = text_at(json, "epoch").substr(0, id_max);
  if (json.contains("names")) {
    if (!gather(peer, json, epoch)) return;
    auto offer = std::exchange(peer.coming, {}).names;
    const bool changed = !peer.known || offer != peer.offer;
    peer.known = true;
    peer.epoch = epoch;
    peer.offer = std::move(offer);
    if (changed && on_change) on_change();
  } else if (!peer.known || peer.epoch != epoch) {
    (void)engine_.publish(Message(prefix_ + ".bridge." + id, {}, bytes_of("tell")));
  }
}

void Directory::ask(Peer& peer) {
  peer.asked_at = now();
  // The time travels in the subject of the answer: the answer needs no table.
  (void)engine_.publish(Message(prefix_ + ".bridge." + peer.id,
                                fmt::format("{}.{}_{}", inbox_, peer.id, peer.asked_at), {}));
}

void Directory::look() {
  std::vector<Message> came;
  {
    const std::scoped_lock lock(mutex_);
    came.swap(pongs_);
  }
  for (const auto& message : came) heard_pong(message);
}

void Directory::heard_pong(const Message& message) {
  const auto token = message.subject().substr(inbox_.size() + 1);
  const auto cut = token.rfind('_');
  if (cut == std::string_view::npos) return;
  const auto found = peers_.find(std::string(token.substr(0, cut)));
  if (found == peers_.end()) return;
  if (message.no_responders()) return remove(found->first, "cannot be reached");
  Peer& peer = found->second;
  Time asked_at = 0;
  const auto digits = token.substr(cut + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), asked_at);
  const auto theirs = message.number(header::sent);
  const Time at = now();
  if (!theirs || asked_at == 0 || asked_at > at || at - asked_at > clock_fresh) return;
  peer.heard_at = at;
  peer.asked_at = 0;
  const Time round_trip = at - asked_at;
  const bool old = peer.clock.asked_at == 0 || at - peer.clock.asked_at > clock_fresh;
  if (old || round_trip <= peer.clock.round_trip) peer.clock = {asked_at, *theirs, round_trip};
  if (on_clock) on_clock(peer.id);
}

void Directory::remove(const std::string& id, std::string_view why) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  if (on_peer) on_peer(why, found->second);
  peers_.erase(found);
  if (on_change) on_change();
}

const PeerClock* Directory::clock_of(const std::string& id) {
  if (id.empty() || id.size() > id_max || subject_unsafe(id)) return nullptr;
  if (peers_.count(id) == 0 && peers_.size() >= peers_max) return nullptr;
  Peer& peer = peers_[id];
  const Time at = now();
  if (peer.id.empty()) {
    peer.id = id;  // it will be known by its hello
    peer.heard_at = at;
  }
  peer.called_at = at;
  const bool usable = peer.clock.asked_at != 0 && at - peer.clock.asked_at < clock_stale;
  if (!usable && (peer.asked_at == 0 || at - peer.asked_at > ask_again)) ask(peer);
  return usable ? &peer.clock : nullptr;
}

void Directory::doubt() {
  for (auto& [id, peer] : peers_) {
    if (peer.asked_at == 0) ask(peer);
  }
}

void Directory::tick(Time at) {
  if (!engine_.connected()) return;
  if (at - said_at_ >= say_pause) say_version();
  for (auto& [id, peer] : peers_) {
    const bool quiet = at - peer.heard_at > quiet_after;
    const bool calls = at - peer.called_at < clock_fresh && peer.clock.asked_at != 0 &&
                       at - peer.clock.asked_at > clock_fresh;
    if ((quiet || calls) && (peer.asked_at == 0 || at - peer.asked_at > ask_again)) ask(peer);
  }
}

}  // namespace shmbus::bridge
