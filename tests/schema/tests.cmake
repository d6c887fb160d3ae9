# Structs written by hand that differ from a document: examples/users_by_hand.cpp shows the others.
if(TARGET shmbus_cli)
  add_test(NAME "schema:a struct that differs from its document does not compile"
    COMMAND "${CMAKE_COMMAND}" -D "tool=$<TARGET_FILE:shmbus_cli>" -D "source=${PROJECT_SOURCE_DIR}"
      -D "work=${CMAKE_CURRENT_BINARY_DIR}/by_hand" -D "compiler=${CMAKE_CXX_COMPILER}"
      -P "${CMAKE_CURRENT_SOURCE_DIR}/schema/by_hand.cmake")
  set_tests_properties("schema:a struct that differs from its document does not compile"
    PROPERTIES LABELS schema TIMEOUT 120)
endif()
