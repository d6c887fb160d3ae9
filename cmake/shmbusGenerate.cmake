# Types and commands from an OpenAPI 3 document, made when building and made again when it changes.
# Installed beside the package config; in the source tree the examples use it.
#
#   shmbus_generate(<target> <document> [HEADER <name>] [NAMESPACE <namespace>])
#     gives <target> a header to include: by default "<document's name>.hpp", namespace commands.
#
#   shmbus_check(<target> <document> [HEADER <name>] INCLUDES <header>... STRUCTS <SCHEMA=TYPE>...)
#     gives <target> a header whose static_asserts hold hand-written structs against the document.

# The command line of the tool: the target of this build, or the program of the installed package.
function(_shmbus_tool out depends)
  if(TARGET shmbus_cli)
    set(${out} "$<TARGET_FILE:shmbus_cli>" PARENT_SCOPE)
    set(${depends} shmbus_cli PARENT_SCOPE)
  elseif(SHMBUS_TOOL)
    set(${out} "${SHMBUS_TOOL}" PARENT_SCOPE)
    set(${depends} "${SHMBUS_TOOL}" PARENT_SCOPE)
  else()
    message(FATAL_ERROR "shmbus was installed without its tool, which makes the header: build it with "
      "SHMBUS_BUILD_CLI=ON")
  endif()
endfunction()

function(_shmbus_header target document header)
  get_filename_component(document "${document}" ABSOLUTE)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/shmbus_generated/${target}")
  file(MAKE_DIRECTORY "${folder}")
  _shmbus_tool(tool depends)
  add_custom_command(OUTPUT "${folder}/${header}"
    COMMAND "${tool}" gen "${document}" -o "${folder}/${header}" ${ARGN}
    DEPENDS "${document}" ${depends}
    COMMENT "Making ${header} for ${target}" VERBATIM)
  target_sources(${target} PRIVATE "${folder}/${header}")
  target_include_directories(${target} PRIVATE "${folder}")
endfunction()

function(shmbus_generate target document)
  cmake_parse_arguments(arg "" "HEADER;NAMESPACE" "" ${ARGN})
  if(NOT arg_HEADER)
    get_filename_component(arg_HEADER "${document}" NAME_WE)
    string(APPEND arg_HEADER ".hpp")
  endif()
  if(NOT arg_NAMESPACE)
    set(arg_NAMESPACE commands)
  endif()
  _shmbus_header(${target} "${document}" "${arg_HEADER}" --namespace "${arg_NAMESPACE}")
endfunction()

function(shmbus_check target document)
  cmake_parse_arguments(arg "" "HEADER" "INCLUDES;STRUCTS" ${ARGN})
  if(NOT arg_HEADER)
    get_filename_component(arg_HEADER "${document}" NAME_WE)
    string(APPEND arg_HEADER "_check.hpp")
  endif()
  set(options "")
  foreach(include IN LISTS arg_INCLUDES)
    list(APPEND options --include "${include}")
  endforeach()
  foreach(struct IN LISTS arg_STRUCTS)
    list(APPEND options --check "${struct}")
  endforeach()
  _shmbus_header(${target} "${document}" "${arg_HEADER}" ${options})
endfunction()
