// Bytes to JSON. The bytes come from a peer: lengths and places are checked before they are
// followed.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "cli/exit_codes.hpp"
#include "cli/json_values.hpp"
#include "cli/payload.hpp"
#include "schema/grammar.hpp"
#include "shmbus/types.hpp"

namespace shmbus::cli {
namespace {

using schema::Kind;
using schema::Type;

/// Parts of a message that name parts of it could name one another for ever.
constexpr std::size_t values_max = 1'000'000;

class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) : bytes_(bytes) {}

  Json value(const Type& type, std::size_t at) {
    if (at + type.size > bytes_.size() || ++values_ > values_max) return nullptr;
    switch (type.kind) {
      case Kind::boolean:
        return load<std::uint8_t>(at) != 0;
      case Kind::unsigned_integer:
        return word(type, at);
      case Kind::integer:
        return signed_word(type, at);
      case Kind::number:
        return type.size == 4 ? Json(load<float>(at)) : Json(load<double>(at));
      case Kind::character:
        return std::string(1, load<char>(at));
      case Kind::uuid:
        return std::string(load<Uuid>(at).text().view());
      case Kind::time:
        return std::string(load<Timestamp>(at).text().view());
      case Kind::email:
        return std::string(load<Email>(at).view());
      case Kind::string:
        return text(at + 4, std::min<std::uint64_t>(load<std::uint32_t>(at), type.count));
      case Kind::text:
        return text(load<std::uint32_t>(at), load<std::uint32_t>(at + 4));
      case Kind::enumeration:
        return enumerator(type, at);
      case Kind::optional: {
        const Type item = schema::parse_type(type.item);
        return load<std::uint8_t>(at + item.size) == 0 ? Json(nullptr) : value(item, at);
      }
      case Kind::vector:
      case Kind::array:
      case Kind::list:
        return items(type, at);
      case Kind::structure:
        return members(type, at);
      case Kind::raw:
        return to_hex(bytes_.subspan(at, type.size));
      case Kind::none:
      case Kind::bad:
        break;
    }
    return nullptr;
  }

 private:
  template <class T>
  [[nodiscard]] T load(std::size_t at) const {
    T value{};
    std::memcpy(static_cast<void*>(&value), bytes_.data() + at, sizeof value);
    return value;
  }
  [[nodiscard]] std::uint64_t word(const Type& type, std::size_t at) const {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + at, type.size);
    return value;
  }
  [[nodiscard]] std::int64_t signed_word(const Type& type, std::size_t at) const {
    const auto unused = static_cast<unsigned>(64 - type.size * 8);
    return static_cast<std::int64_t>(word(type, at) << unused) >> unused;
  }
  /// What leads out of the message is empty.
  [[nodiscard]] std::string text(std::uint64_t at, std::uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) return {};
    return std::string(as_chars(bytes_.subspan(at, size)));
  }

  [[nodiscard]] Json enumerator(const Type& type, std::size_t at) const {
    const std::int64_t value = signed_word(type, at);
    auto list = type.item;
    std::string_view name;
    std::int64_t number = 0;
    while (schema::next_enumerator(list, name, number)) {
      if (number == value) return std::string(name);
    }
    return value;
  }

  Json items(const Type& type, std::size_t at) {
    const Type item = schema::parse_type(type.item);
    std::uint64_t count = type.count;
    std::uint64_t first = at;
    if (type.kind == Kind::vector) {
      count = std::min<std::uint64_t>(load<std::uint32_t>(at), type.count);
      first = at + (4 + item.align - 1) / item.align * item.align;
    }
    if (type.kind == Kind::list) {
      first = load<std::uint32_t>(at);
      count = load<std::uint32_t>(at + 4);
      if (first > bytes_.size() || count > (bytes_.size() - first) / item.size) count = 0;
    }
    Json all = Json::array();
    for (std::uint64_t i = 0; i < count; ++i) {
      if (values_ > values_max) break;
      all.push_back(value(item, first + i * item.size));
    }
    return all;
  }

  Json members(const Type& type, std::size_t at) {
    Json all = Json::object();
    schema::Members members(type.text);
    for (schema::Member member; members.next(member);) {
      all[std::string(member.name)] = value(schema::parse_type(member.type), at + member.offset);
    }
    return all;
  }

  std::span<const std::byte> bytes_;
  std::size_t values_ = 0;
};

}  // namespace

Json decode(std::span<const std::byte> bytes, std::string_view type) {
  const Type parsed = schema::parse_type(type);
  if (bytes.size() < parsed.size) {
    throw Failure(
        ErrorKind::type_mismatch,
        fmt::format("the reply has {} bytes, its registered type {}", bytes.size(), parsed.size));
  }
  return Decoder(bytes).value(parsed, 0);
}

}  // namespace shmbus::cli
