# The interface for C, installed with the shared library where Debian has libraries: the test of the
# packages takes this tree too. A program in C finds it by the CMake package's component and by
# pkg-config; then the part alone is installed, in a prefix that has nothing else.
#   cmake -D source=... -D work=... -D generator=... -D compiler=... -D c_compiler=... -D version=...
#         -D architecture=... -D pkg_config=... -P run_c.cmake
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " line)
    message(FATAL_ERROR "failed (${result}): ${line}\n${out}${err}")
  endif()
endfunction()

if(NOT pkg_config)
  message(FATAL_ERROR "pkg-config is missing: scripts/deps installs it")
endif()
set(ENV{CXX} "${compiler}")
set(ENV{CC} "${c_compiler}")
set(ENV{CMAKE_CXX_COMPILER_LAUNCHER} "${launcher}")
file(REMOVE_RECURSE "${work}/prefix" "${work}/moved" "${work}/consumer" "${work}/alone"
  "${work}/pkg-config")
run("${CMAKE_COMMAND}" -S "${source}" -B "${work}/build" -G "${generator}"
    -D "CMAKE_INSTALL_LIBDIR=lib/${architecture}"
    -D CMAKE_BUILD_TYPE=Release -D BUILD_SHARED_LIBS=ON -D SHMBUS_UNITY=ON
    -D SHMBUS_BUILD_TESTS=OFF -D SHMBUS_BUILD_BENCH=OFF -D SHMBUS_BUILD_EXAMPLES=OFF
    -D SHMBUS_BUILD_DAEMON=OFF -D SHMBUS_BUILD_CLI=OFF -D SHMBUS_BUILD_GATEWAY=OFF
    -D SHMBUS_BUILD_SPOOL=OFF -D SHMBUS_BUILD_BRIDGE=OFF)
run("${CMAKE_COMMAND}" --build "${work}/build")
run("${CMAKE_COMMAND}" --install "${work}/build" --prefix "${work}/prefix")
file(RENAME "${work}/prefix" "${work}/moved")

run("${CMAKE_COMMAND}" -S "${source}/tests/install/consumer_c" -B "${work}/consumer"
    -G "${generator}" -D CMAKE_BUILD_TYPE=Release -D "CMAKE_PREFIX_PATH=${work}/moved")
run("${CMAKE_COMMAND}" --build "${work}/consumer")
run("${work}/consumer/consumer" "${version}")

function(build_by_pkg_config prefix output)
  file(GLOB_RECURSE pc "${prefix}/*/shmbus-c.pc")
  get_filename_component(pc_dir "${pc}" DIRECTORY)
  get_filename_component(libdir "${pc_dir}" DIRECTORY)
  set(ENV{PKG_CONFIG_PATH} "${pc_dir}")
  set(ENV{LD_LIBRARY_PATH} "${libdir}")
  execute_process(COMMAND "${pkg_config}" --cflags --libs shmbus-c
                  OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run("${c_compiler}" -std=c11 "${source}/tests/install/consumer_c/main.c" -o "${output}" ${flags})
  run("${output}" "${version}")
endfunction()
file(MAKE_DIRECTORY "${work}/pkg-config")
build_by_pkg_config("${work}/moved" "${work}/pkg-config/consumer")
run("${CMAKE_COMMAND}" --install "${work}/build" --prefix "${work}/alone" --component c)
build_by_pkg_config("${work}/alone" "${work}/pkg-config/consumer_alone")
