// The values that hold no others, from JSON text into a message; and what it takes to say what is
// wrong with one. Used by encode.cpp alone.
#pragma once

#include <charconv>
#include <cstring>
#include <limits>
#include <vector>

#include "codec/hex.hpp"
#include "codec/json_reader.hpp"
#include "codec/message.hpp"
#include "codec/place.hpp"
#include "codec/words.hpp"
#include "shmbus/types.hpp"

namespace shmbus::codec {

/// Each put... takes one value off the text and stores it; false: error() says why not.
class ScalarEncoder {
 public:
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 protected:
  using Kind = schema::Kind;

  ScalarEncoder(const Type& type, std::string_view json, std::vector<std::byte>& out,
                std::size_t message_max)
      : type_(type), in_(json), bytes_(out), message_max_(message_max) {}

  bool refuse(const Message& message) {
    error_ = message.error();
    return false;
  }
  static Message at_place(const Place& place, ErrorKind kind = ErrorKind::invalid_argument) {
    Message message(kind);
    place.put(message);
    return message.put(": ");
  }
  /// The text is no JSON: in_ knows where.
  bool broken(const Place& place) {
    const Place* root = &place;
    while (root->around != nullptr) root = root->around;
    return refuse(Message(ErrorKind::invalid_argument)
                      .put("the ")
                      .put(root->name)
                      .put(" is no JSON: at byte ")
                      .put(in_.broken_at())
                      .put(": ")
                      .put(in_.broken() == nullptr ? "a value is expected" : in_.broken()));
  }
  /// The value that begins at `first` is JSON, but not of the type.
  bool wrong(const Node& node, const Place& place, std::size_t first) {
    constexpr std::size_t legible = 40;
    if (in_.at() == first && !in_.skip()) return broken(place);
    const auto text = in_.from(first);
    return refuse(at_place(place)
                      .foreign(text.substr(0, legible))
                      .put(text.size() > legible ? "..." : "")
                      .put(" is not ")
                      .foreign(describe(type_, node)));
  }
  bool too_large(std::size_t bytes, const Place& place) {
    return refuse(at_place(place, ErrorKind::too_large)
                      .put("the message takes at least ")
                      .put(bytes)
                      .put(" bytes, at most ")
                      .put(message_max_)
                      .put(" are allowed")
                      .needed(bytes));
  }

  template <class T>
  void store(std::size_t at, const T& value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  void store_word(std::size_t at, std::uint64_t word, std::size_t bytes) {
    std::memcpy(bytes_.data() + at, &word, bytes);  // little-endian, as the bus is
  }
  void store_chars(std::size_t at, std::string_view text) {
    if (!text.empty()) std::memcpy(bytes_.data() + at, text.data(), text.size());
  }
  /// Room at the end of the message; false when there is not enough.
  bool append(std::size_t bytes, std::size_t align, std::size_t& at, const Place& place) {
    at = (bytes_.size() + align - 1) / align * align;
    if (bytes > message_max_ || at > message_max_ - bytes) return too_large(at + bytes, place);
    bytes_.resize(at + bytes);
    return true;
  }
  void store_place(std::size_t at, std::size_t offset, std::size_t count) {
    store(at, static_cast<std::uint32_t>(offset));
    store(at + 4, static_cast<std::uint32_t>(count));
  }

  bool put_nothing(const Node& node, const Place& place) {
    (void)in_.peek();
    const std::size_t first = in_.at();
    if (in_.take_word("null")) return true;
    if (!in_.skip()) return broken(place);
    const auto text = in_.from(first);
    const bool empty =
        text.front() == '{' && text.find_first_not_of(" \t\r\n", 1) == text.size() - 1;
    return empty || wrong(node, place, first);
  }

  bool put_boolean(const Node& node, std::size_t at, const Place& place) {
    (void)in_.peek();
    const std::size_t first = in_.at();
    if (in_.take_word("true")) {
      store(at, std::uint8_t{1});
      return true;
    }
    return in_.take_word("false") || wrong(node, place, first);
  }

  /// The number that comes next; none, having told why, when something else does.
  bool take_number(const Node& node, const Place& place, std::string_view& text, bool& whole,
                   std::size_t& first) {
    const char next = in_.peek();
    first = in_.at();
    if (next != '-' && (next < '0' || next > '9')) return wrong(node, place, first);
    return in_.number(text, whole) || broken(place);
  }

  template <class T>
  static bool read_number(std::string_view text, T& out) {
    const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
    return read.ec == std::errc{} && read.ptr == text.data() + text.size();
  }

  bool put_integer(const Node& node, std::size_t at, const Place& place) {
    std::string_view text;
    bool whole = false;
    std::size_t first = 0;
    if (!take_number(node, place, text, whole, first)) return false;
    const auto unused = 64U - node.size * 8U;
    if (node.kind == Kind::unsigned_integer) {
      std::uint64_t value = 0;
      if (text == "-0") text.remove_prefix(1);
      if (!whole || !read_number(text, value) || value > ~0ULL >> unused) {
        return wrong(node, place, first);
      }
      store_word(at, value, node.size);
      return true;
    }
    std::int64_t value = 0;
    const std::int64_t most = std::numeric_limits<std::int64_t>::max() >> unused;
    if (!whole || !read_number(text, value) || value > most || value < -most - 1) {
      return wrong(node, place, first);
    }
    store_word(at, static_cast<std::uint64_t>(value), node.size);
    return true;
  }

  bool put_number(const Node& node, std::size_t at, const Place& place) {
    std::string_view text;
    bool whole = false;
    std::size_t first = 0;
    if (!take_number(node, place, text, whole, first)) return false;
    double number = 0;
    float narrow = 0;
    const bool fits = node.size == 8 ? read_number(text, number) : read_number(text, narrow);
    if (!fits && !rounds_to_zero(text)) return wrong(node, place, first);
    if (node.size == 8) {
      store(at, number);
    } else {
      store(at, narrow);
    }
    return true;
  }
  /// from_chars says "out of range" of what is too small as well, and stores nothing.
  static bool rounds_to_zero(std::string_view text) {
    long double number = 1;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec == std::errc{}) return number < 1 && number > -1;
    const auto exponent = text.find_first_of("eE");
    return exponent != std::string_view::npos && text.substr(exponent + 1).starts_with('-');
  }

