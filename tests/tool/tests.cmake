# Completion by real interactive shells, which may be missing.
if(Python3_Interpreter_FOUND)
  foreach(shell bash zsh fish)
    add_test(NAME "tool:completion in an interactive ${shell}"
      COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/tool/shells.py"
        "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}" ${shell})
    set_tests_properties("tool:completion in an interactive ${shell}" PROPERTIES
      LABELS tool TIMEOUT 300 SKIP_RETURN_CODE 77)
  endforeach()
endif()
