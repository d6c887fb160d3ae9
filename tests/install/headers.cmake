# The public headers as a strict user compiles them: every warning of both compilers is an error, the
# headers are not those of a system. An older C++ gets an error that says so.
cmake_minimum_required(VERSION 3.22)

set(include -I "${source}/libshmbus/include" -I "${generated}")
set(here "${source}/tests/install/found")
set(warnings -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wcast-qual -Wcast-align -Wextra-semi -Wnon-virtual-dtor -Woverloaded-virtual -Wdouble-promotion
  -Wformat=2 -Wundef -Wredundant-decls -Wmissing-declarations -Wzero-as-null-pointer-constant
  -Wnull-dereference -Wfloat-equal -Wswitch-enum -Werror)
set(of_gxx -Wuseless-cast -Wduplicated-branches -Wduplicated-cond -Wlogical-op -Wsuggest-override
  -Wcast-align=strict)
# What is left of -Weverything: words about older standards, padding, and where a vtable is emitted.
set(of_clangxx -Weverything -Wno-c++98-compat -Wno-c++98-compat-pedantic -Wno-c++20-compat
  -Wno-padded -Wno-weak-vtables -Wno-unsafe-buffer-usage -Wno-unknown-warning-option
  -Wno-switch-default)

set(tried 0)
foreach(name gxx clangxx)
  if(NOT ${name})
    continue()
  endif()
  execute_process(COMMAND "${${name}}" -std=c++20 -fsyntax-only ${warnings} ${of_${name}} ${include}
    "${here}/strict.cpp" RESULT_VARIABLE result ERROR_VARIABLE said)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${${name}}: ${said}")
  endif()
  foreach(header shmbus.hpp command.hpp types.hpp plugin.hpp)
    execute_process(COMMAND "${CMAKE_COMMAND}" -E echo "#include <shmbus/${header}>"
      COMMAND "${${name}}" -std=c++17 -fsyntax-only -x c++ ${include} -
      RESULT_VARIABLE result ERROR_VARIABLE said)
    string(REGEX MATCH "error:[^\n]*" first "${said}")
    if(result EQUAL 0 OR NOT first MATCHES "shmbus needs C\\+\\+20: compile with -std=c\\+\\+20")
      message(FATAL_ERROR "${${name}} with C++17 and ${header} said first: ${first}")
    endif()
  endforeach()
  # No 32-bit machine, which no such compiler has to be there for; other machines by the preprocessor.
  set(machines -m32 -mx32)
  if(name STREQUAL "clangxx")
    set(machines --target=arm-linux-gnueabihf --target=i686-linux-gnu --target=aarch64_be-linux-gnu)
  elseif(NOT CMAKE_HOST_SYSTEM_PROCESSOR STREQUAL "x86_64")
    set(machines "")
  endif()
  foreach(machine IN LISTS machines)
    execute_process(COMMAND "${CMAKE_COMMAND}" -E echo "#include <shmbus/cxx20.hpp>"
      COMMAND "${${name}}" ${machine} -std=c++20 -E -x c++ ${include} -
      RESULT_VARIABLE result OUTPUT_QUIET ERROR_VARIABLE said)
    if(result EQUAL 0 OR NOT said MATCHES "shmbus needs a 64-bit little-endian machine")
      message(FATAL_ERROR "${${name}} ${machine}: not refused with a reason: ${said}")
    endif()
  endforeach()
  math(EXPR tried "${tried} + 1")
endforeach()
if(tried EQUAL 0)
  message(FATAL_ERROR "neither g++ nor clang++ is there")
endif()
