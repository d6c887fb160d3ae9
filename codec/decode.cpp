// Bytes to JSON text. The bytes come from a peer: lengths and places are checked before they are
// followed.
#include <algorithm>
#include <cstring>
#include <exception>

#include "codec/hex.hpp"
#include "codec/json_writer.hpp"
#include "codec/message.hpp"
#include "codec/values.hpp"
#include "shmbus/types.hpp"

namespace shmbus::codec {
namespace {

using schema::Kind;

std::string_view as_chars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Decoder {
 public:
  Decoder(const Type& type, std::span<const std::byte> bytes, std::string& out,
          const Budget& budget)
      : type_(type),
        bytes_(bytes),
        out_(out),
        out_max_(budget.json_bytes < out.max_size() - out.size() ? out.size() + budget.json_bytes
                                                                 : out.max_size()),
        values_left_(budget.values) {}

  /// What an earlier version of the type lacks at its end lies beyond the message, and is nothing.
  bool message() {
    const Node& root = type_.root();
    return root.kind == Kind::structure ? members(root, 0) : value(root, 0);
  }

 private:
  /// False when the budget is used up.
  bool value(const Node& node, std::size_t at) {
    if (values_left_ == 0 || out_.size() > out_max_) return false;
    --values_left_;
    if (node.size > bytes_.size() || at > bytes_.size() - node.size) return put("null");
    switch (node.kind) {
      case Kind::boolean:
        return put(load<std::uint8_t>(at) != 0 ? "true" : "false");
      case Kind::unsigned_integer:
        return number(word(node, at));
      case Kind::integer:
        return number(signed_word(node, at));
      case Kind::number:
        return node.size == 4 ? number(load<float>(at)) : number(load<double>(at));
      case Kind::character:
        return string(as_chars(bytes_.subspan(at, 1)));
      case Kind::uuid:
        return string(load<Uuid>(at).text().view());
      case Kind::time:
        return string(load<Timestamp>(at).text().view());
      case Kind::email:
        return string(load<Email>(at).view());
      case Kind::string:
        return text(at + 4, std::min(load<std::uint32_t>(at), node.count));
      case Kind::text:
        return text(load<std::uint32_t>(at), load<std::uint32_t>(at + 4));
      case Kind::enumeration:
        return enumerator(node, at);
      case Kind::optional: {
        const Node& item = type_.child(node, 0);
        return load<std::uint8_t>(at + item.size) == 0 ? put("null") : value(item, at);
      }
      case Kind::vector:
      case Kind::array:
      case Kind::list:
        return items(node, at);
      case Kind::structure:
        return members(node, at);
      case Kind::raw:
        return raw(node, at);
      case Kind::none:
      case Kind::bad:
        break;
    }
    return put("null");
  }

  template <class T>
  [[nodiscard]] T load(std::size_t at) const {
    T value{};
    std::memcpy(static_cast<void*>(&value), bytes_.data() + at, sizeof value);
    return value;
  }
  [[nodiscard]] std::uint64_t word(const Node& node, std::size_t at) const {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + at, node.size);
    return value;
  }
  [[nodiscard]] std::int64_t signed_word(const Node& node, std::size_t at) const {
    const auto unused = 64U - node.size * 8U;
    return static_cast<std::int64_t>(word(node, at) << unused) >> unused;
  }

  bool put(std::string_view text) {
    out_ += text;
    return true;
  }
  template <class T>
  bool number(T value) {
    append_number(out_, value);
    return true;
  }
  /// Refuses before it copies what the budget has no room for.
  bool string(std::string_view text) {
    if (out_.size() > out_max_ || text.size() > out_max_ - out_.size()) return false;
    append_string(out_, text);
    return true;
  }
  /// What leads out of the message is empty.
  bool text(std::size_t at, std::size_t size) {
    if (at > bytes_.size() || size > bytes_.size() - at) return string({});
    return string(as_chars(bytes_.subspan(at, size)));
  }
  bool raw(const Node& node, std::size_t at) {
    if (node.size > (out_max_ - out_.size()) / 2) return false;
    out_ += '"';
    append_hex(out_, bytes_.subspan(at, node.size));
    return put("\"");
  }

  bool enumerator(const Node& node, std::size_t at) {
    const std::int64_t value =
        node.is_signed ? signed_word(node, at) : static_cast<std::int64_t>(word(node, at));
    auto list = node.enumerators;
    std::string_view name;
    std::int64_t number_of_name = 0;
    while (schema::next_enumerator(list, name, number_of_name)) {
      if (number_of_name == value) return string(name);
    }
    return node.is_signed ? number(value) : number(word(node, at));
  }

  bool items(const Node& node, std::size_t at) {
    const Node& item = type_.child(node, 0);
    std::uint64_t count = node.count;
    std::uint64_t first = at;
    if (node.kind == Kind::vector) {
      count = std::min(load<std::uint32_t>(at), node.count);
      first = at + (4 + item.align - 1) / item.align * item.align;
    }
    if (node.kind == Kind::list) {
      first = load<std::uint32_t>(at);
      count = load<std::uint32_t>(at + 4);
      if (first > bytes_.size() || count > (bytes_.size() - first) / item.size) count = 0;
    }
    out_ += '[';
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i != 0) out_ += ',';
      if (!value(item, first + i * item.size)) return false;
    }
    return put("]");
  }

  bool members(const Node& node, std::size_t at) {
    out_ += '{';
    for (std::size_t i = 0; i < node.children; ++i) {
      const Node& member = type_.child(node, i);
      if (i != 0) out_ += ',';
      append_string(out_, member.name);
      out_ += ':';
      if (!value(member, at + member.offset)) return false;
    }
    return put("}");
  }

  const Type& type_;
  std::span<const std::byte> bytes_;
  std::string& out_;
  std::size_t out_max_;
  std::size_t values_left_;
};

}  // namespace

Result<void> decode(const Type& type, std::span<const std::byte> bytes, std::string& out,
                    const Budget& budget, std::string_view root) noexcept {
  if (bytes.size() < type.least_bytes()) {
    return Message(ErrorKind::type_mismatch)
        .put("the ")
        .put(root)
        .put(" has ")
        .put(bytes.size())
        .put(" bytes, its registered type ")
        .put(type.size())
        .fail();
  }
  const std::size_t before = out.size();
  try {
    if (Decoder(type, bytes, out, budget).message()) return {};
    out.resize(before);
  } catch (const std::exception&) {
    out.resize(before);
    return no_memory();
  }
  return Message(ErrorKind::too_large)
      .put("the ")
      .put(root)
      .put(" takes more than ")
      .put(budget.values)
      .put(" values, or ")
      .put(budget.json_bytes)
      .put(" bytes of JSON")
      .fail();
}

}  // namespace shmbus::codec
