// The commands of plugins/shapes.cpp, for both sides.
#pragma once

#include "shmbus/command.hpp"
#include "shmbus/types.hpp"

namespace shapes {

struct Number {
  std::uint32_t value = 0;
};
enum class Mood : std::uint8_t { calm, angry };
struct Feeling {
  Mood mood = Mood::calm;
};
struct Person {
  shmbus::String<32> name;
  shmbus::Optional<std::uint32_t> age;  // an older caller does not send it
};
struct OlderPerson {
  shmbus::String<32> name;
};
struct Card {
  shmbus::String<32> name;
  shmbus::Optional<std::uint32_t> age;
};
struct OlderCard {
  shmbus::String<32> name;
};

using InPlace = shmbus::Command<"shapes.in_place", Number, Number>;
using ByValue = shmbus::Command<"shapes.by_value", Number, Number>;
using Throws = shmbus::Command<"shapes.throws", Number, Number>;
using Refuses = shmbus::Command<"shapes.refuses", Number>;
using Slow = shmbus::Command<"shapes.later", Number, Number>;
using Drops = shmbus::Command<"shapes.drops", Number, Number>;
using WhoAmI = shmbus::Command<"shapes.who", shmbus::Nothing, shmbus::String<64>>;
using Feel = shmbus::Command<"shapes.feel", Feeling, Number>;
using Introduce = shmbus::Command<"shapes.introduce", Person, Card>;
using OlderIntroduce = shmbus::Command<"shapes.introduce", OlderPerson, OlderCard>;

}  // namespace shapes
