// What tests of events share: a type, openers, a publisher process.
#pragma once

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <string>

#include "base/testpoint.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/die_at.hpp"
#include "support/handler_process.hpp"
#include "support/temp_bus.hpp"

namespace shmbus::test {

using namespace std::chrono_literals;

struct Tick {
  std::uint64_t number = 0;
  std::uint64_t check = 0;
  std::uint64_t filler[4] = {};
};
using Price = Event<"price.changed", Tick>;

constexpr std::uint64_t check_of(std::uint64_t number) noexcept {
  return number * 0x9E3779B97F4A7C15ULL ^ 0xABCDEF;
}
inline Tick tick(std::uint64_t number) noexcept {
  return {number, check_of(number), {number, number, number, number}};
}
inline bool whole(const Tick& value) noexcept {
  for (const auto word : value.filler) {
    if (word != value.number) return false;
  }
  return value.check == check_of(value.number);
}

inline Bus open_bus(const std::string& path, const OpenOptions& options = {}) {
  auto bus = Bus::open(path, options);
  REQUIRE_OK(bus);
  return std::move(*bus);
}

template <class E = Price>
Publisher<E> publisher_of(Bus& bus, const PublisherOptions& options = {}) {
  auto made = bus.publisher<E>(options);
  REQUIRE_OK(made);
  return std::move(*made);
}
template <class E = Price>
Subscriber<E> subscriber_of(Bus& bus, const SubscriberOptions& options = {}) {
  auto made = bus.subscribe<E>(options);
  REQUIRE_OK(made);
  return std::move(*made);
}

/// The numbers of the events that are there now.
inline std::vector<std::uint64_t> numbers(Subscriber<Price>& from, std::size_t most = 10'000) {
  std::vector<std::uint64_t> all;
  while (all.size() < most) {
    const auto event = from.next(0ns);
    if (!event) {
      CHECK(kind(event) == ErrorKind::timed_out);
      break;
    }
    CHECK(whole(**event));
    all.push_back((*event)->number);
  }
  return all;
}

inline std::vector<std::uint64_t> from_to(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> all;
  for (auto i = first; i <= last; ++i) all.push_back(i);
  return all;
}

}  // namespace shmbus::test
