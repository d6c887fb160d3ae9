// Types as JSON Schema: well-formed, and saying what encode() asks for.
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "codec/json_schema.hpp"
#include "support/catch.hpp"

using namespace shmbus;
using nlohmann::json;

namespace {

json schema_of(std::string_view text) {
  const auto type = codec::Type::parse(text);
  INFO(text);
  REQUIRE(type);
  std::string out = "x";
  REQUIRE(codec::json_schema(*type, out));
  return json::parse(out.substr(1));
}

}  // namespace

TEST_CASE("each kind of type has its JSON Schema", "[codec]") {
  CHECK(schema_of("bool") == json{{"type", "boolean"}});
  CHECK(schema_of("u8") == json{{"type", "integer"}, {"minimum", 0}, {"maximum", 255}});
  CHECK(schema_of("u64")["maximum"] == 18446744073709551615ULL);
  CHECK(schema_of("i64")["minimum"] == std::numeric_limits<std::int64_t>::min());
  CHECK(schema_of("i8") == json{{"type", "integer"}, {"minimum", -128}, {"maximum", 127}});
  CHECK(schema_of("str20")["maxLength"] == 20);
  CHECK(schema_of("uuid")["format"] == "uuid");
  CHECK(schema_of("time")["format"] == "date-time");
  CHECK(schema_of("raw3/1")["pattern"] == "^([0-9a-fA-F]{2}){3}$");
  CHECK(schema_of("enum<u8(a=0,b=1)>")["enum"] == json{"a", "b"});
  CHECK(schema_of("opt<bool>")["anyOf"] == json{{{"type", "boolean"}}, {{"type", "null"}}});
  const auto list = schema_of("vec3<u8>");
  CHECK(list["maxItems"] == 3);
  CHECK_FALSE(list.contains("minItems"));
  CHECK(schema_of("arr3<u8>")["minItems"] == 3);
  CHECK(schema_of("list<text>")["items"] == json{{"type", "string"}});
}

TEST_CASE("a struct asks for all that is not optional, and nothing else", "[codec]") {
  const auto schema = schema_of("{id:u64@0,in\"ner:{a:bool@0}1/1@8,more:opt<u8>@16}24/8");
  CHECK(schema["required"] == json{"id", "in\"ner"});
  CHECK(schema["additionalProperties"] == false);
  CHECK(schema["properties"]["in\"ner"]["properties"]["a"]["type"] == "boolean");
  CHECK(schema["properties"].size() == 3);
}
