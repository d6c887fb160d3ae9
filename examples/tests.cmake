# The examples are run and what they print is compared: what a reader sees first must not rot.

function(add_example_test name)
  add_test(NAME "examples:${name}" COMMAND ${ARGN})
  set_tests_properties("examples:${name}" PROPERTIES LABELS examples TIMEOUT 60)
endfunction()

set(pair "${CMAKE_CURRENT_SOURCE_DIR}/run_pair.sh" "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
add_example_test(greet ${pair} "hello, reader" greet_handler greet_caller reader)
add_example_test(epoll ${pair} "hello from epoll, reader" epoll_server greet_caller reader)
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
