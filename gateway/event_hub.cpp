#include "gateway/event_hub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "codec/hex.hpp"
#include "codec/message.hpp"
#include "codec/values.hpp"
#include "common/escape.hpp"
#include "inspect/described.hpp"

namespace shmbus::gateway {
namespace {

constexpr std::size_t kept_events = 1024;
constexpr std::size_t kept_bytes = std::size_t{1} << 20U;
constexpr int events_in_a_round = 256;  // others have their turn in between
constexpr std::size_t id_bytes_max = 2048;

template <class T>
bool take_number(std::string_view& text, char end, int base, T& out) noexcept {
  const auto stop = std::min(text.find(end), text.size());
  const auto read = std::from_chars(text.data(), text.data() + stop, out, base);
  if (stop == 0 || read.ec != std::errc{} || read.ptr != text.data() + stop) return false;
  text.remove_prefix(std::min(stop + 1, text.size()));
  return true;
}

}  // namespace

std::optional<Positions> Positions::parse(std::string_view id) {
  if (id.empty() || id.size() > id_bytes_max) return std::nullopt;
  Positions out;
  if (id == "-") return out;
  while (!id.empty()) {
    std::uint32_t publisher = 0;
    std::uint64_t sequence = 0;
    if (!take_number(id, ':', 16, publisher) || !take_number(id, ',', 10, sequence)) {
      return std::nullopt;
    }
    out.last_[publisher] = sequence;
    if (out.last_.size() > publishers_max) return std::nullopt;
  }
  return out;
}

std::string Positions::id() const {
  std::string out;
  for (const auto& [publisher, sequence] : last_) {
    out += fmt::format("{}{:x}:{}", out.empty() ? "" : ",", publisher, sequence);
  }
  return out.empty() ? "-" : out;
}

void Positions::advance(std::uint32_t publisher, std::uint64_t sequence) {
  last_[publisher] = sequence;
  // Publishers that came and went: one that is forgotten may be read twice, none is lost.
  if (last_.size() > publishers_max) {
    const auto other = last_.begin()->first == publisher ? std::next(last_.begin()) : last_.begin();
    last_.erase(other);
  }
}

std::uint64_t Positions::of(std::uint32_t publisher) const noexcept {
  const auto found = last_.find(publisher);
  return found == last_.end() ? 0 : found->second;
}

/// One subscription, what it has kept, and who reads it.
class Topic final : public Watcher {
 public:
  Topic(EventLoop& loop, std::string bus, std::string name, RawSubscriber in)
      : loop_(loop), bus_(std::move(bus)), name_(std::move(name)), in_(std::move(in)) {}
  ~Topic() override {
    if (fd_ >= 0) loop_.forget(fd_, *this);
  }
  Topic(const Topic&) = delete;
  Topic& operator=(const Topic&) = delete;

  Result<void> begin() {
    const auto fd = in_.fd();
    if (!fd) return tl::unexpected<Error>(fd.error());
    if (!loop_.watch(*fd, EPOLLIN, *this)) {
      return fail(ErrorKind::limit_reached, "cannot watch the events of a name");
    }
    fd_ = *fd;
    ready(0);  // what was published before
    return {};
  }
  void ready(std::uint32_t events) override;

  void join(EventReader& reader) { readers_.push_back({&reader, 0, false}); }
  void leave(EventReader& reader) {
    std::erase_if(readers_, [&](const One& one) { return one.reader == &reader; });
  }
  void begin_at(EventReader& reader, const std::optional<Positions>& last);
  void go_on(EventReader& reader);
  [[nodiscard]] bool broken() const noexcept { return broken_; }

 private:
  struct Kept {
    std::uint32_t publisher = 0;
    std::uint64_t sequence = 0;
    std::string id;
    std::string data;
  };
  struct One {
    EventReader* reader = nullptr;
    std::uint64_t missed = 0;  ///< and not reported yet
    bool begun = false;
  };

  void keep(const EventView& event);
  void tell(One& one, const Kept& event) const;
  void tell_missed(std::uint64_t count);
  void fail_all(const Error& error);
  void learn_type();
  std::string text_of(std::span<const std::byte> bytes);
  One* find(const EventReader& reader) noexcept {
    const auto found = std::find_if(readers_.begin(), readers_.end(),
                                    [&](const One& one) { return one.reader == &reader; });
    return found == readers_.end() ? nullptr : &*found;
  }

