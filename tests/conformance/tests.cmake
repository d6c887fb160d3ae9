# The matrix of languages: README.md. Included by ../CMakeLists.txt. shmbus_conformance_peer(<language>
# <command>) adds a language; what it builds is a target of its own.
set(here "${CMAKE_CURRENT_SOURCE_DIR}/conformance")
set(peers "")
set(environment "PYTHONDONTWRITEBYTECODE=1")
function(shmbus_conformance_peer language command)
  set(peers ${peers} --peer "${language}=${command}" PARENT_SCOPE)
endfunction()

add_executable(conformance_cpp "${here}/peer_call.cpp" "${here}/peer_handle.cpp")
target_link_libraries(conformance_cpp PRIVATE shmbus_codec shmbus_core)
target_compile_options(conformance_cpp PRIVATE -Wno-old-style-cast)  # words.h is C too
shmbus_optimise_little(conformance_cpp)
shmbus_conformance_peer(C++ "$<TARGET_FILE:conformance_cpp>")
if(TARGET shmbus_c)
  add_executable(conformance_c "${here}/peer_call.c" "${here}/peer_handle.c")
  target_link_libraries(conformance_c PRIVATE shmbus_c)
  set_target_properties(conformance_c PROPERTIES C_STANDARD 11 C_EXTENSIONS ON LINKER_LANGUAGE CXX)
  shmbus_conformance_peer(C "$<TARGET_FILE:conformance_c>")
endif()
if(TARGET shmbus_python)
  shmbus_conformance_peer(Python "${SHMBUS_PYTHON} ${here}/peer.py")
  list(APPEND environment "PYTHONPATH=${PROJECT_BINARY_DIR}/python")
endif()
if(TARGET conformance_go)
  shmbus_conformance_peer(Go "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/conformance_go")
endif()
if(TARGET shmbus_rust)
  shmbus_conformance_peer(Rust "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/conformance_rust")
  list(APPEND environment "LD_LIBRARY_PATH=$<TARGET_FILE_DIR:shmbus_c_shared>")
endif()

# Each pair of languages, and each scenario, but not each scenario with each pair: that takes minutes.
find_package(Python3 COMPONENTS Interpreter QUIET)
if(Python3_Interpreter_FOUND)
  add_test(NAME conformance:matrix
    COMMAND "${Python3_EXECUTABLE}" "${here}/matrix.py" ${peers} --every 8)
  set_tests_properties(conformance:matrix PROPERTIES LABELS conformance TIMEOUT 600 RUN_SERIAL TRUE
    ENVIRONMENT "${environment}")
endif()
