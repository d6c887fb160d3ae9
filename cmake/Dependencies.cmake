# Every dependency, and who may use it. `scripts/deps` installs them on Debian and Ubuntu.
# Only tl-expected and the threads library reach a user of the installed library.

find_package(Threads REQUIRED)

# Public: the shape of Result<T>, std::expected for C++20.
if(NOT TARGET tl::expected)
  find_package(tl-expected CONFIG REQUIRED)
endif()
# What we found is known in this folder and below; a parent that takes us in needs it too.
foreach(target tl::expected Threads::Threads)
  get_target_property(imported ${target} IMPORTED)
  get_target_property(global ${target} IMPORTED_GLOBAL)
  get_target_property(alias ${target} ALIASED_TARGET)
  if(imported AND NOT global AND NOT alias)
    set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL TRUE)
  endif()
endforeach()
get_target_property(SHMBUS_EXPECTED_IS_IMPORTED tl::expected IMPORTED)

# Boost.Interprocess, headers only, under libshmbus/src/segment alone. Config mode, because newer
# CMake has dropped its own FindBoost.
if(NOT TARGET Boost::headers)
  find_package(Boost 1.74 CONFIG REQUIRED)
endif()

if(SHMBUS_BUILD_DAEMON OR SHMBUS_BUILD_CLI OR SHMBUS_BUILD_GATEWAY OR SHMBUS_BUILD_SPOOL
   OR SHMBUS_BUILD_BRIDGE OR SHMBUS_BUILD_BENCH)
  find_package(CLI11 CONFIG REQUIRED)
endif()
if(SHMBUS_BUILD_DAEMON OR SHMBUS_BUILD_CLI OR SHMBUS_BUILD_GATEWAY OR SHMBUS_BUILD_SPOOL
   OR SHMBUS_BUILD_BRIDGE OR SHMBUS_BUILD_BENCH OR SHMBUS_BUILD_TESTS)
  find_package(fmt CONFIG REQUIRED)
endif()
if(SHMBUS_BUILD_DAEMON OR SHMBUS_BUILD_CLI)
  find_package(CURL REQUIRED)  # telemetry/: spans to a collector over HTTP
endif()
if(SHMBUS_BUILD_CLI)
  find_package(yaml-cpp CONFIG REQUIRED)  # what shmbus gen reads, YAML and JSON alike
endif()
if(SHMBUS_BUILD_BRIDGE OR SHMBUS_BUILD_DAEMON OR SHMBUS_BUILD_CLI OR SHMBUS_BUILD_BENCH OR SHMBUS_BUILD_EXAMPLES
   OR SHMBUS_BUILD_TESTS)
  find_package(nlohmann_json CONFIG REQUIRED)
endif()

# moodycamel's queue has no package config on Debian, and newer releases sit one folder deeper.
# Used by the library for its workers, by the daemon and the benchmarks: #include <concurrentqueue.h>
find_path(SHMBUS_CONCURRENTQUEUE_DIR concurrentqueue.h REQUIRED
          PATH_SUFFIXES concurrentqueue concurrentqueue/moodycamel)
mark_as_advanced(SHMBUS_CONCURRENTQUEUE_DIR)
add_library(shmbus_concurrentqueue INTERFACE)
target_include_directories(shmbus_concurrentqueue SYSTEM
                           INTERFACE "${SHMBUS_CONCURRENTQUEUE_DIR}")

# The daemon's metrics: an HTTP server that polls, bounds its connections and never blocks.
if(SHMBUS_BUILD_DAEMON)
  find_path(SHMBUS_MICROHTTPD_DIR microhttpd.h REQUIRED)
  find_library(SHMBUS_MICROHTTPD_LIBRARY microhttpd REQUIRED)
  mark_as_advanced(SHMBUS_MICROHTTPD_DIR SHMBUS_MICROHTTPD_LIBRARY)
  add_library(shmbus_microhttpd INTERFACE)
  target_include_directories(shmbus_microhttpd SYSTEM INTERFACE "${SHMBUS_MICROHTTPD_DIR}")
  target_link_libraries(shmbus_microhttpd INTERFACE "${SHMBUS_MICROHTTPD_LIBRARY}")
endif()

# The gateway: TLS and hashes by GnuTLS, Beast's parser of HTTP out of Boost's headers, YAML, gzip by
# zlib. It is left out where one of them is missing.
if(SHMBUS_BUILD_GATEWAY)
  find_package(PkgConfig)
  if(PkgConfig_FOUND)
    pkg_check_modules(GNUTLS IMPORTED_TARGET gnutls>=3.6.5)
  endif()
  if(NOT TARGET yaml-cpp)
    find_package(yaml-cpp CONFIG)
  endif()
  find_package(ZLIB)
  if(NOT TARGET PkgConfig::GNUTLS OR NOT TARGET yaml-cpp OR NOT TARGET ZLIB::ZLIB)
    message(STATUS "no gateway: it needs libgnutls28-dev, libyaml-cpp-dev, zlib1g-dev and pkgconf")
    set(SHMBUS_BUILD_GATEWAY OFF)
  endif()
endif()

# The spool: SQLite, YAML, and the HTTP server of the daemon's metrics. It is left out where one of
# them is missing. STRICT tables need SQLite 3.37.
if(SHMBUS_BUILD_SPOOL)
  find_package(SQLite3 3.37)
  if(NOT TARGET yaml-cpp)
    find_package(yaml-cpp CONFIG)
  endif()
  if(NOT TARGET SQLite::SQLite3 OR NOT TARGET yaml-cpp OR NOT TARGET shmbus_microhttpd)
    message(STATUS "no spool: it needs libsqlite3-dev, libyaml-cpp-dev and the daemon's dependencies")
    set(SHMBUS_BUILD_SPOOL OFF)
  endif()
endif()

# The bridge: NATS by libnats, YAML for its settings. It is left out where one of them is missing.
if(SHMBUS_BUILD_BRIDGE)
  find_package(PkgConfig)
  if(PkgConfig_FOUND)
    pkg_check_modules(NATS IMPORTED_TARGET libnats>=3.4)
  endif()
  if(NOT TARGET yaml-cpp)
    find_package(yaml-cpp CONFIG)
  endif()
  if(NOT TARGET PkgConfig::NATS OR NOT TARGET yaml-cpp)
    message(STATUS "no bridge: it needs libnats-dev, libyaml-cpp-dev and pkgconf")
    set(SHMBUS_BUILD_BRIDGE OFF)
  endif()
endif()

if(SHMBUS_BUILD_BENCH)
  find_package(benchmark CONFIG REQUIRED)
endif()

# Either major version: tests/support/catch.hpp picks the header, tests/support/catch_main.cpp
# supplies main for both.
if(SHMBUS_BUILD_TESTS)
  find_package(Catch2 CONFIG REQUIRED)
  if(Catch2_VERSION VERSION_LESS 2.13)
    message(FATAL_ERROR "the tests need Catch2 2.13 or newer, found ${Catch2_VERSION}")
  endif()
  list(APPEND CMAKE_MODULE_PATH "${Catch2_DIR}")  # where version 2 and 3 both keep Catch.cmake
  find_package(Python3 COMPONENTS Interpreter)
  find_program(SHMBUS_SPIN spin)
  mark_as_advanced(SHMBUS_SPIN)
endif()
