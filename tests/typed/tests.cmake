# Programs that must not compile: by the compiler of this build, and by the other if it is there.
if(Python3_Interpreter_FOUND)
  file(GLOB programs CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/typed/compile/*.cpp")
  get_target_property(expected_dirs tl::expected INTERFACE_INCLUDE_DIRECTORIES)
  list(TRANSFORM expected_dirs PREPEND -I)
  find_program(SHMBUS_CLANGXX clang++)
  mark_as_advanced(SHMBUS_CLANGXX)
  foreach(compiler IN ITEMS "${CMAKE_CXX_COMPILER}" "${SHMBUS_CLANGXX}")
    get_filename_component(compiler_name "${compiler}" NAME)
    if(NOT compiler OR TEST "typed:what must not compile (${compiler_name})")
      continue()
    endif()
    add_test(NAME "typed:what must not compile (${compiler_name})"
      COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/typed/compile_fail.py"
        "${compiler}" -std=c++20 ${expected_dirs}
        "-I${PROJECT_SOURCE_DIR}/libshmbus/include" "-I${PROJECT_BINARY_DIR}/generated/include"
        -- ${programs})
    set_tests_properties("typed:what must not compile (${compiler_name})"
      PROPERTIES LABELS typed TIMEOUT 300)
  endforeach()
endif()
