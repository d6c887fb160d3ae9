# Makes page_table.cpp of the files in a folder:
#   cmake -D FOLDER=gateway/page -D OUT=page_table.cpp -P embed.cmake
# index.html is served at "/", everything else at "/page/NAME".
set(types "html=text/html\\; charset=utf-8" "css=text/css\\; charset=utf-8"
  "js=text/javascript\\; charset=utf-8" "svg=image/svg+xml")
file(GLOB names RELATIVE "${FOLDER}" "${FOLDER}/*")
list(SORT names)
set(rows "")
string(REPEAT "." 88 line)  # a whole number of bytes, four characters each
foreach(name IN LISTS names)
  get_filename_component(extension "${name}" LAST_EXT)
  string(SUBSTRING "${extension}" 1 -1 extension)
  set(type "")
  foreach(entry IN LISTS types)
    if(entry MATCHES "^${extension}=(.*)$")
      set(type "${CMAKE_MATCH_1}")
    endif()
  endforeach()
  if(type STREQUAL "")
    message(FATAL_ERROR "${name}: no media type is known for it")
  endif()
  set(path "/page/${name}")
  if(name STREQUAL "index.html")
    set(path "/")
  endif()
  file(SHA256 "${FOLDER}/${name}" hash)
  string(SUBSTRING "${hash}" 0 20 hash)
  # As digits: a file may hold whatever would end a literal.
  file(READ "${FOLDER}/${name}" digits HEX)
  string(REGEX REPLACE "(..)" "\\\\x\\1" digits "${digits}")
  string(REGEX REPLACE "(${line})" "\\1\"\n    \"" digits "${digits}")
  file(SIZE "${FOLDER}/${name}" size)
  string(APPEND rows "    {\"${path}\", \"${type}\", \"\\\"${hash}\\\"\", {\n    \"${digits}\", ${size}}},\n")
endforeach()
file(WRITE "${OUT}.new" "// Made by gateway/embed.cmake.
#include <array>

#include \"gateway/page_files.hpp\"

namespace shmbus::gateway {
namespace {

using namespace std::string_view_literals;
constexpr auto embedded_page_files = std::to_array<PageFile>({
${rows}});

}  // namespace

std::span<const PageFile> page_files() noexcept { return embedded_page_files; }

}  // namespace shmbus::gateway
")
file(COPY_FILE "${OUT}.new" "${OUT}" ONLY_IF_DIFFERENT)
file(REMOVE "${OUT}.new")
file(TOUCH_NOCREATE "${OUT}")
