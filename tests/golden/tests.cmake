# Golden tests without C++: what stands in the README is what stands in the examples.
if(Python3_Interpreter_FOUND)
  set(snippets "${CMAKE_CURRENT_SOURCE_DIR}/golden/readme_snippets.py")
  add_test(NAME "golden:README quotes the examples"
    COMMAND "${Python3_EXECUTABLE}" "${snippets}" "${PROJECT_SOURCE_DIR}")
  add_test(NAME "golden:the README test catches its faults"
    COMMAND "${Python3_EXECUTABLE}" "${snippets}" --self-test)
  add_test(NAME "golden:numbers in the docs are those of the code"
    COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/golden/docs_numbers.py"
      "${PROJECT_SOURCE_DIR}")
  add_test(NAME "golden:every kind of error has its section"
    COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/golden/errors_page.py"
      "${PROJECT_SOURCE_DIR}")
  set_tests_properties("golden:README quotes the examples"
    "golden:the README test catches its faults"
    "golden:numbers in the docs are those of the code"
    "golden:every kind of error has its section" PROPERTIES LABELS golden TIMEOUT 30)
  if(TARGET shmbus_cli AND TARGET example_greet_handler)
    add_test(NAME "golden:commands of docs/containers.md"
      COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/golden/docs_commands.py"
        "${PROJECT_SOURCE_DIR}/docs/containers.md" "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
    set_tests_properties("golden:commands of docs/containers.md" PROPERTIES
      LABELS golden TIMEOUT 120 SKIP_REGULAR_EXPRESSION "SKIPPED:")
  endif()
endif()
