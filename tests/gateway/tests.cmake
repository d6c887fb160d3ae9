# One ctest for each file: a bus, handlers and a gateway as processes, clients in Python.
if(TARGET shmbus_gateway AND TARGET peer_gateway_handlers AND Python3_Interpreter_FOUND)
  file(GLOB files CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/*.py")
  foreach(file IN LISTS files)
    get_filename_component(name "${file}" NAME_WE)
    if(name STREQUAL "gateway_case")
      continue()
    endif()
    add_test(NAME "gateway:${name}"
      COMMAND Python3::Interpreter -B "${file}" "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
    set_tests_properties("gateway:${name}" PROPERTIES LABELS gateway TIMEOUT 300)
  endforeach()
endif()
