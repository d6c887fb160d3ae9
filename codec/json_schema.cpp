#include "codec/json_schema.hpp"

#include <cstdint>
#include <limits>

#include "codec/json_writer.hpp"

namespace shmbus::codec {
namespace {

using schema::Kind;

/// Goes through a type, whose depth is bounded (schema::depth_max).
class Writer {
 public:
  Writer(std::string& out, const Type& type) : out_(out), type_(type) {}

  void write(const Node& node) { write(node, false); }

 private:
  void text(std::string_view part) { out_ += part; }
  void number(std::uint64_t value) { append_number(out_, value); }

  /// "type":"string", or with null beside it.
  void type_word(std::string_view word, bool nullable) {
    text(nullable ? "\"type\":[\"" : "\"type\":\"");
    text(word);
    text(nullable ? "\",\"null\"]" : "\"");
  }
  void write(const Node& node, bool nullable) {
    if (node.kind == Kind::optional) return write(type_.child(node, 0), true);
    text("{");
    switch (node.kind) {
      case Kind::boolean:
        type_word("boolean", nullable);
        break;
      case Kind::integer:
      case Kind::unsigned_integer:
        write_integer(node, nullable);
        break;
      case Kind::number:
        type_word("number", nullable);
        text(node.size == 4 ? ",\"format\":\"float\"" : ",\"format\":\"double\"");
        break;
      case Kind::vector:
      case Kind::array:
      case Kind::list:
        write_list(node, nullable);
        break;
      case Kind::enumeration:
        write_enumeration(node, nullable);
        break;
      case Kind::structure:
        write_struct(node, nullable);
        break;
      case Kind::none:
      case Kind::bad:
        text("\"type\":\"null\"");
        break;
      default:
        write_string(node, nullable);
    }
    text("}");
  }

  void write_integer(const Node& node, bool nullable) {
    const bool is_signed = node.kind == Kind::integer;
    type_word("integer", nullable);
    text(is_signed ? ",\"format\":\"int" : ",\"format\":\"uint");
    number(std::uint64_t{node.size} * 8);
    const auto unused = 64U - node.size * 8U;
    text("\",\"minimum\":");
    if (is_signed) {
      const std::int64_t most = std::numeric_limits<std::int64_t>::max() >> unused;
      append_number(out_, -most - 1);
      text(",\"maximum\":");
      append_number(out_, most);
    } else {
      text("0,\"maximum\":");
      number(~std::uint64_t{0} >> unused);
    }
  }

  void write_string(const Node& node, bool nullable) {
    type_word("string", nullable);
    switch (node.kind) {
      case Kind::string:
        text(",\"maxLength\":");
        number(node.count);
        break;
      case Kind::text:
        text(",\"x-in-message\":true");
        break;
      case Kind::character:
        text(",\"minLength\":1,\"maxLength\":1");
        break;
      case Kind::uuid:
        text(",\"format\":\"uuid\"");
        break;
      case Kind::time:
        text(",\"format\":\"date-time\"");
        break;
      case Kind::email:
        text(",\"format\":\"email\"");
        break;
      default:  // raw: hexadecimal digits
        text(",\"pattern\":\"^([0-9a-fA-F]{2})*$\",\"minLength\":");
        number(std::uint64_t{node.size} * 2);
        text(",\"maxLength\":");
        number(std::uint64_t{node.size} * 2);
    }
  }

  void write_list(const Node& node, bool nullable) {
    type_word("array", nullable);
    text(",\"items\":");
    write(type_.child(node, 0), false);
    if (node.kind == Kind::list) return text(",\"x-in-message\":true");
    if (node.kind == Kind::array) {
      text(",\"minItems\":");
      number(node.count);
    }
    text(",\"maxItems\":");
    number(node.count);
  }

  void write_enumeration(const Node& node, bool nullable) {
    type_word("string", nullable);
    text(",\"enum\":[");
    auto list = node.enumerators;
    std::string_view name;
    std::int64_t value = 0;
    bool first = true;
    while (schema::next_enumerator(list, name, value)) {
      if (!first) text(",");
      first = false;
      append_string(out_, name);
    }
    text(nullable ? ",null]" : "]");
  }

  void write_struct(const Node& node, bool nullable) {
    type_word("object", nullable);
    text(",\"properties\":{");
    for (std::size_t i = 0; i < node.children; ++i) {
      if (i != 0) text(",");
      const Node& member = type_.child(node, i);
      append_string(out_, member.name);
      text(":");
      write(member, false);
    }
    text("},\"required\":[");
    bool first = true;
    for (std::size_t i = 0; i < node.children; ++i) {
      const Node& member = type_.child(node, i);
      if (member.kind == Kind::optional) continue;
      if (!first) text(",");
      first = false;
      append_string(out_, member.name);
    }
    text("],\"additionalProperties\":false");
  }

  std::string& out_;
  const Type& type_;
};

}  // namespace

void append_json_schema(std::string& out, const Type& type) {
  Writer(out, type).write(type.root());
}

}  // namespace shmbus::codec
