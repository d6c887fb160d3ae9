# What is released of shmbus.h does not change, and the header suits C11 and C++.
add_test(NAME capi:headers COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/capi/headers.sh"
  "${PROJECT_SOURCE_DIR}/c/include" "${PROJECT_SOURCE_DIR}/libshmbus/include")
set_tests_properties(capi:headers PROPERTIES LABELS "capi;c-abi" TIMEOUT 120)
if(Python3_FOUND)
  set(libraries "$<TARGET_FILE:shmbus_c>")
  if(TARGET shmbus_c_shared)
    list(APPEND libraries "$<TARGET_FILE:shmbus_c_shared>")
  endif()
  add_test(NAME capi:released COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/capi/abi.py"
    "${PROJECT_SOURCE_DIR}" "${CMAKE_C_COMPILER}" ${libraries})
  add_test(NAME "capi:a change of what is released is found"
    COMMAND "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/capi/abi.py" --self-test)
  set_tests_properties(capi:released "capi:a change of what is released is found"
    PROPERTIES LABELS "capi;c-abi" TIMEOUT 120)
endif()