  bool put_string(const Node& node, std::size_t at, const Place& place) {
    const char next = in_.peek();
    const std::size_t first = in_.at();
    if (next != '"') return wrong(node, place, first);
    std::string_view text;
    if (!in_.string(text)) return broken(place);
    return store_string(node, at, text, place, first);
  }

  bool store_string(const Node& node, std::size_t at, std::string_view text, const Place& place,
                    std::size_t first) {
    switch (node.kind) {
      case Kind::string:
        if (text.size() > node.count) {
          return refuse(at_place(place).put(text.size()).put(" bytes, at most ").put(node.count));
        }
        store(at, static_cast<std::uint32_t>(text.size()));
        store_chars(at + 4, text);
        return true;
      case Kind::text: {
        std::size_t to = 0;
        if (!append(text.size(), 1, to, place)) return false;
        store_place(at, to, text.size());
        store_chars(to, text);
        return true;
      }
      case Kind::character:
        if (text.size() != 1) return wrong(node, place, first);
        store(at, text[0]);
        return true;
      case Kind::raw: {
        const auto bytes = parse_hex(text);
        if (!bytes || bytes->size() != node.size) return wrong(node, place, first);
        if (!bytes->empty()) std::memcpy(bytes_.data() + at, bytes->data(), bytes->size());
        return true;
      }
      default:
        return store_formatted(node, at, text) || wrong(node, place, first);
    }
  }

  bool store_formatted(const Node& node, std::size_t at, std::string_view text) {
    if (node.kind == Kind::uuid) {
      const auto uuid = Uuid::parse(text);
      if (uuid) store(at, *uuid);
      return uuid.has_value();
    }
    if (node.kind == Kind::time) {
      const auto moment = Timestamp::parse(text);
      if (moment) store(at, *moment);
      return moment.has_value();
    }
    Email mail;
    if (!mail.assign(text)) return false;
    store(at, mail);
    return true;
  }

  bool put_enumerator(const Node& node, std::size_t at, const Place& place) {
    const char next = in_.peek();
    const std::size_t first = in_.at();
    std::string_view text;
    bool whole = true;
    std::size_t ignored = 0;
    const bool named = next == '"';
    if (named) {
      if (!in_.string(text)) return broken(place);
    } else if (!take_number(node, place, text, whole, ignored)) {
      return false;
    }
    std::int64_t wanted = -1;
    const bool number = !named && whole && read_number(text, wanted);
    auto list = node.enumerators;
    std::string_view name;
    std::int64_t value = 0;
    while (schema::next_enumerator(list, name, value)) {
      if (named ? name == text : number && value == wanted) {
        store_word(at, static_cast<std::uint64_t>(value), node.size);
        return true;
      }
    }
    return wrong(node, place, first);
  }

  const Type& type_;
  JsonReader in_;
  std::vector<std::byte>& bytes_;
  std::size_t message_max_;

 private:
  Error error_;
};

}  // namespace shmbus::codec
