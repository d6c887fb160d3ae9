# The examples are run and what they print is compared: what a reader sees first must not rot.

function(add_example_test name)
  add_test(NAME "examples:${name}" COMMAND ${ARGN})
  set_tests_properties("examples:${name}" PROPERTIES LABELS examples TIMEOUT 60)
endfunction()

set(pair "${CMAKE_CURRENT_SOURCE_DIR}/run_pair.sh" "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
add_example_test(greet ${pair} "hello, reader" greet_handler greet_caller reader)
add_example_test(epoll ${pair} "hello from epoll, reader" epoll_server greet_caller reader)
add_example_test("a caller in an epoll loop" ${pair} "hello, Ada
hello, Bob" greet_handler epoll_caller Ada Bob)
add_example_test("await replies" ${pair} "hello, hello, Ada
hello, hello, Bob" greet_handler async_caller Ada Bob)
if(TARGET example_c_greet_caller)
  add_example_test("C on both sides" ${pair} "hello from C, reader
hello from C, again" c_greet_handler c_greet_caller reader)
  add_example_test("a handler in C" ${pair} "hello from C, reader" c_greet_handler greet_caller reader)
  add_example_test("a caller in C" ${pair} "hello, reader
hello, again" greet_handler c_greet_caller reader)
  set_tests_properties("examples:C on both sides" "examples:a handler in C" "examples:a caller in C"
    PROPERTIES LABELS "examples;c-abi")
endif()
add_example_test(errors ${pair}
  "receipt 1001\; refused: out of stock, because stock.take rejected (12)\; count: not_registered"
  - errors)
add_example_test(middleware ${pair}
  "ok invalid_argument rejected overloaded 6 attempts" - middleware)
if(TARGET example_asio_caller)
  add_example_test("await replies in an asio loop" ${pair} "hello, Ada
hello, Bob" greet_handler asio_caller Ada Bob)
  set_tests_properties("examples:await replies in an asio loop" PROPERTIES LABELS "examples;async")
endif()
set_tests_properties("examples:a caller in an epoll loop" "examples:await replies"
  PROPERTIES LABELS "examples;async")
set_tests_properties(examples:errors PROPERTIES LABELS "examples;errors")
set_tests_properties(examples:middleware PROPERTIES LABELS "examples;middleware")
add_example_test(pipeline ${pair} "32 answers, sum of squares 10416" - pipeline)

if(Python3_Interpreter_FOUND)
  add_example_test("log replay" "${CMAKE_CURRENT_SOURCE_DIR}/run_log.sh"
    "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  if(TARGET shmbusd AND TARGET shmbus_cli)
    add_example_test(demo
      "${PROJECT_SOURCE_DIR}/scripts/demo" --bin "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
    # It measures latencies and ends by itself when anything hangs.
    set_tests_properties("examples:demo" PROPERTIES RUN_SERIAL TRUE TIMEOUT 120)
  endif()
endif()
add_example_test(typed ${pair} "sum 6.5, 5 words from 'five', later 144" - typed)
set_tests_properties("examples:typed" PROPERTIES LABELS "examples;typed")
if(TARGET shmbus_cli)
  add_example_test("users of an OpenAPI document" ${pair}
    "ann@example.org is user 1 since 2026-11-22T08:30:00Z\; again: the address is known"
    users_handler users_caller)
  add_example_test("structs by hand, held against a document" ${pair}
    "{email:email@0,plan:enum<u8(free=0,paid=1)>@260,nick:opt<str20>@264,addresses:opt<vec2<{street:str40@0,number:u16@44}48/4>>@296}400/8->none"
    - users_by_hand)
  set_tests_properties("examples:users of an OpenAPI document"
    "examples:structs by hand, held against a document" PROPERTIES LABELS "examples;schema")
  if(Python3_Interpreter_FOUND)
    add_example_test("JSON from the command line"
      "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/run_session.py" "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}"
      users_handler "${CMAKE_CURRENT_SOURCE_DIR}/users_session.txt")
    set_tests_properties("examples:JSON from the command line"
      PROPERTIES LABELS "examples;describe")
  endif()
endif()
add_example_test(nested ${pair} "no trip in time, room of trip 7 released" - nested)
set_tests_properties("examples:nested" PROPERTIES LABELS "examples;context")
add_example_test(group ${pair} "1000 answers, sum of squares 333833500" - group)
set_tests_properties(examples:group PROPERTIES LABELS "examples;groups")
add_example_test(workers ${pair} "4 answers, sum 2006" - workers)
set_tests_properties(examples:workers PROPERTIES LABELS "examples;workers")
add_example_test(feed ${pair} "each reader accounts for 20000 prices" - feed)
add_example_test(settings ${pair} "10 processes have version 3" - settings)
add_example_test(chat ${pair} "each has read 300 lines, in the order of who said them" - chat)
set_tests_properties(examples:feed examples:settings examples:chat
  PROPERTIES LABELS "examples;events")
add_example_test("log stream" ${pair} "10000 lines appended\; of 100 errors 10 read" - log_stream)
set_tests_properties("examples:log stream" PROPERTIES LABELS "examples;streams")
add_example_test("watch names" ${pair} "clock: gone, there, gone" - watch_names)
set_tests_properties("examples:watch names" PROPERTIES LABELS "examples;availability")
add_example_test(tracing ${pair} "stock.take ran in the trace of the request" - tracing)
set_tests_properties("examples:tracing" PROPERTIES LABELS "examples;tracing")
if(TARGET shmbus_cli)
  add_example_test("a plug-in, reloaded" "${CMAKE_CURRENT_SOURCE_DIR}/run_plugin.sh"
    "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}" "${CMAKE_LIBRARY_OUTPUT_DIRECTORY}")
  set_tests_properties("examples:a plug-in, reloaded" PROPERTIES LABELS "examples;plugin")
endif()
add_example_test("a handler, exchanged" ${pair} "11900, then 12100" - exchange)
set_tests_properties("examples:a handler, exchanged" PROPERTIES LABELS "examples;takeover")
add_example_test(takeover ${pair}
  "hello, Ada, from 1\; hello, Ada, from 2\; 0 calls failed\; release 1 ended by itself" - takeover)
set_tests_properties(examples:takeover PROPERTIES LABELS "examples;takeover")
add_example_test(policies ${pair} "denied: not_permitted
allowed: ok
at 20/s: ok ok overloaded, later: ok
breaker: rejected rejected rejected rejected overloaded, on trial: ok, closed" - policies)
set_tests_properties("examples:policies" PROPERTIES LABELS "examples;policy")
