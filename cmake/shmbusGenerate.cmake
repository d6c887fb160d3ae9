# Types and commands from an OpenAPI document, made when building and made again when it changes.
# Installed beside the package config; known to a project that takes shmbus in by add_subdirectory.
#
#   shmbus_generate(<target> <document> [HEADER <name>] [NAMESPACE <namespace>]
#                   [OPERATIONS <name>...] [TAGS <tag>...] [OVERLAYS <file>...]
#                   [BOUND_STRINGS <n>] [BOUND_ARRAYS <n>] [BOUND_MAPS <n>] [BOUND_JSON <n>])
#     gives <target> a header to include: by default "<document's name>.hpp", namespace commands. The
#     others are the options of `shmbus gen` that are spelled alike.
#
#   shmbus_check(<target> <document> [HEADER <name>] INCLUDES <header>... STRUCTS <SCHEMA=TYPE>...
#                [OVERLAYS <file>...] [BOUND_...])
#     gives <target> a header whose static_asserts hold hand-written structs against the document.

# The command line of the tool: the target of this build, or the program of the installed package.
function(_shmbus_tool out depends)
  if(TARGET shmbus_cli)
    set(${out} "$<TARGET_FILE:shmbus_cli>" PARENT_SCOPE)
    set(${depends} shmbus_cli PARENT_SCOPE)
  elseif(SHMBUS_TOOL)
    set(${out} "${SHMBUS_TOOL}" PARENT_SCOPE)
    set(${depends} "${SHMBUS_TOOL}" PARENT_SCOPE)
  elseif(TARGET shmbus_objects)
    message(FATAL_ERROR "shmbus_generate() needs the tool, which a project that takes shmbus in does "
      "not build by itself: set(SHMBUS_BUILD_CLI ON) before add_subdirectory(), or give the path of an "
      "installed one as SHMBUS_TOOL")
  else()
    message(FATAL_ERROR "shmbus_generate() needs the tool `shmbus`, and there is none in the prefix of "
      "the package (${PACKAGE_PREFIX_DIR}) nor among the programs: install it, or give its path as "
      "SHMBUS_TOOL")
  endif()
endfunction()

# The options that both functions pass on, from the parsed arguments of the caller.
function(_shmbus_common_options out files)
  set(options "")
  set(depends "")
  foreach(overlay IN LISTS arg_OVERLAYS)
    get_filename_component(overlay "${overlay}" ABSOLUTE)
    list(APPEND options --overlay "${overlay}")
    list(APPEND depends "${overlay}")
  endforeach()
  foreach(bound BOUND_STRINGS BOUND_ARRAYS BOUND_MAPS BOUND_JSON)
    if(arg_${bound})
      string(TOLOWER "--${bound}" option)
      string(REPLACE "_" "-" option "${option}")
      list(APPEND options ${option} "${arg_${bound}}")
    endif()
  endforeach()
  set(${out} "${options}" PARENT_SCOPE)
  set(${files} "${depends}" PARENT_SCOPE)
endfunction()

function(_shmbus_header target document header files)
  # Found by `#include <...>` before the system's headers: it must not be called like one of them.
  if(NOT header MATCHES "\\.(hpp|hh|hxx|h)$" OR header MATCHES "^(assert|complex|ctype|errno|fenv|\
float|inttypes|iso646|limits|locale|math|setjmp|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|\
stdio|stdlib|stdnoreturn|string|strings|tgmath|threads|time|uchar|unistd|wchar|wctype)\\.h$")
    message(FATAL_ERROR "HEADER ${header}: give it a name of its own that ends in .hpp or .h")
  endif()
  get_filename_component(document "${document}" ABSOLUTE)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/shmbus_generated/${target}")
  get_filename_component(below "${folder}/${header}" DIRECTORY)
  file(MAKE_DIRECTORY "${below}")
  _shmbus_tool(tool depends)
  add_custom_command(OUTPUT "${folder}/${header}"
    COMMAND "${tool}" gen "${document}" -o "${folder}/${header}" ${ARGN}
    DEPENDS "${document}" ${files} ${depends}
    COMMENT "Making ${header} for ${target}" VERBATIM)
  target_sources(${target} PRIVATE "${folder}/${header}")
  target_include_directories(${target} PRIVATE "${folder}")
endfunction()

# "api.v1.yaml" -> "api.v1": two versions of a document give two headers.
function(_shmbus_default_header out document suffix)
  get_filename_component(name "${document}" NAME_WLE)
  set(${out} "${name}${suffix}.hpp" PARENT_SCOPE)
endfunction()

function(shmbus_generate target document)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "HEADER;NAMESPACE;BOUND_STRINGS;BOUND_ARRAYS;BOUND_MAPS;BOUND_JSON"
    "OPERATIONS;TAGS;OVERLAYS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "shmbus_generate: what is ${arg_UNPARSED_ARGUMENTS}?")
  endif()
  if(NOT arg_HEADER)
    _shmbus_default_header(arg_HEADER "${document}" "")
  endif()
  if(NOT arg_NAMESPACE)
    set(arg_NAMESPACE commands)
  endif()
  _shmbus_common_options(options files)
  foreach(operation IN LISTS arg_OPERATIONS)
    list(APPEND options --operation "${operation}")
  endforeach()
  foreach(tag IN LISTS arg_TAGS)
    list(APPEND options --tag "${tag}")
  endforeach()
  _shmbus_header(${target} "${document}" "${arg_HEADER}" "${files}" --namespace "${arg_NAMESPACE}"
    ${options})
endfunction()

function(shmbus_check target document)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "HEADER;BOUND_STRINGS;BOUND_ARRAYS;BOUND_MAPS;BOUND_JSON"
    "INCLUDES;STRUCTS;OVERLAYS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "shmbus_check: what is ${arg_UNPARSED_ARGUMENTS}?")
  endif()
  if(NOT arg_HEADER)
    _shmbus_default_header(arg_HEADER "${document}" "_check")
  endif()
  _shmbus_common_options(options files)
  foreach(include IN LISTS arg_INCLUDES)
    list(APPEND options --include "${include}")
  endforeach()
  foreach(struct IN LISTS arg_STRUCTS)
    list(APPEND options --check "${struct}")
  endforeach()
  _shmbus_header(${target} "${document}" "${arg_HEADER}" "${files}" ${options})
endfunction()
