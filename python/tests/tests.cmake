# Included by ../CMakeLists.txt: the tests of the package, by the interpreter that it is built for.
function(shmbus_add_python_test name)
  add_test(NAME "python:${name}" COMMAND "${SHMBUS_PYTHON}" ${ARGN})
  set_tests_properties("python:${name}" PROPERTIES LABELS python TIMEOUT 180 RUN_SERIAL TRUE
    SKIP_REGULAR_EXPRESSION "SKIPPED:"
    ENVIRONMENT "PYTHONPATH=${PROJECT_BINARY_DIR}/python;PYTHONDONTWRITEBYTECODE=1")
endfunction()

set(here "${CMAKE_CURRENT_SOURCE_DIR}/tests")
shmbus_add_python_test(package "${here}/test_shmbus.py")
shmbus_add_python_test(threads "${here}/test_threads.py")
add_executable(python_peer tests/peer.cpp)
target_link_libraries(python_peer PRIVATE shmbus::shmbus)
shmbus_add_python_test(events "${here}/test_events.py" "$<TARGET_FILE:python_peer>")
shmbus_add_python_test(streams "${here}/test_streams.py" "$<TARGET_FILE:python_peer>")
shmbus_add_python_test(types "${here}/typed_test.py" "${PROJECT_BINARY_DIR}/python")
shmbus_add_python_test("no references are leaked" "${here}/leaks.py" 50000)

if(TARGET example_greet_handler)
  set(pair "${PROJECT_SOURCE_DIR}/examples/run_pair.sh" "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  add_test(NAME "examples:Python on both sides" COMMAND ${pair} "hello from Python, reader"
    greet_handler.py greet_caller.py reader)
  add_test(NAME "examples:a handler in Python" COMMAND ${pair} "hello from Python, reader"
    greet_handler.py greet_caller reader)
  add_test(NAME "examples:a caller in Python" COMMAND ${pair} "hello, reader"
    greet_handler greet_caller.py reader)
  add_test(NAME "examples:a caller in Python, a handler in C" COMMAND ${pair} "hello from C, reader"
    c_greet_handler greet_caller.py reader)
  add_test(NAME "examples:asyncio on both sides" COMMAND ${pair} "hello, Ada and hello, Bob"
    - async_greet.py)
  add_test(NAME "examples:events in Python" COMMAND ${pair} "10 prices in order, 0 missed"
    price_publisher.py price_reader.py)
  add_test(NAME "examples:events in asyncio" COMMAND ${pair} "sold" price_publisher.py price_watch.py)
  add_test(NAME "examples:streams in Python" COMMAND ${pair} "1000 lines appended, 10 errors"
    - log_stream.py)
  foreach(name "Python on both sides" "a handler in Python" "a caller in Python"
          "a caller in Python, a handler in C" "asyncio on both sides"
          "events in Python" "events in asyncio" "streams in Python")
    set_tests_properties("examples:${name}" PROPERTIES LABELS "examples;python" TIMEOUT 60
      ENVIRONMENT "PYTHONPATH=${PROJECT_BINARY_DIR}/python;PYTHON=${SHMBUS_PYTHON};PYTHONDONTWRITEBYTECODE=1")
  endforeach()
endif()
