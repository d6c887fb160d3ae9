// Values to bytes and back, and what is said of those that do not fit.
#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "codec/values.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"

using namespace shmbus;

namespace {

enum class Plan : std::uint8_t { free, paid };
struct Address {
  String<16> street;
  std::uint16_t number;
};
struct User {
  std::uint64_t id;
  Email email;
  Plan plan;
  bool active;
  char grade;
  float ratio;
  std::array<std::int16_t, 2> pair;
  Vector<Address, 3> addresses;
  Uuid key;
  Timestamp since;
  Text body;
  Array<std::int32_t> numbers;
  Optional<String<8>> nick;
};
using UserSet = Command<"user.set", User, User>;
struct Short {
  std::uint32_t id;
};
struct Grown {
  std::uint32_t id;
  Optional<std::uint32_t> more;
};

const std::string complete =
    R"({"id":7,"email":"a@b.c","plan":"paid","active":true,"grade":"A","ratio":0.1,"pair":[-1,2],)"
    R"("addresses":[{"street":"Elm","number":1}],"key":"f81d4fae-7dec-11d0-a765-00a0c91e6bf6",)"
    R"("since":"2026-11-22T08:30:00Z","body":"Gr\u00fc\u00dfe","numbers":[1,-2],"nick":null})";

template <class C>
codec::CommandTypes types_of() {
  auto types = codec::CommandTypes::parse(schema_of<C>.text);
  REQUIRE(types);
  return *types;
}
codec::Type type_of(std::string_view text) {
  auto type = codec::Type::parse(text);
  INFO(text);
  REQUIRE(type);
  return *type;
}
std::string refusal(const codec::Type& type, std::string_view json,
                    ErrorKind kind = ErrorKind::invalid_argument,
                    const codec::Budget& budget = {}) {
  std::vector<std::byte> out;
  const auto encoded = codec::encode(type, json, out, budget);
  INFO(json.substr(0, 200));
  REQUIRE_FALSE(encoded);
  CHECK(encoded.error().kind == kind);
  return std::string(encoded.error().message.view());
}
std::string refusal(std::string_view type, std::string_view json) {
  return refusal(type_of(type), json);
}
std::string there_and_back(const codec::Type& type, std::string_view json) {
  std::vector<std::byte> bytes;
  const auto encoded = codec::encode(type, json, bytes);
  INFO(json.substr(0, 200));
  if (!encoded) INFO(encoded.error().message.view());
  REQUIRE(encoded);
  std::string out;
  REQUIRE(codec::decode(type, bytes, out));
  return out;
}
std::string there_and_back(std::string_view type, std::string_view json) {
  return there_and_back(type_of(type), json);
}
bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the bytes are those of the struct", "[codec]") {
  const auto types = types_of<UserSet>();
  std::vector<std::byte> bytes;
  REQUIRE(codec::encode(types.request, complete, bytes));
  REQUIRE(bytes.size() > sizeof(User));
  User user{};
  std::memcpy(static_cast<void*>(&user), bytes.data(), sizeof user);
  CHECK(user.id == 7);
  CHECK(user.email.view() == "a@b.c");
  CHECK(user.plan == Plan::paid);
  CHECK(user.active);
  CHECK(user.grade == 'A');
  CHECK(user.ratio == 0.1F);
  CHECK(user.pair == std::array<std::int16_t, 2>{-1, 2});
  REQUIRE(user.addresses.size() == 1);
  CHECK(user.addresses.view()[0].street.view() == "Elm");
  CHECK(user.body.view(bytes) == "Gr\u00fc\u00dfe");
  REQUIRE(user.numbers.view(bytes).size() == 2);
  CHECK(user.numbers.view(bytes)[1] == -2);
  CHECK_FALSE(user.nick.has_value());
}

TEST_CASE("what was written is read back", "[codec]") {
  const auto types = types_of<UserSet>();
  auto expected = complete;
  expected.replace(expected.find("\\u00fc\\u00df"), 12, "\u00fc\u00df");
  CHECK(there_and_back(types.request, complete) == expected);
  CHECK(there_and_back(types.request, " " + complete + "\n") == expected);
  CHECK(there_and_back("u64", "18446744073709551615") == "18446744073709551615");
  CHECK(there_and_back("i64", "-9223372036854775808") == "-9223372036854775808");
  CHECK(there_and_back("i8", "-128") == "-128");
  CHECK(there_and_back("f64", "1e-400") == "0.0");
  CHECK(there_and_back("f64", "-0.0") == "-0.0");
  CHECK(there_and_back("f64", "1.7976931348623157e308") == "1.7976931348623157e+308");
  CHECK(there_and_back("f32", "3") == "3.0");
  CHECK(there_and_back("raw3/1", R"("DE:AD 01")") == R"("dead01")");
  CHECK(there_and_back("enum<u8(a=0,b=7)>", "7") == R"("b")");
  CHECK(there_and_back("enum<u8(a=0,b=200)>", R"("b")") == R"("b")");
  CHECK(there_and_back("none", " { } ") == "null");
  CHECK(there_and_back("none", "null") == "null");
  CHECK(there_and_back("list<list<text>>", R"([["a",""],[],["\ud83d\ude00"]])") ==
        "[[\"a\",\"\"],[],[\"\U0001F600\"]]");
  CHECK(there_and_back("{b:u8@0,a:opt<u8>@8}24/8", R"({"a":1,"b":2})") == R"({"b":2,"a":1})");
}

