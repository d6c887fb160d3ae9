// The value types: what they accept, how they print, what they make of nonsense.
#include <chrono>
#include <cstring>

#include "shmbus/types.hpp"
#include "support/catch.hpp"

using namespace shmbus;

TEST_CASE("Optional: a value or none, never garbage", "[typed]") {
  Optional<std::uint32_t> number;
  CHECK_FALSE(number.has_value());
  CHECK(*number == 0);
  CHECK(number.value_or(3) == 3);
  number = 7U;
  CHECK(number);
  CHECK(*number == 7);
  number.reset();
  CHECK_FALSE(number);
  const Optional<String<8>> text = "abc";
  CHECK(text->view() == "abc");
  static_assert(std::is_trivially_copyable_v<Optional<String<8>>>);
  static_assert(sizeof(Optional<std::uint8_t>) == 8 && sizeof(Optional<std::uint64_t>) == 16);
}

TEST_CASE("Uuid: text and back", "[typed]") {
  const std::string_view text = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
  const auto uuid = Uuid::parse(text);
  REQUIRE(uuid);
  CHECK(uuid->bytes[0] == 0xF8);
  CHECK(uuid->bytes[15] == 0xF6);
  CHECK(uuid->text().view() == text);
  CHECK(Uuid::parse("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6") == uuid);
  for (const char* bad :
       {"", "f81d4fae", "f81d4fae-7dec-11d0-a765-00a0c91e6bg6",
        "f81d4fae+7dec-11d0-a765-00a0c91e6bf6", "f81d4fae-7dec-11d0-a765-00a0c91e6bf60"}) {
    INFO(bad);
    CHECK_FALSE(Uuid::parse(bad));
  }
}

TEST_CASE("Timestamp: RFC 3339 and back", "[typed]") {
  const auto same = [](std::string_view text) {
    const auto parsed = Timestamp::parse(text);
    INFO(text);
    REQUIRE(parsed);
    CHECK(parsed->text().view() == text);
  };
  same("1970-01-01T00:00:00Z");
  same("2026-11-22T08:30:00.125Z");
  same("1969-12-31T23:59:59.999999999Z");
  same("2024-02-29T12:00:00.000000001Z");
  same("1700-03-01T00:00:00Z");
  CHECK(Timestamp::parse("1970-01-01T00:00:01Z")->ns == 1'000'000'000);
  CHECK(Timestamp::parse("2026-11-22T09:30:00+01:00") == Timestamp::parse("2026-11-22T08:30:00Z"));
  CHECK(Timestamp::parse("2026-11-22t05:00:00-03:30") == Timestamp::parse("2026-11-22T08:30:00Z"));
  for (const char* bad :
       {"", "2026-11-22", "2026-13-22T08:30:00Z", "2026-02-29T08:30:00Z", "2026-11-22T24:30:00Z",
        "2026-11-22T08:30:00", "2026-11-22T08:30:00.Z", "2026-11-22T08:30:00Zx",
        "0000-01-01T00:00:00Z", "2026-11-22T08:30:00+1:00"}) {
    INFO(bad);
    CHECK_FALSE(Timestamp::parse(bad));
  }
  const auto now = Timestamp::now();
  CHECK(Timestamp::from(now.time_point()) == now);
}

TEST_CASE("Email: the shape of an address", "[typed]") {
  Email mail;
  CHECK_FALSE(mail.valid());
  CHECK(mail.assign("a@b.c"));
  CHECK(mail.valid());
  CHECK(mail == "a@b.c");
  for (const char* bad : {"", "a", "@b", "a@", "a@b@c", "a b@c", "a@.c", "a@c."}) {
    INFO(bad);
    CHECK_FALSE(mail.assign(bad));
  }
  CHECK(mail == "a@b.c");
  CHECK_FALSE(mail.assign(std::string(300, 'x') + "@b.c"));
}

TEST_CASE("lengths that a peer wrote never lead out of a value", "[typed]") {
  String<8> text = "abc";
  Vector<std::uint16_t, 4> numbers;
  CHECK(numbers.push_back(1));
  const std::uint32_t huge = 0xFFFFFFFF;
  std::memcpy(static_cast<void*>(&text), &huge, 4);
  std::memcpy(static_cast<void*>(&numbers), &huge, 4);
  CHECK(text.view().size() == 8);
  CHECK(numbers.view().size() == 4);
  CHECK_FALSE(numbers.push_back(2));
}

TEST_CASE("Text and Array: read only inside their message", "[typed]") {
  struct Note {
    std::uint32_t id = 0;
    Text body;
    Array<std::uint64_t> numbers;
  };
  alignas(8) std::byte memory[64]{};
  auto* note = new (memory) Note;
  Tail tail(memory, sizeof(Note));
  CHECK(tail.put(note->body, "hello"));
  const std::uint64_t numbers[] = {1, 2};
  CHECK(tail.put(note->numbers, std::span<const std::uint64_t>(numbers)));
  CHECK(tail.used() == sizeof(Note) + 5 + (8 - (sizeof(Note) + 5) % 8) + 16);
  const auto message = std::span<const std::byte>(memory, tail.used());
  CHECK(note->body.view(message) == "hello");
  CHECK(note->numbers.view(message).size() == 2);
  CHECK(note->numbers.view(message)[1] == 2);
  const Note copied = *note;  // a member names a place in the message, not beside itself
  CHECK(copied.body.view(message) == "hello");

  CHECK_FALSE(tail.put(note->body, std::string(64, 'x')));
  CHECK(note->body.view(message) == "hello");
  std::span<std::uint64_t> room;
  CHECK(tail.array<std::uint64_t>(~std::size_t{0}, room).size() == 0);
  CHECK(room.empty());

  // Whatever the two numbers of a member are: a view inside the message, or none.
  for (const std::uint32_t offset : {0U, 1U, 8U, 63U, 64U, 65U, 0x80000000U, 0xFFFFFFFFU}) {
    for (const std::uint32_t count : {0U, 1U, 7U, 8U, 65U, 0x20000000U, 0xFFFFFFFFU}) {
      INFO(offset << " " << count);
      const std::uint32_t claim[2] = {offset, count};
      std::memcpy(static_cast<void*>(&note->numbers), claim, sizeof claim);
      const auto view = note->numbers.view(memory);
      CHECK(view.size_bytes() <= sizeof memory);
      if (!view.empty()) {
        CHECK(offset % 8 == 0);
        CHECK(view.data() == reinterpret_cast<const std::uint64_t*>(memory + offset));
        CHECK(offset + view.size_bytes() <= sizeof memory);
      }
    }
  }
}
