# One kind of the install test; see CMakeLists.txt beside this file for the variables.
cmake_minimum_required(VERSION 3.22)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " line)
    message(FATAL_ERROR "failed (${result}): ${line}")
  endif()
endfunction()

set(ENV{CXX} "${compiler}")
file(REMOVE_RECURSE "${work}/prefix" "${work}/moved" "${work}/consumer" "${work}/pkg-config")

# The library's build tree stays between runs; only changed files are compiled again. Without the
# daemon and the tool: what is in question is the library.
set(libdir lib)
if(shared)  # where Debian has libraries; the test of the packages takes this tree
  set(libdir "lib/${architecture}")
endif()
run("${CMAKE_COMMAND}" -S "${source}" -B "${work}/build" -G "${generator}"
    -D "CMAKE_INSTALL_LIBDIR=${libdir}"
    -D CMAKE_BUILD_TYPE=Release -D BUILD_SHARED_LIBS=${shared} -D SHMBUS_UNITY=ON
    -D SHMBUS_BUILD_TESTS=OFF -D SHMBUS_BUILD_BENCH=OFF -D SHMBUS_BUILD_EXAMPLES=OFF
    -D SHMBUS_BUILD_DAEMON=OFF -D SHMBUS_BUILD_CLI=OFF)
run("${CMAKE_COMMAND}" --build "${work}/build")
run("${CMAKE_COMMAND}" --install "${work}/build" --prefix "${work}/prefix")
file(RENAME "${work}/prefix" "${work}/moved")

# 1. find_package
run("${CMAKE_COMMAND}" -S "${source}/tests/install/consumer" -B "${work}/consumer" -G "${generator}"
    -D CMAKE_BUILD_TYPE=Release -D "CMAKE_PREFIX_PATH=${work}/moved"
    -D "SHMBUS_WANTED_VERSION=${version}")
run("${CMAKE_COMMAND}" --build "${work}/consumer")
run("${work}/consumer/consumer" "${version}")

# 2. pkg-config
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
run("${compiler}" -std=c++20 "${source}/tests/install/consumer/main.cpp"
    -o "${work}/pkg-config/consumer" ${flags})
set(ENV{LD_LIBRARY_PATH} "${libdir}")
run("${work}/pkg-config/consumer" "${version}")

# 3. The interface for C: a program in C by the CMake package's component, and by pkg-config; then the
# part alone, in a prefix that has nothing else.
set(ENV{CC} "${c_compiler}")
file(REMOVE_RECURSE "${work}/consumer_c" "${work}/prefix_c")
run("${CMAKE_COMMAND}" -S "${source}/tests/install/consumer_c" -B "${work}/consumer_c" -G "${generator}"
    -D CMAKE_BUILD_TYPE=Release -D "CMAKE_PREFIX_PATH=${work}/moved")
run("${CMAKE_COMMAND}" --build "${work}/consumer_c")
run("${work}/consumer_c/consumer" "${version}")
function(build_c_by_pkg_config output)
  execute_process(COMMAND "${pkg_config}" ${static} --cflags --libs shmbus-c
                  OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run("${c_compiler}" -std=c11 "${source}/tests/install/consumer_c/main.c" -o "${output}" ${flags})
  run("${output}" "${version}")
endfunction()
build_c_by_pkg_config("${work}/pkg-config/consumer_c")
if(shared)
  run("${CMAKE_COMMAND}" --install "${work}/build" --prefix "${work}/prefix_c" --component c)
  file(GLOB_RECURSE pc "${work}/prefix_c/*/shmbus-c.pc")
  get_filename_component(pc_dir "${pc}" DIRECTORY)
  set(ENV{PKG_CONFIG_PATH} "${pc_dir}")
  get_filename_component(libdir "${pc_dir}" DIRECTORY)
  set(ENV{LD_LIBRARY_PATH} "${libdir}")
  build_c_by_pkg_config("${work}/pkg-config/consumer_c_alone")
endif()
