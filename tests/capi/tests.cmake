# What is released of shmbus.h does not change, and the header suits C11 and C++.
add_test(NAME capi:headers COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/capi/headers.sh"
  "${PROJECT_SOURCE_DIR}/libshmbus/include")
set_tests_properties(capi:headers PROPERTIES LABELS "capi;c-abi" TIMEOUT 120)
if(Python3_FOUND)
  add_test(NAME capi:released COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/capi/abi.py"
    "${PROJECT_SOURCE_DIR}" "${CMAKE_C_COMPILER}" "$<TARGET_FILE:shmbus>")
  set_tests_properties(capi:released PROPERTIES LABELS "capi;c-abi" TIMEOUT 120)
endif()
