# A shared object with its own copy of the library, none of whose symbols are seen: nothing but the
# library itself keeps it loaded.
add_library(opens_bus MODULE unit/modules/opens_bus.cpp)
target_link_libraries(opens_bus PRIVATE shmbus_core)
target_link_options(opens_bus PRIVATE -Wl,--exclude-libs,ALL)
set_target_properties(opens_bus PROPERTIES
  LIBRARY_OUTPUT_DIRECTORY "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}"
  CXX_VISIBILITY_PRESET hidden)
add_dependencies(shmbus_unit_tests opens_bus)
