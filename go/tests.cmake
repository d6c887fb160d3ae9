# Included by CMakeLists.txt: vet, the tests with the race detector, and the examples.
function(shmbus_add_go_test name)
  add_test(NAME "go:${name}" COMMAND "${SHMBUS_GO}" ${ARGN} WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
  set_tests_properties("go:${name}" PROPERTIES LABELS go TIMEOUT 300 RUN_SERIAL TRUE
    ENVIRONMENT "${environment}")
endfunction()

shmbus_add_go_test(vet vet ./...)
shmbus_add_go_test(package test -count=1 -timeout=200s .)
shmbus_add_go_test(race test -race -count=1 -timeout=200s .)

file(GLOB files CONFIGURE_DEPENDS internal/conformance/*.go)
shmbus_go_program(conformance_go ./internal/conformance ${files})

if(TARGET example_greet_handler)
  foreach(name greet_handler greet_caller)
    file(GLOB files CONFIGURE_DEPENDS examples/${name}/*.go)
    shmbus_go_program(example_go_${name} ./examples/${name} ${files})
  endforeach()
  set(pair "${PROJECT_SOURCE_DIR}/examples/run_pair.sh" "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  add_test(NAME "examples:Go on both sides" COMMAND ${pair} "hello from Go, reader"
    go_greet_handler go_greet_caller reader)
  add_test(NAME "examples:a handler in Go" COMMAND ${pair} "hello from Go, reader"
    go_greet_handler greet_caller reader)
  add_test(NAME "examples:a caller in Go" COMMAND ${pair} "hello, reader"
    greet_handler go_greet_caller reader)
  foreach(name "Go on both sides" "a handler in Go" "a caller in Go")
    set_tests_properties("examples:${name}" PROPERTIES LABELS "examples;go" TIMEOUT 60)
  endforeach()
endif()