  EventLoop& loop_;
  std::string bus_;
  std::string name_;
  std::optional<codec::Type> learned_;
  Time looked_at_ = 0;  ///< for its type
  RawSubscriber in_;
  int fd_ = -1;
  bool broken_ = false;
  std::uint64_t missed_ = 0;
  Positions at_;
  std::deque<Kept> kept_;
  std::size_t bytes_ = 0;
  std::vector<One> readers_;
};

void Topic::ready(std::uint32_t /*events*/) {
  (void)in_.poll();
  for (int i = 0; i < events_in_a_round; ++i) {
    const auto event = in_.next(Duration::zero());
    if (in_.missed() != missed_) tell_missed(in_.missed() - std::exchange(missed_, in_.missed()));
    if (!event && event.error().kind == ErrorKind::timed_out) return;
    if (!event && event.error().kind == ErrorKind::corrupted) continue;  // one publisher is out
    if (!event) return fail_all(event.error());
    keep(*event);
    for (std::size_t n = 0; n < readers_.size(); ++n) {
      if (readers_[n].begun) tell(readers_[n], kept_.back());
    }
  }
}

void Topic::keep(const EventView& event) {
  at_.advance(event.publisher(), event.sequence());
  kept_.push_back({event.publisher(), event.sequence(), at_.id(), text_of(event.bytes())});
  bytes_ += kept_.back().id.size() + kept_.back().data.size();
  while (kept_.size() > kept_events || (bytes_ > kept_bytes && kept_.size() > 1)) {
    bytes_ -= kept_.front().id.size() + kept_.front().data.size();
    kept_.pop_front();
  }
}

/// A topic has its type for ever, once a publisher or a subscriber has brought one.
void Topic::learn_type() {
  const Time at = now();
  if (looked_at_ != 0 && at - looked_at_ < second) return;
  looked_at_ = at;
  const auto reader = inspect::Reader::open(bus_);
  if (!reader) return;
  for (const auto& one : inspect::described_names(*reader)) {
    if (one.name != name_ || one.schema.empty()) continue;
    if (auto sides = codec::CommandTypes::parse(one.schema)) learned_ = std::move(sides->request);
  }
}

/// JSON by the type, else {"text": ...} or {"hex": ...}: always on one line.
std::string Topic::text_of(std::span<const std::byte> bytes) {
  std::string out;
  if (!learned_) learn_type();
  if (learned_ && codec::decode(*learned_, bytes, out, {}, "event")) {
    return escape::json_document(out);
  }
  const std::string_view chars(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (codec::is_utf8(chars)) return fmt::format("{{\"text\":{}}}", escape::json(chars));
  return fmt::format("{{\"hex\":{}}}", escape::json(codec::to_hex(bytes)));
}

void Topic::tell(One& one, const Kept& event) const {
  if (one.missed != 0) {
    if (!one.reader->missed(one.missed)) {
      ++one.missed;
      return;
    }
    one.missed = 0;
  }
  if (!one.reader->event(event.id, event.data)) ++one.missed;
}

void Topic::tell_missed(std::uint64_t count) {
  for (auto& one : readers_) {
    if (one.begun) one.missed += count;
  }
}

void Topic::fail_all(const Error& error) {
  broken_ = true;
  if (fd_ >= 0) loop_.forget(fd_, *this);
  fd_ = -1;
  const auto readers = readers_;
  for (const auto& one : readers) one.reader->ended(error);
}

void Topic::begin_at(EventReader& reader, const std::optional<Positions>& last) {
  One* one = find(reader);
  if (one == nullptr) return;
  one->begun = true;
  if (!last) {
    (void)reader.event(at_.id(), {});
    return;
  }
  // Of each publisher, what lies between the last that was seen and the first that is kept.
  std::map<std::uint32_t, std::uint64_t> first;
  for (const auto& kept : kept_) first.emplace(kept.publisher, kept.sequence);
  for (const auto& [publisher, seen] : last->all()) {
    const auto found = first.find(publisher);
    const auto next = found != first.end() ? found->second : at_.of(publisher) + 1;
    if (next > seen + 1) one->missed += next - seen - 1;
  }
  for (const auto& kept : kept_) {
    if (kept.sequence > last->of(kept.publisher)) tell(*one, kept);
  }
}

void Topic::go_on(EventReader& reader) {
  One* one = find(reader);
  if (one != nullptr && one->missed != 0 && reader.missed(one->missed)) one->missed = 0;
}

Reading::Reading(std::shared_ptr<Topic> topic, EventReader& reader) noexcept
    : topic_(std::move(topic)), reader_(reader) {}
Reading::~Reading() { topic_->leave(reader_); }
void Reading::go_on() { topic_->go_on(reader_); }
void Reading::begin(const std::optional<Positions>& last) { topic_->begin_at(reader_, last); }

EventHub::EventHub(EventLoop& loop, BusLink::Where where)
    : loop_(loop), link_(loop, std::move(where)) {}

Result<std::unique_ptr<Reading>> EventHub::join(std::string_view name, EventReader& reader) {
  const auto opened = link_.bus();
  if (!opened) return tl::unexpected<Error>(opened.error());
  // A subscription would make the name known for ever: others than clients decide on names.
  if (const auto known = link_.look_up(name); !known) return tl::unexpected<Error>(known.error());
  auto topic = topics_[std::string(name)].lock();
  if (topic == nullptr || topic->broken()) {
    auto in =
        (*opened)->subscribe(CommandName(name), {.from = From::oldest, .wait = WaitMode::blocking});
    if (!in) return tl::unexpected<Error>(in.error());
    topic = std::make_shared<Topic>(loop_, std::string((*opened)->path()), std::string(name),
                                    std::move(*in));
    if (const auto begun = topic->begin(); !begun) return tl::unexpected<Error>(begun.error());
    topics_[std::string(name)] = topic;
  }
  topic->join(reader);
  return std::make_unique<Reading>(std::move(topic), reader);
}

void EventHub::check() {
  std::erase_if(topics_, [](const auto& one) { return one.second.expired(); });
  if (topics_.empty()) link_.check_bus();
}

}  // namespace shmbus::gateway
