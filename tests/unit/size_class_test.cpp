// Size classes: each request gets the smallest class that holds it, and no class wastes more than
// it promises.
#include "lane/size_class.hpp"

#include "support/catch.hpp"
#include "support/seed.hpp"

using shmbus::payload::class_bytes;
using shmbus::payload::class_count;
using shmbus::payload::class_for;

TEST_CASE("classes grow strictly, in multiples of a line", "[size_class]") {
  for (std::uint32_t i = 1; i < class_count; ++i) {
    REQUIRE(class_bytes(i) > class_bytes(i - 1));
    REQUIRE(class_bytes(i) % 64 == 0);
  }
  CHECK(class_bytes(class_count - 1) >= (1ULL << 32U));
}

TEST_CASE("a size gets the smallest class that holds it", "[size_class]") {
  // All sizes up to 64 KiB, the neighbourhood of each class, and random ones beyond.
  const auto check = [](std::uint64_t bytes) {
    const std::uint32_t index = class_for(bytes);
    REQUIRE(index < class_count);
    REQUIRE(class_bytes(index) >= bytes);
    if (index > 0) REQUIRE(class_bytes(index - 1) < bytes);
  };
  for (std::uint64_t bytes = 1; bytes <= 65'536; ++bytes) check(bytes);
  for (std::uint32_t i = 0; i + 1 < class_count; ++i) {
    check(class_bytes(i));
    check(class_bytes(i) + 1);
    if (i > 0) check(class_bytes(i) - 1);
  }
  SHMBUS_RANDOM(random);
  for (int i = 0; i < 100'000; ++i) check(1 + random() % (1ULL << 32U));
  CHECK(class_for(0) == 0);
}

TEST_CASE("at most a fifth of a block is wasted from 257 bytes on", "[size_class]") {
  for (std::uint64_t bytes = 257; bytes <= 1'000'000; bytes += 13) {
    const std::uint64_t got = class_bytes(class_for(bytes));
    REQUIRE(static_cast<double>(got - bytes) < 0.2 * static_cast<double>(got) + 64);
  }
}

TEST_CASE("a size beyond the last class has none", "[size_class]") {
  CHECK(class_for(class_bytes(class_count - 1) + 1) >= class_count);
  CHECK(class_for(~0ULL - 63) >= class_count);
}
