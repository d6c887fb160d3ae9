#include "codec/json_schema.hpp"

#include <exception>

#include "codec/json_writer.hpp"
#include "codec/message.hpp"

namespace shmbus::codec {
namespace {

using schema::Kind;

class Writer {
 public:
  Writer(const Type& type, std::string& out) : type_(type), out_(out) {}

  void write(const Node& node) {
    switch (node.kind) {
      case Kind::none:
        return put(R"({"type":["null","object"],"maxProperties":0})");
      case Kind::boolean:
        return put(R"({"type":"boolean"})");
      case Kind::integer:
      case Kind::unsigned_integer:
        return integer(node);
      case Kind::number:
        return put(node.size == 4 ? R"({"type":"number","format":"float"})"
                                  : R"({"type":"number","format":"double"})");
      case Kind::character:
        return put(R"({"type":"string","minLength":1,"maxLength":1})");
      case Kind::uuid:
        return put(R"({"type":"string","format":"uuid"})");
      case Kind::time:
        return put(R"({"type":"string","format":"date-time"})");
      case Kind::email:
        return put(R"({"type":"string","format":"email","maxLength":254})");
      case Kind::text:
        return put(R"({"type":"string"})");
      case Kind::string:
        return put(R"({"type":"string","maxLength":)", node.count, R"(,"x-max-bytes":)", node.count,
                   "}");
      case Kind::raw:
        return put(R"({"type":"string","pattern":"^([0-9a-fA-F]{2}){)", node.size,
                   R"(}$","contentEncoding":"base16"})");
      case Kind::enumeration:
        return enumeration(node);
      case Kind::optional:
        put(R"({"anyOf":[)");
        write(type_.child(node, 0));
        return put(R"(,{"type":"null"}]})");
      case Kind::vector:
      case Kind::array:
      case Kind::list:
        return items(node);
      case Kind::structure:
        return structure(node);
      case Kind::bad:
        break;
    }
    put("false");
  }

 private:
  void put_one(std::string_view text) { out_ += text; }
  void put_one(std::uint64_t number) { append_number(out_, number); }
  void put_one(std::uint32_t number) { append_number(out_, std::uint64_t{number}); }
  void put_one(std::int64_t number) { append_number(out_, number); }
  template <class... Parts>
  void put(const Parts&... parts) {
    (put_one(parts), ...);
  }

  void integer(const Node& node) {
    const auto unused = 64U - node.size * 8U;
    if (node.kind == Kind::unsigned_integer) {
      return put(R"({"type":"integer","minimum":0,"maximum":)", ~std::uint64_t{0} >> unused, "}");
    }
    const auto most = static_cast<std::int64_t>((~std::uint64_t{0} >> 1U) >> unused);
    put(R"({"type":"integer","minimum":)", -most - 1, R"(,"maximum":)", most, "}");
  }

  void enumeration(const Node& node) {
    put(R"({"type":"string","enum":[)");
    auto list = node.enumerators;
    std::string_view name;
    std::int64_t value = 0;
    for (bool first = true; schema::next_enumerator(list, name, value); first = false) {
      if (!first) put(",");
      append_string(out_, name);
    }
    put("]}");
  }

  void items(const Node& node) {
    put(R"({"type":"array","items":)");
    write(type_.child(node, 0));
    if (node.kind == Kind::array) put(R"(,"minItems":)", node.count);
    if (node.kind != Kind::list) put(R"(,"maxItems":)", node.count);
    put("}");
  }

  void structure(const Node& node) {
    put(R"({"type":"object","properties":{)");
    for (std::size_t i = 0; i < node.children; ++i) {
      const Node& member = type_.child(node, i);
      if (i != 0) put(",");
      append_string(out_, member.name);
      put(":");
      write(member);
    }
    put(R"(},"required":[)");
    bool first = true;
    for (std::size_t i = 0; i < node.children; ++i) {
      const Node& member = type_.child(node, i);
      if (member.kind == Kind::optional) continue;
      if (!first) put(",");
      first = false;
      append_string(out_, member.name);
    }
    put(R"(],"additionalProperties":false})");
  }

  const Type& type_;
  std::string& out_;
};

}  // namespace

Result<void> json_schema(const Type& type, std::string& out) noexcept {
  const std::size_t before = out.size();
  try {
    Writer(type, out).write(type.root());
    return {};
  } catch (const std::exception&) {
    out.resize(before);
    return no_memory();
  }
}

}  // namespace shmbus::codec
