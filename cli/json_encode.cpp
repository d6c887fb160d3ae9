// JSON to bytes.
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "cli/exit_codes.hpp"
#include "cli/json_values.hpp"
#include "cli/payload.hpp"
#include "cli/type_text.hpp"
#include "schema/grammar.hpp"
#include "shmbus/types.hpp"

namespace shmbus::cli {
namespace {

using schema::Kind;
using schema::Type;

class Encoder {
 public:
  explicit Encoder(const Type& type) : bytes_(type.size) {}

  void put(const Type& type, std::size_t at, const Json& value, const std::string& path) {
    switch (type.kind) {
      case Kind::boolean:
        if (!value.is_boolean()) wrong(path, value, type);
        store(at, static_cast<std::uint8_t>(value.get<bool>()));
        return;
      case Kind::integer:
      case Kind::unsigned_integer:
        return put_integer(type, at, value, path);
      case Kind::number:
        return put_number(type, at, value, path);
      case Kind::character:
        return put_character(type, at, value, path);
      case Kind::uuid:
      case Kind::time:
      case Kind::email:
        return put_formatted(type, at, value, path);
      case Kind::string:
        return put_string(type, at, value, path);
      case Kind::text:
        return put_text(type, at, value, path);
      case Kind::enumeration:
        return put_enumerator(type, at, value, path);
      case Kind::optional:
        return put_optional(type, at, value, path);
      case Kind::vector:
      case Kind::array:
      case Kind::list:
        return put_items(type, at, value, path);
      case Kind::structure:
        return put_members(type, at, value, path);
      case Kind::raw:
        return put_raw(type, at, value, path);
      case Kind::none:
        if (!value.is_null() && !(value.is_object() && value.empty())) wrong(path, value, type);
        return;
      case Kind::bad:
        break;
    }
    wrong(path, value, type);
  }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  [[noreturn]] static void refuse(const std::string& path, const std::string& why) {
    throw Failure(ErrorKind::invalid_argument, fmt::format("{}: {}", path, why));
  }
  [[noreturn]] static void wrong(const std::string& path, const Json& value, const Type& type) {
    refuse(path, fmt::format("{} is not {}", shortened(value), describe_type(type)));
  }
  static std::string shortened(const Json& value) {
    constexpr std::size_t legible = 40;
    auto text = to_text(value);
    if (text.size() > legible) text = text.substr(0, legible) + "...";
    return text;
  }

  template <class T>
  void store(std::size_t at, const T& value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  void store_chars(std::size_t at, std::string_view text) {
    if (!text.empty()) std::memcpy(bytes_.data() + at, text.data(), text.size());
  }

  void put_integer(const Type& type, std::size_t at, const Json& value, const std::string& path) {
    const auto bits = static_cast<unsigned>(type.size * 8);
    if (type.kind == Kind::unsigned_integer) {
      const std::uint64_t most = ~0ULL >> (64U - bits);
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most) {
        wrong(path, value, type);
      }
    } else {
      const std::int64_t most = std::numeric_limits<std::int64_t>::max() >> (64U - bits);
      const bool too_large = value.is_number_unsigned() &&
                             value.get<std::uint64_t>() > static_cast<std::uint64_t>(most);
      if (!value.is_number_integer() || too_large || value.get<std::int64_t>() < -most - 1) {
        wrong(path, value, type);
      }
    }
    const auto word = value.is_number_unsigned()
                          ? value.get<std::uint64_t>()
                          : static_cast<std::uint64_t>(value.get<std::int64_t>());
    std::memcpy(bytes_.data() + at, &word, type.size);  // little-endian, as the bus is
  }

  void put_number(const Type& type, std::size_t at, const Json& value, const std::string& path) {
    if (!value.is_number()) wrong(path, value, type);
    const auto number = value.get<double>();
    if (type.size == 8) return store(at, number);
    if (std::abs(number) > static_cast<double>(std::numeric_limits<float>::max())) {
      wrong(path, value, type);
    }
    store(at, static_cast<float>(number));
  }

  void put_character(const Type& type, std::size_t at, const Json& value, const std::string& path) {
    if (!value.is_string() || value.get_ref<const std::string&>().size() != 1) {
      wrong(path, value, type);
    }
    store(at, value.get_ref<const std::string&>()[0]);
  }

  void put_formatted(const Type& type, std::size_t at, const Json& value, const std::string& path) {
    if (!value.is_string()) wrong(path, value, type);
    const auto& text = value.get_ref<const std::string&>();
    if (type.kind == Kind::uuid) {
      const auto uuid = Uuid::parse(text);
      if (!uuid) wrong(path, value, type);
      store(at, *uuid);
    } else if (type.kind == Kind::time) {
      const auto moment = Timestamp::parse(text);
      if (!moment) wrong(path, value, type);
      store(at, *moment);
    } else {
      Email mail;
      if (!mail.assign(text)) wrong(path, value, type);
      store(at, mail);
    }
  }

