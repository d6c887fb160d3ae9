# One kind of the install test; see CMakeLists.txt beside this file for the variables.
cmake_minimum_required(VERSION 3.22)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " line)
    message(FATAL_ERROR "failed (${result}): ${line}")
  endif()
endfunction()

# The command must fail, and say `text`.
function(must_fail_with text)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE err)
  string(REGEX REPLACE "[ \n]+" " " said "${out}${err}")
  if(result EQUAL 0 OR NOT said MATCHES "${text}")
    list(JOIN ARGN " " line)
    message(FATAL_ERROR "should have said '${text}' and failed (${result}): ${line}\n${out}${err}")
  endif()
endfunction()

function(configure source build)
  run("${CMAKE_COMMAND}" -S "${source}" -B "${build}" -G "${generator}" -D CMAKE_BUILD_TYPE=Release
      ${ARGN})
endfunction()

set(here "${source}/tests/install")
set(ENV{CXX} "${compiler}")
set(ENV{CMAKE_CXX_COMPILER_LAUNCHER} "${launcher}")
file(REMOVE_RECURSE "${work}/prefix" "${work}/moved" "${work}/tools" "${work}/found"
  "${work}/pkg-config")

# 1. add_subdirectory. The build tree stays between runs; only changed files are compiled again.
set(with_tool "")
if(tool)
  set(with_tool -D "SHMBUS_TOOL=${tool}")
endif()
configure("${here}/parent" "${work}/parent" -D "SHMBUS_SOURCE=${source}" -D PARENT_SHARED=${shared}
  ${with_tool})
run("${CMAKE_COMMAND}" --build "${work}/parent")
run("${work}/parent/consumer" "${version}")
run("${CMAKE_COMMAND}" --install "${work}/parent" --prefix "${work}/prefix")
file(RENAME "${work}/prefix" "${work}/moved")

# 2. find_package: first with the tool in the prefix of the library, then in another one.
set(ENV{CMAKE_PREFIX_PATH} "${work}/moved")
if(tool)
  file(COPY "${tool}" DESTINATION "${work}/moved/bin")
  set(with_tool -D "WITH_TOOL=${work}/moved/bin/shmbus")
endif()
configure("${here}/found" "${work}/found"
  -D "SHMBUS_WANTED_VERSION=${version}" ${with_tool})
run("${CMAKE_COMMAND}" --build "${work}/found")
run("${work}/found/consumer" "${version}")
run("${work}/found/indirect")
if(tool)
  run("${work}/found/generated")
  file(MAKE_DIRECTORY "${work}/tools/bin")
  file(RENAME "${work}/moved/bin/shmbus" "${work}/tools/bin/shmbus")
  file(REMOVE_RECURSE "${work}/found")
  set(ENV{CMAKE_PREFIX_PATH} "${work}/moved:${work}/tools")
  configure("${here}/found" "${work}/found"
    -D "SHMBUS_WANTED_VERSION=${version}" -D "WITH_TOOL=${work}/tools/bin/shmbus")
endif()

# 3. pkg-config
if(NOT pkg_config)
  message(FATAL_ERROR "pkg-config is missing: scripts/deps installs it")
endif()
file(GLOB_RECURSE pc "${work}/moved/*/shmbus.pc")
get_filename_component(pc_dir "${pc}" DIRECTORY)
set(ENV{PKG_CONFIG_PATH} "${pc_dir}")
set(static "")
if(NOT shared)
  set(static --static)
endif()
execute_process(COMMAND "${pkg_config}" ${static} --cflags --libs shmbus
                OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${pkg_config}" --variable=libdir shmbus
                OUTPUT_VARIABLE libdir OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
file(MAKE_DIRECTORY "${work}/pkg-config")
run("${compiler}" -std=c++20 "${here}/found/main.cpp" -o "${work}/pkg-config/consumer" ${flags})
run("${compiler}" -std=c++20 -shared -fPIC -fvisibility=hidden "${here}/found/plugin.cpp"
    -o "${work}/pkg-config/plugin.so" ${flags})
set(ENV{LD_LIBRARY_PATH} "${libdir}")
run("${work}/pkg-config/consumer" "${version}")

# 4. A program with ThreadSanitizer and a library without it: with the installed suppressions nothing
# is reported. Skipped where the compiler has no such runtime, or the kernel places memory elsewhere.
if(NOT shared)
  execute_process(COMMAND "${compiler}" -std=c++20 -fsanitize=thread -O1 -g
    "${here}/found/threads.cpp" -o "${work}/pkg-config/threads" ${flags} RESULT_VARIABLE built)
  if(built EQUAL 0)
    set(ENV{TSAN_OPTIONS} "suppressions=${work}/moved/share/shmbus/tsan.supp exitcode=66")
    execute_process(COMMAND "${work}/pkg-config/threads" RESULT_VARIABLE result ERROR_VARIABLE said)
    if(NOT result EQUAL 0 AND NOT said MATCHES "unexpected memory mapping")
      message(FATAL_ERROR "with ThreadSanitizer (${result}): ${said}")
    endif()
    unset(ENV{TSAN_OPTIONS})
  else()
    message(STATUS "SKIPPED: ${compiler} has no ThreadSanitizer")
  endif()
endif()

# 5. A parent that has tl::expected as a target of its own; a header that would hide one of C.
if(NOT shared)
  configure("${here}/with_expected" "${work}/with_expected" -D "SHMBUS_SOURCE=${source}")
  must_fail_with("give it a name of its own" "${CMAKE_COMMAND}" -D "source=${source}"
    -P "${here}/bad_header.cmake")
endif()
