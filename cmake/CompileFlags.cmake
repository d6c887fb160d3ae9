# Flags for everything built in this tree. They are set by directory, so they reach our own targets
# and neither a project that includes us nor one that links the installed library.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Only what SHMBUS_API marks is visible from outside a shared libshmbus.
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, RelWithDebInfo or Debug" FORCE)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion
                    "$<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor;-Wold-style-cast>")
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # Clang counts sign conversions among -Wconversion, GCC does not; both shall say the same.
  add_compile_options(-Wno-sign-conversion)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns of impossible sizes inside std::string and memcpy once they are inlined (PR105329,
  # PR105651); the clang build and GCC 13 keep these warnings.
  add_compile_options(-Wno-stringop-overflow -Wno-stringop-overread -Wno-restrict -Wno-array-bounds)
endif()
if(SHMBUS_WERROR)
  add_compile_options(-Werror)
endif()

if(SHMBUS_SANITIZE)
  string(REPLACE ";" "," sanitizers "${SHMBUS_SANITIZE}")
  add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${sanitizers})
  # What the headers tell ThreadSanitizer would hide a fault of the library itself: shmbus/tsan.hpp.
  add_compile_definitions(SHMBUS_SANITIZED=1)
  # ThreadSanitizer cannot see a standalone fence. We use none in its builds; the queue that carries
  # the daemon's events does, in a header of its own.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND sanitizers MATCHES "thread")
    add_compile_options(-Wno-tsan)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 reports false positives once a sanitizer has rewritten the code; plain builds keep it.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()