  void put_string(const Type& type, std::size_t at, const Json& value, const std::string& path) {
    if (!value.is_string()) wrong(path, value, type);
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() > type.count) {
      refuse(path, fmt::format("{} bytes, at most {}", text.size(), type.count));
    }
    store(at, static_cast<std::uint32_t>(text.size()));
    store_chars(at + 4, text);
  }

  /// Room at the end of the message; returns where.
  std::size_t append(std::size_t bytes, std::uint64_t align) {
    const std::size_t at = (bytes_.size() + align - 1) / align * align;
    bytes_.resize(at + bytes);
    return at;
  }
  void store_place(std::size_t at, std::size_t offset, std::size_t count) {
    store(at, static_cast<std::uint32_t>(offset));
    store(at + 4, static_cast<std::uint32_t>(count));
  }

  void put_text(const Type& type, std::size_t at, const Json& value, const std::string& path) {
    if (!value.is_string()) wrong(path, value, type);
    const auto& text = value.get_ref<const std::string&>();
    const std::size_t place = append(text.size(), 1);
    store_place(at, place, text.size());
    store_chars(place, text);
  }

  void put_enumerator(const Type& type, std::size_t at, const Json& value,
                      const std::string& path) {
    auto list = type.item;
    std::string_view name;
    std::int64_t number = 0;
    while (schema::next_enumerator(list, name, number)) {
      const bool named = value.is_string() && value.get_ref<const std::string&>() == name;
      if (named || (value.is_number_integer() && value == number)) {
        std::memcpy(bytes_.data() + at, &number, type.size);
        return;
      }
    }
    wrong(path, value, type);
  }

  void put_optional(const Type& type, std::size_t at, const Json& value, const std::string& path) {
    if (value.is_null()) return;
    const Type item = schema::parse_type(type.item);
    put(item, at, value, path);
    store(at + item.size, std::uint8_t{1});
  }

  void put_items(const Type& type, std::size_t at, const Json& value, const std::string& path) {
    if (!value.is_array()) wrong(path, value, type);
    const Type item = schema::parse_type(type.item);
    std::size_t first = at;
    if (type.kind == Kind::array && value.size() != type.count) {
      refuse(path, fmt::format("{} elements, it has {}", value.size(), type.count));
    }
    if (type.kind == Kind::vector) {
      if (value.size() > type.count) {
        refuse(path, fmt::format("{} elements, at most {}", value.size(), type.count));
      }
      store(at, static_cast<std::uint32_t>(value.size()));
      first = at + (4 + item.align - 1) / item.align * item.align;
    }
    if (type.kind == Kind::list) {
      first = append(value.size() * item.size, item.align);
      store_place(at, first, value.size());
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
      put(item, first + i * item.size, value[i], fmt::format("{}[{}]", path, i));
    }
  }

  void put_members(const Type& type, std::size_t at, const Json& value, const std::string& path) {
    if (!value.is_object()) wrong(path, value, type);
    check_names(type, value, path);
    schema::Members members(type.text);
    for (schema::Member member; members.next(member);) {
      const Type of = schema::parse_type(member.type);
      const auto inside = fmt::format("{}.{}", path, member.name);
      const auto given = value.find(std::string(member.name));
      if (given != value.end()) {
        put(of, at + member.offset, *given, inside);
      } else if (of.kind != Kind::optional) {
        refuse(inside, fmt::format("is missing: {}", describe_type(of)));
      }
    }
  }

  static void check_names(const Type& type, const Json& value, const std::string& path) {
    for (const auto& [name, ignored] : value.items()) {
      std::string known;
      bool found = false;
      schema::Members members(type.text);
      for (schema::Member member; members.next(member);) {
        found = found || member.name == name;
        known += fmt::format("{}{}", known.empty() ? "" : ", ", member.name);
      }
      if (!found) refuse(fmt::format("{}.{}", path, name), "no such member; it has " + known);
    }
  }

  void put_raw(const Type& type, std::size_t at, const Json& value, const std::string& path) {
    const auto bytes = value.is_string() ? parse_hex(value.get_ref<const std::string&>())
                                         : std::optional<std::vector<std::byte>>{};
    if (!bytes || bytes->size() != type.size) wrong(path, value, type);
    if (!bytes->empty()) std::memcpy(bytes_.data() + at, bytes->data(), bytes->size());
  }

  std::vector<std::byte> bytes_;
};

}  // namespace

std::vector<std::byte> encode(const Json& value, std::string_view type) {
  const Type parsed = schema::parse_type(type);
  Encoder encoder(parsed);
  encoder.put(parsed, 0, value, "request");
  return encoder.take();
}

Json parse_json(std::string_view text) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw Failure(
        ErrorKind::invalid_argument,
        fmt::format("the request is no JSON: at byte {} of '{}'", error.byte, text.substr(0, 60)));
  }
}

std::string to_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace shmbus::cli
