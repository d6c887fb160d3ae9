# Golden tests without C++: what stands in the README is what stands in the examples.
if(Python3_Interpreter_FOUND)
  set(snippets "${CMAKE_CURRENT_SOURCE_DIR}/golden/readme_snippets.py")
  add_test(NAME "golden:README quotes the examples"
    COMMAND "${Python3_EXECUTABLE}" "${snippets}" "${PROJECT_SOURCE_DIR}")
  add_test(NAME "golden:the README test catches its faults"
    COMMAND "${Python3_EXECUTABLE}" "${snippets}" --self-test)
  set_tests_properties("golden:README quotes the examples"
    "golden:the README test catches its faults" PROPERTIES LABELS golden TIMEOUT 30)
endif()
