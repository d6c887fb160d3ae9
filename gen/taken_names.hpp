// Names that belong to the C and C++ headers of a Linux system: the list is gen/taken_names.txt.
#pragma once

#include <string_view>

namespace shmbus::gen {

/// An object-like macro of a standard header, or one that programs often define (TRUE).
bool is_macro(std::string_view name);

/// A function, type or variable of the C library in the global namespace.
bool is_global(std::string_view name);

}  // namespace shmbus::gen
