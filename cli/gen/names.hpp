// Names of the document as names of C++.
#pragma once

#include <string>
#include <string_view>

namespace shmbus::cli::gen {

/// May stand as a name in C++ and is no word of the language.
bool is_identifier(std::string_view name);

/// "user.create-now" -> "UserCreateNow".
std::string pascal_case(std::string_view name);

/// On one line, fit for a `//` comment.
std::string one_line(std::string_view text);

}  // namespace shmbus::cli::gen
