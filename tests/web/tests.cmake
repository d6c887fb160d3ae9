# The gateway's page in a real Chromium; skipped where that or node's modules are not there.
if(TARGET shmbus_gateway AND TARGET peer_web_handlers)
  add_test(NAME "web:page"
    COMMAND "${PROJECT_SOURCE_DIR}/scripts/test-page" --short --no-fetch
      "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  set_tests_properties("web:page" PROPERTIES LABELS web TIMEOUT 300 SKIP_RETURN_CODE 77
    RUN_SERIAL TRUE)
endif()
find_program(SHMBUS_NODE node)
if(SHMBUS_NODE)
  add_test(NAME "web:samples" COMMAND "${SHMBUS_NODE}" "${CMAKE_CURRENT_LIST_DIR}/samples.mjs")
  set_tests_properties("web:samples" PROPERTIES LABELS web TIMEOUT 60)
endif()
