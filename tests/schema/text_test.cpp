// Schemas as text: what types look like, what is read back from them, what differs between two.
#include <random>

#include "schema/check.hpp"
#include "schema/grammar.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"

using namespace shmbus;

namespace {

enum class Plan : std::uint8_t { free, paid = 3 };
enum class Wide : std::int32_t { low = 0, high = 60 };
enum Unscoped : std::uint16_t { first, second };

struct Address {
  String<10> street;
  std::uint16_t number;
};
struct User {
  std::uint64_t id;
  String<16> name;
  Plan plan;
  bool active;
  double weights[2];
  std::array<Address, 2> addresses;
  Vector<std::int16_t, 3> marks;
  Uuid key;
  Timestamp since;
  Email mail;
  Optional<float> score;
};
struct Note {
  Text body;
  Array<Address> list;
};
struct Base {
  int a;
};
struct Derived : Base {
  int b;
};
class Closed {
 public:
  Closed() = default;

 private:
  [[maybe_unused]] std::uint64_t hidden_ = 0;
};

template <class Request, class Reply = Nothing>
std::string_view text_of() {
  return schema_of<Command<"a", Request, Reply>>.text;
}

}  // namespace

TEST_CASE("a type's text says names, types and places", "[schema]") {
  CHECK(text_of<Nothing>() == "none->none");
  CHECK(text_of<std::int64_t, String<5>>() == "i64->str5");
  CHECK(text_of<Address>() == "{street:str10@0,number:u16@16}20/4->none");
  CHECK(text_of<User>() ==
        "{id:u64@0,name:str16@8,plan:enum<u8(free=0,paid=3)>@28,active:bool@29,"
        "weights:arr2<f64>@32,addresses:arr2<{street:str10@0,number:u16@16}20/4>@48,"
        "marks:vec3<i16>@88,key:uuid@100,since:time@120,mail:email@128,score:opt<f32>@392}400/8"
        "->none");
  CHECK(text_of<Note>() ==
        "{body:text@0,list:list<{street:str10@0,number:u16@16}20/4>@8}16/4->none");
  CHECK(text_of<Wide, Unscoped>() == "enum<i32(low=0,high=60)>->enum<u16(first=0,second=1)>");
  // What cannot be taken apart is so many bytes.
  CHECK(text_of<Derived, Closed>() == "raw8/4->raw8/8");
  CHECK(schema_of<Command<"a", Address>>.hash == detail::hash_name(text_of<Address>()));
  CHECK(schema_of<Command<"a", Address>>.request_bytes == sizeof(Address));
  CHECK(schema_of<Command<"a", Address>>.reply_bytes == 0);
}

TEST_CASE("the text is read back as it was written", "[schema]") {
  const auto sides = schema::split(text_of<User, Note>());
  REQUIRE(sides);
  CHECK(schema::parse_type(sides->request).kind == schema::Kind::structure);
  CHECK(schema::parse_type(sides->request).size == sizeof(User));
  CHECK(schema::parse_type(sides->request).align == alignof(User));
  CHECK(schema::parse_type(sides->reply).size == sizeof(Note));
  struct Expected {
    std::string_view name;
    schema::Kind kind;
    std::size_t size;
    std::size_t offset;
  };
  const Expected expected[] = {
      {"id", schema::Kind::unsigned_integer, 8, offsetof(User, id)},
      {"name", schema::Kind::string, sizeof(String<16>), offsetof(User, name)},
      {"plan", schema::Kind::enumeration, 1, offsetof(User, plan)},
      {"active", schema::Kind::boolean, 1, offsetof(User, active)},
      {"weights", schema::Kind::array, 16, offsetof(User, weights)},
      {"addresses", schema::Kind::array, 40, offsetof(User, addresses)},
      {"marks", schema::Kind::vector, sizeof(Vector<std::int16_t, 3>), offsetof(User, marks)},
      {"key", schema::Kind::uuid, 16, offsetof(User, key)},
      {"since", schema::Kind::time, 8, offsetof(User, since)},
      {"mail", schema::Kind::email, sizeof(Email), offsetof(User, mail)},
      {"score", schema::Kind::optional, sizeof(Optional<float>), offsetof(User, score)},
  };
  schema::Members members(sides->request);
  schema::Member member;
  for (const auto& want : expected) {
    INFO(want.name);
    REQUIRE(members.next(member));
    CHECK(member.name == want.name);
    CHECK(member.offset == want.offset);
    CHECK(schema::parse_type(member.type).kind == want.kind);
    CHECK(schema::parse_type(member.type).size == want.size);
  }
  CHECK_FALSE(members.next(member));
  CHECK(members.good());
}

