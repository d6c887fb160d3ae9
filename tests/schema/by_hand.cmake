# A hand-written struct that differs from the document must not compile, and each difference be listed.
file(MAKE_DIRECTORY "${work}")
execute_process(COMMAND "${tool}" gen "${source}/examples/users.yaml" --check Address=by_hand::Address
  --include by_hand_wrong.hpp -o "${work}/check.hpp" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${compiler}" -std=c++20 -fsyntax-only -x c++ "${work}/check.hpp"
  "-I${source}/libshmbus/include" "-I${source}/tests/schema" ERROR_VARIABLE said RESULT_VARIABLE result)
if(result EQUAL 0)
  message(FATAL_ERROR "it compiles")
endif()
foreach(wanted "users.yaml:[0-9]+: member 1 of by_hand::Address is 'street', ::shmbus::String<40>"
               "users.yaml:[0-9]+: member 2 of by_hand::Address is 'number', ::std::uint16_t"
               "users.yaml:[0-9]+: by_hand::Address has exactly 2 members")
  if(NOT said MATCHES "${wanted}")
    message(FATAL_ERROR "the compiler does not say: ${wanted}\n${said}")
  endif()
endforeach()
