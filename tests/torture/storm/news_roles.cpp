#include "torture/storm/news_roles.hpp"

#include <unistd.h>

#include <cstring>
#include <map>
#include <random>

#include "inspect/reader.hpp"
#include "layout/event_words.hpp"

namespace shmbus::torture {
namespace {

using namespace std::chrono_literals;

constexpr const char* news_name = "news";
constexpr auto patience = 10s;  // longer than anybody is stopped: nobody is refused

struct Item {
  std::uint32_t life = 0;
  std::uint32_t number = 0;  ///< of the events of this life
  std::uint32_t lane = 0;
  std::uint32_t check = 0;

  [[nodiscard]] std::uint32_t sum() const noexcept {
    return (life * 0x9E3779B9U) ^ (number * 0x85EBCA6BU) ^ (lane + 1);
  }
};
constexpr PublisherOptions news_options{.keep = 8, .event_bytes = sizeof(Item)};

/// The lane of the publisher of this process.
std::uint32_t own_lane(const std::string& path) {
  const auto reader = inspect::Reader::open(path);
  if (!reader) return ~0U;
  const auto& view = reader->view();
  for (std::uint32_t lane = 0; lane < view.capacities().broadcasts; ++lane) {
    const layout::BroadcastWord word{view.broadcast_word(lane).load()};
    if (word.state() != layout::BroadcastState::attached) continue;
    const auto index = word.party().index();
    if (index >= view.capacities().participants) continue;
    if (view.participant(index).pid == static_cast<std::uint32_t>(::getpid())) return lane;
  }
  return ~0U;
}

Item item_of(const EventView& event) {
  Item item;
  if (event.bytes().size() == sizeof item) std::memcpy(&item, event.bytes().data(), sizeof item);
  return item;
}

/// What one subscriber knows of what it was given.
class Record {
 public:
  explicit Record(bool holds) : holds_(holds) {}

  /// Whether the event may come next. `missed`: as the subscriber counts it by now.
  bool add(const Item& item, std::uint64_t sequence, std::uint64_t missed) {
    const std::uint64_t gap = missed - missed_;
    missed_ = missed;
    if (item.life == 0 || item.check != item.sum()) return false;
    if (holds_ && gap != 0) return false;
    const bool right = follows(item, sequence, gap);
    lanes_[item.lane] = {item.life, item.number, sequence};
    return right;
  }

 private:
  struct Last {
    std::uint32_t life = 0;
    std::uint32_t number = 0;
    std::uint64_t sequence = 0;
  };
  /// In each lane sequence numbers count all lives of its publishers.
  bool follows(const Item& item, std::uint64_t sequence, std::uint64_t gap) const {
    const auto found = lanes_.find(item.lane);
    if (found == lanes_.end()) return true;  // it began somewhere
    const Last& last = found->second;
    if (sequence != last.sequence + 1 + gap) return false;
    if (item.life == last.life) return item.number == last.number + 1 + gap;
    return gap != 0 || item.number == 1;
  }

  bool holds_;
  std::uint64_t missed_ = 0;
  std::map<std::uint32_t, Last> lanes_;
};

}  // namespace

int publish_for_ever(const std::string& path, News& news, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  auto bus = open_patiently(path, "storm publisher");
  if (!bus) return 10;
  auto out = bus->publisher(news_name, news_options);
  if (!out) return 11;
  Item item;
  item.lane = own_lane(path);
  item.life = ++news.lives;
  if (item.lane == ~0U || item.life >= publisher_lives_max) return 12;
  while (!news.over) {
    ++item.number;
    item.check = item.sum();
    if (!out->publish(std::as_bytes(std::span(&item, 1)), patience)) return 13;
    news.published[item.life] = item.number;
    if (random() % 32 == 0) test::nap(std::chrono::microseconds(random() % 400));
  }
  return 0;
}

int read_for_ever(const std::string& path, News& news, WhenSlow slow, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  auto bus = open_patiently(path, "storm subscriber");
  if (!bus) return 20;
  constexpr From places[] = {From::now, From::latest, From::oldest};
  constexpr WaitMode waits[] = {WaitMode::adaptive, WaitMode::blocking};
  auto in = bus->subscribe(
      news_name, {.from = places[random() % 3], .when_slow = slow, .wait = waits[random() % 2]});
  if (!in) return 21;
  Record record(slow == WhenSlow::hold);
  std::uint64_t missed = 0;
  while (!news.over) {
    const auto event = in->next(20ms);
    if (!event && event.error().kind == ErrorKind::timed_out) continue;
    if (!event) return 22;
    const Item item = item_of(*event);
    if (!record.add(item, event->sequence(), in->missed())) ++news.wrong;
    ++news.delivered;
    news.missed += in->missed() - missed;
    missed = in->missed();
    // A slow one: it looks at the event all the while.
    if (random() % 256 == 0) test::nap(std::chrono::microseconds(random() % 2'000));
    if (const Item again = item_of(*event); std::memcmp(&again, &item, sizeof item) != 0) {
      ++news.wrong;
    }
  }
  return 0;
}

int audit(const std::string& path, News& news) {
  auto bus = open_patiently(path, "storm auditor");
  if (!bus) return 30;
  auto in = bus->subscribe(news_name, {.from = From::oldest, .when_slow = WhenSlow::hold});
  if (!in) return 31;
  Record record(true);
  news.reading = 1;
  for (;;) {
    const bool last = news.over;
    const auto event = in->next(last ? 200ms : 20ms);
    if (!event && event.error().kind != ErrorKind::timed_out) return 32;
    if (!event && last) return 0;
    if (!event) continue;
    const Item item = item_of(*event);
    const bool good = record.add(item, event->sequence(), in->missed()) &&
                      item.life < publisher_lives_max && item.number == news.heard[item.life] + 1;
    if (!good) ++news.wrong;
    if (item.life < publisher_lives_max) news.heard[item.life] = item.number;
  }
}

int take_all_lanes(const std::string& path) {
  auto bus = open_patiently(path, "storm reclaimer");
  if (!bus || !bus->reclaim()) return 40;
  const auto reader = inspect::Reader::open(path);
  if (!reader) return 41;
  std::vector<RawPublisher> all;
  for (std::uint32_t i = 0; i < reader->view().capacities().broadcasts; ++i) {
    auto out = bus->publisher("last news", news_options);
    if (!out) return 42;
    all.push_back(std::move(*out));
  }
  return 0;
}

}  // namespace shmbus::torture