TEST_CASE("text that a faulty peer wrote is read to its end or refused", "[schema]") {
  for (const char* bad : {"",
                          "u7",
                          "str",
                          "str9x",
                          "vec<u8>",
                          "vec3<u8",
                          "vec3<none>",
                          "opt<>",
                          "{a:u8@0}",
                          "{a:u8@9}8/8",
                          "{a:u8}8/8",
                          "{:u8@0}8/8",
                          "{a:u8@0,}8/8",
                          "{a:u8@0}8/0",
                          "{a:u8@0}8/16",
                          "enum<f32(a=0)>",
                          "enum<u8>",
                          "raw",
                          "raw8",
                          "str99999999999999999999",
                          "arr4294967296<arr4294967296<u64>>",
                          "arr2147483648<arr2147483648<u64>>"}) {
    INFO(bad);
    CHECK(schema::parse_type(bad).kind == schema::Kind::bad);
  }
  std::string deep;
  for (int i = 0; i < 300; ++i) deep += "opt<";
  CHECK(schema::parse_type(deep + "u8" + std::string(300, '>')).kind == schema::Kind::bad);

  const std::string good(text_of<User, Note>());
  std::mt19937 random(test::seed());
  for (int i = 0; i < 20'000; ++i) {
    std::string text = good;
    for (int k = 0; k < 3; ++k) text[random() % text.size()] = "{}<>():@,/0a9-=v"[random() % 16];
    text.resize(random() % 8 == 0 ? random() % text.size() : text.size());
    const auto sides = schema::split(text);
    if (!sides) continue;
    const auto type = schema::parse_type(sides->request);
    if (type.kind == schema::Kind::structure) {
      schema::Members members(type.text);
      for (schema::Member member; members.next(member);) {
        REQUIRE(member.offset + schema::parse_type(member.type).size <= type.size);
      }
    }
    (void)schema::difference(text, good);
  }
}

namespace {

std::string differ(std::string_view handler, std::string_view caller) {
  return std::string(schema::difference(handler, caller).view());
}

}  // namespace

TEST_CASE("differences are listed by member, with both sides", "[schema]") {
  const std::string_view a = "{id:u64@0,email:str64@8}80/8->u8";
  CHECK(differ(a, a).empty());
  CHECK(differ(a, "{id:u64@0,email:str32@8}48/8->u8") ==
        "request.email: handler str64, caller str32");
  CHECK(differ(a, "{id:u64@0,mail:str64@8}80/8->u8") ==
        "request.email: handler email, caller mail");
  CHECK(differ(a, "{id:i64@0,email:str32@8}48/8->u16") ==
        "request.id: handler u64, caller i64; request.email: handler str64, caller str32; "
        "reply: handler u8, caller u16");
  CHECK(differ(a, "{id:u64@0}8/8->u8") == "request.email: handler str64, caller has none");
  CHECK(differ("{at:{x:f32@0}4/4@0}4/4->none", "{at:{x:f64@0}8/8@0}8/8->none") ==
        "request.at.x: handler f32, caller f64");
  CHECK(differ("{at:vec4<{x:f32@0}4/4>@0}20/4->none", "{at:vec4<{x:u32@0}4/4>@0}20/4->none") ==
        "request.at.x: handler f32, caller u32");
  CHECK(differ("{a:u8@0}1/1->none", "{a:u8@4}5/1->none").find("other places") != std::string::npos);
  CHECK_FALSE(differ(a, "nonsense").empty());
  CHECK_FALSE(differ(a, "{id:u64@0->u8").empty());
}

TEST_CASE("optional members at the end may be added, on either side", "[schema]") {
  const std::string_view old = "{id:u64@0}8/8->{row:u64@0}8/8";
  const std::string_view more = "{id:u64@0,tag:opt<u8>@8}16/8->{row:u64@0}8/8";
  const std::string_view reply = "{id:u64@0}8/8->{row:u64@0,ms:opt<f64>@8,x:opt<u8>@24}32/8";
  CHECK(differ(old, more).empty());
  CHECK(differ(more, old).empty());
  CHECK(differ(old, reply).empty());
  CHECK(differ(reply, more).empty());
  // Not elsewhere, and nothing else.
  CHECK_FALSE(differ(old, "{id:u64@0,tag:u8@8}16/8->{row:u64@0}8/8").empty());
  CHECK_FALSE(differ(old, "{tag:opt<u8>@0,id:u64@8}16/8->{row:u64@0}8/8").empty());
  CHECK_FALSE(
      differ("{in:{a:u8@0}1/1@0}1/1->none", "{in:{a:u8@0,b:opt<u8>@8}16/8@0}16/8->none").empty());
  // Where parts lie behind the struct its size does not tell where it ends.
  CHECK_FALSE(differ("{a:text@0}8/4->none", "{a:text@0,b:opt<u8>@8}16/8->none").empty());
}