TEST_CASE("a value that does not fit is named, with what it should be", "[codec]") {
  const auto request = types_of<UserSet>().request;
  CHECK(refusal("u8", "256") == "request: 256 is not a whole number, 0 to 255");
  CHECK(refusal("u64", "18446744073709551616") ==
        "request: 18446744073709551616 is not a whole number, 0 to 18446744073709551615");
  CHECK(refusal("u8", "1.0") == "request: 1.0 is not a whole number, 0 to 255");
  CHECK(refusal("f64", "1e400") == "request: 1e400 is not a number");
  CHECK(refusal("f32", "1e39") == "request: 1e39 is not a number (32 bits)");
  CHECK(refusal("arr2<u8>", "[1]") == "request: 1 elements, it has 2");
  CHECK(refusal("vec2<u8>", "[1,2,3]") == "request: 3 elements, at most 2");
  CHECK(refusal("str3", R"("four")") == "request: 4 bytes, at most 3");
  CHECK(refusal("raw2/1", R"("abc")") == R"(request: "abc" is not 2 bytes, as hexadecimal digits)");
  CHECK(refusal("vec9<{a:u8@0}1/1>", R"([{"a":1},{"a":[]}])") ==
        "request[1].a: [] is not a whole number, 0 to 255");
  CHECK(refusal(request, "{}") ==
        "request.id: is missing: a whole number, 0 to 18446744073709551615");
  CHECK(refusal("{a:u8@0}1/1", R"({"a":1,"a":2})") == "request.a: is given twice");
  CHECK(refusal("{a:u8@0,b:u8@1}2/1", R"({"c":1})") == "request.c: no such member; it has a, b");
}

TEST_CASE("what is not JSON is refused with the byte where it stops being JSON", "[codec]") {
  const auto says = [](std::string_view type, std::string_view json, std::string_view what) {
    const auto text = refusal(type, json);
    INFO(text);
    CHECK(contains(text, std::string("the request is no JSON: at byte ") + std::string(what)));
  };
  says("u8", "", "0: a value is expected");
  says("u8", "01", "2: a number begins with 0");
  says("u8", "1 2", "2: more follows");
  says("u8", "1}", "1: more follows");
  says("f64", "1.", "2: a digit is expected");
  says("f64", "1e+", "3: a digit is expected");
  says("str9", R"("abc)", "4: a string has no end");
  says("str9", "\"a\nb\"", "2: a control character");
  says("str9", R"("\x")", "2: there is no such escape");
  says("str9", R"("\u12g4")", "5: \\u takes four digits");
  says("str9", R"("\udc00")", "7: half of a surrogate pair");
  says("str9", "\"\xC3\x28\"", "3: a string is not UTF-8");
  says("arr2<u8>", "[1,]", "3: a value is expected");
  says("{a:u8@0}1/1", R"({"a" 1})", "5: ':' is expected");
  says("{a:u8@0}1/1", R"({"a":1)", "6: ',' or '}' is expected");
  says("bool", "tru", "0: a value is expected");
}

