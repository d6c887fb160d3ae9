// Players beside a scribbler that publish and subscribe.
#pragma once

#include <string>

#include "torture/faults/scribble_role.hpp"

namespace shmbus::torture {

/// Publishes by value and in place, in lanes that it takes over or makes.
inline void publish_all(const std::string& path, Role& role, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  again_and_again(path, role, [&](Bus& bus) {
    auto out = role.timed([&] {
      return bus.publisher(
          "tick", {.keep = 1 + static_cast<std::uint32_t>(random() % 8), .event_bytes = 100});
    });
    if (!out) return;
    std::vector<std::byte> event(random() % 100, std::byte{5});
    for (int i = 0; i < 200 && role.on(); ++i) {
      (void)role.timed([&] { return out->publish(event, call_timeout); });
      auto loan = role.timed([&] { return out->loan(60, call_timeout); });
      if (!loan) continue;
      std::fill(loan->bytes().begin(), loan->bytes().end(), std::byte{6});
      (void)role.timed([&] { return loan->publish(); });
    }
    if (random() % 4 == 0) ::_exit(0);  // as if killed, but for the books; started again
  });
}

/// Reads each byte of what it is given.
inline void subscribe_all(const std::string& path, Role& role, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  again_and_again(path, role, [&](Bus& bus) {
    constexpr From places[] = {From::now, From::latest, From::oldest};
    auto in = role.timed([&] {
      return bus.subscribe("tick",
                           {.from = places[random() % 3],
                            .when_slow = random() % 2 == 0 ? WhenSlow::skip : WhenSlow::hold});
    });
    if (!in) return;
    unsigned sum = 0;
    for (int i = 0; i < 400 && role.on(); ++i) {
      const auto event = role.timed([&] { return in->next(call_timeout); });
      if (!event) continue;
      for (const std::byte byte : event->bytes()) sum += std::to_integer<unsigned>(byte);
    }
    volatile const unsigned all = sum;
    (void)all;
    (void)in->missed();
    if (random() % 4 == 0) ::_exit(0);
  });
}

}  // namespace shmbus::torture
