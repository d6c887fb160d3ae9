// Names and texts of a document as names and texts of C++: no keyword, no reserved name, no macro
// of the system's headers, nothing that would end a literal or a comment.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace shmbus::gen {

/// May stand as the name of a member, an enumerator or a type: ASCII, no keyword, not reserved, and
/// no macro of a standard header.
bool is_identifier(std::string_view name);

/// The namespace of what is made: "a::b". Empty when it may be one, else why not.
std::string why_no_namespace(std::string_view name);

/// `name` with as little changed as makes it an identifier: "in-progress" -> "in_progress",
/// "class" -> "class_", "NULL" -> "NULL_", "2.0" -> "x2_0", "+1" -> "plus_1".
std::string identifier(std::string_view name);

/// "user.create-now" -> "UserCreateNow".
std::string pascal_case(std::string_view name);

/// The names of one scope: no two are the same.
class Scope {
 public:
  /// `wanted`, or with `suffix`, or with a number behind it.
  std::string claim(const std::string& wanted, const std::string& suffix = {});
  /// What claim() would give, without taking it.
  [[nodiscard]] std::string unused(const std::string& wanted) const;

 private:
  std::set<std::string> taken_;
  std::map<std::string, unsigned> last_;  ///< number given behind this name
};

/// A literal of C++, quotes included.
std::string literal(std::string_view text);

/// One line, fit for a `//` comment and a terminal: what is not printable is written as U+XXXX.
std::string one_line(std::string_view text);
std::string printable(std::string_view text);

}  // namespace shmbus::gen
