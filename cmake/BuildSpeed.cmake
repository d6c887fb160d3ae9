# What makes a build from nothing short. Nothing here changes what the code does.

# Compile the library in few large units. They take a third of the time of single files, but an edit
# of one file compiles its whole unit again: so for those who build once.
option(SHMBUS_UNITY "Compile the library in a few large units" OFF)
# The same for the tool, the daemon, the gateway and what they share. scripts/build switches it on in
# continuous integration; the library stays in single files there, so that it is what is measured.
option(SHMBUS_UNITY_PROGRAMS "Compile the programs in a few large units" ${SHMBUS_UNITY})

# shmbus_precompile(<target> [<header>...]): the standard headers that most files include, and the
# headers named, are parsed once for the target. Headers of this project are left out: an edit of one
# would compile everything again.
function(shmbus_precompile target)
  target_precompile_headers(${target} PRIVATE
    <algorithm> <array> <atomic> <bit> <cerrno> <chrono> <cstddef> <cstdint> <cstring> <functional>
    <memory> <mutex> <new> <optional> <span> <stop_token> <string> <string_view> <thread>
    <type_traits> <utility> <vector> ${ARGN})
endfunction()

# shmbus_large_units(<target>): twelve files in one unit. The names in unnamed namespaces must differ
# within a folder; the tests "tidy:one unit: ..." say so.
function(shmbus_large_units target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC takes the files of a unit for headers, where a type with a member of an unnamed namespace
    # would differ from unit to unit.
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>")
  endif()
endfunction()

# shmbus_program_units(<target>): for what the programs are made of.
function(shmbus_program_units target)
  if(SHMBUS_UNITY_PROGRAMS)
    shmbus_large_units(${target})
  endif()
endfunction()

# shmbus_optimise_little(<target>): for code that waits for people or for other processes. -O1 takes
# half the time of -O3.
function(shmbus_optimise_little target)
  target_compile_options(${target} PRIVATE "$<$<CONFIG:Release>:-O1>")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Falsely warned of at -O1; the library, at -O3, keeps the warning.
    target_compile_options(${target} PRIVATE "$<$<CONFIG:Release>:-Wno-maybe-uninitialized>")
  endif()
endfunction()
