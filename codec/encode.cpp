// JSON text to bytes, in one pass over the text: what a member is, its type says beforehand.
#include <array>
#include <exception>

#include "codec/encode_scalars.hpp"
#include "codec/values.hpp"

namespace shmbus::codec {
namespace {

class Encoder : public ScalarEncoder {
 public:
  Encoder(const Type& type, std::string_view json, std::vector<std::byte>& out,
          const Budget& budget)
      : ScalarEncoder(type, json, out, budget.message_bytes) {}

  bool run(const Place& root) {
    if (type_.size() > message_max_) return too_large(type_.size(), root);
    bytes_.assign(type_.size(), std::byte{0});
    if (!put(type_.root(), 0, root)) return false;
    return in_.ended() || broken(root);
  }

 private:
  bool put(const Node& node, std::size_t at, const Place& place) {
    switch (node.kind) {
      case Kind::boolean:
        return put_boolean(node, at, place);
      case Kind::integer:
      case Kind::unsigned_integer:
        return put_integer(node, at, place);
      case Kind::number:
        return put_number(node, at, place);
      case Kind::enumeration:
        return put_enumerator(node, at, place);
      case Kind::character:
      case Kind::uuid:
      case Kind::time:
      case Kind::email:
      case Kind::string:
      case Kind::text:
      case Kind::raw:
        return put_string(node, at, place);
      case Kind::optional:
        return put_optional(node, at, place);
      case Kind::vector:
      case Kind::array:
      case Kind::list:
        return put_items(node, at, place);
      case Kind::structure:
        return put_members(node, at, place);
      case Kind::none:
        return put_nothing(node, place);
      case Kind::bad:
        break;
    }
    return wrong(node, place, in_.at());
  }

  bool put_optional(const Node& node, std::size_t at, const Place& place) {
    if (in_.take_word("null")) return true;
    const Node& item = type_.child(node, 0);
    if (!put(item, at, place)) return false;
    store(at + item.size, std::uint8_t{1});
    return true;
  }

  /// Where the elements of an array go, for as many as there are.
  bool place_items(const Node& node, std::size_t count, std::size_t at, std::size_t& first,
                   const Place& place) {
    const Node& item = type_.child(node, 0);
    first = at;
    if (node.kind == Kind::array && count != node.count) {
      return refuse(at_place(place).put(count).put(" elements, it has ").put(node.count));
    }
    if (node.kind == Kind::vector) {
      if (count > node.count) {
        return refuse(at_place(place).put(count).put(" elements, at most ").put(node.count));
      }
      store(at, static_cast<std::uint32_t>(count));
      first = at + (4 + item.align - 1) / item.align * item.align;
    }
    if (node.kind != Kind::list) return true;
    if (count > message_max_ / item.size) return too_large(count * item.size, place);
    if (!append(count * item.size, item.align, first, place)) return false;
    store_place(at, first, count);
    return true;
  }

  bool put_items(const Node& node, std::size_t at, const Place& place) {
    if (in_.peek() != '[') return wrong(node, place, in_.at());
    (void)in_.take('[');
    std::size_t count = 0;
    std::size_t first = 0;
    if (!in_.count(count)) return broken(place);
    if (!place_items(node, count, at, first, place)) return false;
    const Node& item = type_.child(node, 0);
    for (std::size_t i = 0; i < count; ++i) {
      if (!put(item, first + i * item.size, Place{&place, {}, i})) return false;
      if (i + 1 < count && !in_.take(',')) return in_.refuse("',' is expected"), broken(place);
    }
    return in_.take(']') || (in_.refuse("']' is expected"), broken(place));
  }

  /// Members of one struct that were given.
  struct Given {
    std::array<std::uint64_t, Type::members_max / 64> bits{};
    bool add(std::size_t index) noexcept {
      auto& word = bits[index / 64];
      const std::uint64_t bit = 1ULL << index % 64;
      const bool first = (word & bit) == 0;
      word |= bit;
      return first;
    }
    [[nodiscard]] bool has(std::size_t index) const noexcept {
      return (bits[index / 64] >> index % 64 & 1U) != 0;
    }
  };

  /// The member of that name; members mostly come in the order of the struct.
  std::size_t find_member(const Node& node, std::string_view name, std::size_t likely) const {
    for (std::size_t i = 0; i < node.children; ++i) {
      const std::size_t index = (likely + i) % node.children;
      if (type_.child(node, index).name == name) return index;
    }
    return node.children;
  }

  bool unknown(const Node& node, std::string_view name, const Place& place) {
    Message message = at_place(Place{&place, name.empty() ? "''" : name, 0});
    message.put("no such member; it has ");
    for (std::size_t i = 0; i < node.children; ++i) {
      message.put(i == 0 ? "" : ", ").foreign(type_.child(node, i).name);
    }
    return refuse(message);
  }

  bool put_members(const Node& node, std::size_t at, const Place& place) {
    if (in_.peek() != '{') return wrong(node, place, in_.at());
    (void)in_.take('{');
    Given given;
    std::size_t likely = 0;
    if (in_.peek() != '}') {
      do {
        std::string_view name;
        if (!in_.string(name)) return broken(place);
        const std::size_t index = find_member(node, name, likely);
        if (index == node.children) return unknown(node, name, place);
        const Node& member = type_.child(node, index);
        if (!in_.take(':')) return in_.refuse("':' is expected"), broken(place);
        const Place inside{&place, member.name, 0};
        if (!given.add(index)) return refuse(at_place(inside).put("is given twice"));
        if (!put(member, at + member.offset, inside)) return false;
        likely = index + 1 == node.children ? 0 : index + 1;
      } while (in_.take(','));
    }
    if (!in_.take('}')) return in_.refuse("',' or '}' is expected"), broken(place);
    return all_given(node, given, place);
  }

  bool all_given(const Node& node, const Given& given, const Place& place) {
    for (std::size_t i = 0; i < node.children; ++i) {
      const Node& member = type_.child(node, i);
      if (given.has(i) || member.kind == Kind::optional) continue;
      return refuse(at_place(Place{&place, member.name, 0})
                        .put("is missing: ")
                        .foreign(describe(type_, member)));
    }
    return true;
  }
};

}  // namespace

Result<void> encode(const Type& type, std::string_view json, std::vector<std::byte>& out,
                    const Budget& budget, std::string_view root) noexcept {
  if (json.size() > budget.json_bytes) {
    return Message(ErrorKind::too_large)
        .put("the ")
        .put(root)
        .put(" has ")
        .put(json.size())
        .put(" bytes of JSON, at most ")
        .put(budget.json_bytes)
        .put(" are allowed")
        .needed(json.size())
        .fail();
  }
  try {
    Encoder encoder(type, json, out, budget);
    if (!encoder.run(Place{nullptr, root, 0})) return tl::unexpected<Error>(encoder.error());
    return {};
  } catch (const std::exception&) {
    return no_memory();
  }
}

}  // namespace shmbus::codec