TEST_CASE("no depth, size or number of parts is without a bound", "[codec]") {
  for (const std::string open : {"[", R"({"a":)", "[{\"a\":["}) {
    std::string deep;
    for (int i = 0; i < 66'000; ++i) deep += open;
    CHECK(contains(refusal("u8", deep), "nested deeper than 64"));
    CHECK(contains(refusal("list<u8>", deep), "nested deeper than 64"));
  }
  const auto list = type_of("list<u64>");
  const auto text = refusal(list, "[1,2,3]", ErrorKind::too_large, {.message_bytes = 31});
  CHECK(text == "request: the message takes at least 32 bytes, at most 31 are allowed");
  CHECK(
      contains(refusal(type_of("str1000"), R"("a")", ErrorKind::too_large, {.message_bytes = 1003}),
               "at least 1004 bytes"));
  CHECK(contains(refusal(list, "[1,2,3]", ErrorKind::too_large, {.json_bytes = 6}),
                 "the request has 7 bytes of JSON, at most 6"));
  CHECK(contains(refusal(type_of("text"), R"("1234")", ErrorKind::too_large, {.message_bytes = 11}),
                 "at least 12 bytes"));
  // Many parts of a message that all name the same bytes.
  const auto texts = type_of("list<text>");
  std::vector<std::byte> bytes(8 + 1000 * 8);
  const auto put = [&bytes](std::size_t at, std::uint32_t offset, std::uint32_t count) {
    std::memcpy(bytes.data() + at, &offset, 4);
    std::memcpy(bytes.data() + at + 4, &count, 4);
  };
  put(0, 8, 1000);
  for (std::size_t i = 0; i < 1000; ++i) put(8 + i * 8, 0, 8008);
  std::string out = "before";
  const auto decoded = codec::decode(texts, bytes, out, {.json_bytes = 100'000});
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().kind == ErrorKind::too_large);
  CHECK(out == "before");
  CHECK_FALSE(codec::decode(texts, bytes, out, {.values = 500}));
}

TEST_CASE("whatever a peer wrote becomes JSON, inside its message", "[codec]") {
  const auto decoded = [](std::string_view type, std::vector<std::uint8_t> bytes) {
    std::string out;
    REQUIRE(codec::decode(type_of(type), std::as_bytes(std::span(bytes)), out));
    return out;
  };
  CHECK(decoded("text", {255, 255, 255, 255, 1, 0, 0, 0}) == R"("")");
  CHECK(decoded("text", {0, 0, 0, 0, 255, 255, 255, 255}) == R"("")");
  CHECK(decoded("list<u16>", {0, 0, 0, 0, 255, 255, 255, 127}) == "[]");
  CHECK(decoded("vec2<u8>", {255, 255, 255, 255, 1, 2, 0, 0}) == "[1,2]");
  CHECK(decoded("str2", {9, 0, 0, 0, 0xC3, 'x', 0, 0}) == "\"\xEF\xBF\xBDx\"");
  CHECK(decoded("enum<u8(a=0)>", {9}) == "9");
  CHECK(decoded("bool", {2}) == "true");
  CHECK(decoded("f32", {0, 0, 192, 127}) == "null");
  // What would steer a terminal: U+202E, DEL, U+009B.
  CHECK(decoded("str8", {6, 0, 0, 0, 0xE2, 0x80, 0xAE, 0x7F, 0xC2, 0x9B, 0, 0}) ==
        R"("\u202e\u007f\u009b")");
}

TEST_CASE("a message of an earlier version lacks what came later", "[codec]") {
  const auto grown = types_of<Command<"grown", Grown>>().request;
  CHECK(grown.least_bytes() == sizeof(Short));
  std::vector<std::byte> bytes(sizeof(Short));
  bytes[0] = std::byte{5};
  std::string out;
  REQUIRE(codec::decode(grown, bytes, out));
  CHECK(out == R"({"id":5,"more":null})");
  const auto short_one = codec::decode(grown, std::span(bytes).first(3), out);
  REQUIRE_FALSE(short_one);
  CHECK(short_one.error().kind == ErrorKind::type_mismatch);
  CHECK(short_one.error().message.view() == "the reply has 3 bytes, its registered type 16");
}

TEST_CASE("a type that is none is refused, and so is one that is too large", "[codec]") {
  for (const char* text : {"", "u9", "{a:u8}1/1", "vec<u8>", "opt<none>", "u8 ", "{", "arr9<",
                           "{a:u8@0,b:u8@0}2/1", "{a:u8@0,a:u8@1}2/1", "enum<u8(a=256)>",
                           "enum<i8(a=128)>", "enum<u8(a)>", "{\xff:u8@0}1/1"}) {
    const auto type = codec::Type::parse(text);
    INFO(text);
    REQUIRE_FALSE(type);
    CHECK(type.error().kind == ErrorKind::invalid_argument);
  }
  CHECK_FALSE(codec::CommandTypes::parse("u8"));
  std::string wide = "{";
  for (int i = 0; i < 600; ++i) wide += (i == 0 ? "a" : ",a") + std::to_string(i) + ":u8@0";
  const auto type = codec::Type::parse(wide + "}1/1");
  REQUIRE_FALSE(type);
  CHECK(type.error().kind == ErrorKind::limit_reached);
  // A type of the bus is nested 16 deep at most.
  std::string deep = "u8";
  for (int i = 0; i < 20; ++i) deep = "list<" + deep + ">";
  CHECK_FALSE(codec::Type::parse(deep));
}

TEST_CASE("names of a peer are escaped where an error shows them", "[codec]") {
  const auto text = refusal("{a\x1b[2J:u8@0}1/1", "{}");
  CHECK(text == "request.a\\x1b[2J: is missing: a whole number, 0 to 255");
}
