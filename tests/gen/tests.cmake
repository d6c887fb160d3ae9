# The tests of the family gen compile what was made: with this compiler, against these headers.
if(TARGET shmbus_gen_tests)
  target_compile_definitions(shmbus_gen_tests PRIVATE
    SHMBUS_CXX="${CMAKE_CXX_COMPILER}"
    SHMBUS_INCLUDE_DIR="${PROJECT_SOURCE_DIR}/libshmbus/include"
    SHMBUS_GENERATED_INCLUDE_DIR="${PROJECT_BINARY_DIR}/generated/include")
endif()
