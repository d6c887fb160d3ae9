# One ctest for each file: a bus, a spool, handlers and senders as processes. `ledger.py --kills
# 10000` and `faults.py --all` are the long forms.
if(TARGET peer_spool_peer AND Python3_Interpreter_FOUND)
  add_library(spool_faults MODULE "${CMAKE_CURRENT_LIST_DIR}/faults.c")
  set_target_properties(spool_faults PROPERTIES PREFIX "" C_STANDARD 11
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  target_link_libraries(spool_faults PRIVATE ${CMAKE_DL_LIBS})
  foreach(name behaviour outbox ledger faults)
    if(name STREQUAL "faults" AND SHMBUS_SANITIZE)
      continue()  # a preloaded library before the sanitizer's own
    endif()
    add_test(NAME "spool:${name}" COMMAND Python3::Interpreter -B
      "${CMAKE_CURRENT_LIST_DIR}/${name}.py" "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
    set_tests_properties("spool:${name}" PROPERTIES LABELS spool TIMEOUT 300)
  endforeach()
  if(TARGET shmbus_cli)
    add_test(NAME "spool:commands of docs/spool.md"
      COMMAND Python3::Interpreter -B "${CMAKE_CURRENT_LIST_DIR}/page.py"
        "${PROJECT_SOURCE_DIR}/docs/spool.md" "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
    set_tests_properties("spool:commands of docs/spool.md" PROPERTIES LABELS spool TIMEOUT 120)
  endif()
endif()
