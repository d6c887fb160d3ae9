// Reads the text of a schema (shmbus/schema/text.hpp) piece by piece, as views into it. The text
// may come from a faulty peer: whatever does not follow the grammar ends the reading.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shmbus::schema {

/// Types may hold types so deep; the process that follows them counts.
inline constexpr int depth_max = 16;

struct Sides {
  std::string_view request;
  std::string_view reply;
};
/// "request->reply".
std::optional<Sides> split(std::string_view schema) noexcept;

/// Of "stream<type>", the type; nothing for other sides.
std::optional<std::string_view> stream_item(std::string_view side) noexcept;

struct Member {
  std::string_view name;
  std::string_view type;
  std::uint64_t offset = 0;
};

/// The members of "{...}SIZE/ALIGNMENT", one after the other.
class Members {
 public:
  explicit Members(std::string_view struct_type) noexcept;
  /// False after the last one, or when what follows is none.
  bool next(Member& out) noexcept;
  /// The text was a struct, and every member so far followed the grammar.
  [[nodiscard]] bool good() const noexcept { return good_; }

 private:
  std::string_view rest_;
  bool good_ = false;
};

enum class Kind : std::uint8_t {
  bad,
  none,
  boolean,
  character,
  integer,
  unsigned_integer,
  number,
  uuid,
  time,
  email,
  text,      ///< Text
  string,    ///< count: capacity
  vector,    ///< count: capacity; item
  array,     ///< count; item
  optional,  ///< item
  list,      ///< Array<item>
  enumeration,
  structure,
  raw,
};

/// One type, taken apart one level deep.
struct Type {
  Kind kind = Kind::bad;
  std::string_view text;
  std::string_view item;    ///< the type inside, or the list of enumerators "a=0,b=1"
  std::uint64_t count = 0;  ///< capacity, or number of elements
  std::uint64_t size = 0;   ///< bytes in memory
  std::uint64_t align = 1;
};

/// Kind bad when it does not follow the grammar, or is nested too deep or too large to be real.
Type parse_type(std::string_view text, int depth = 0) noexcept;

/// Takes "name=value" off the front of a list of enumerators; false at its end.
bool next_enumerator(std::string_view& list, std::string_view& name, std::int64_t& value) noexcept;

/// Digits at the front of `text`, taken off.
std::optional<std::uint64_t> take_number(std::string_view& text) noexcept;

}  // namespace shmbus::schema
