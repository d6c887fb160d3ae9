# The plug-ins of these tests, in C: nothing of C++ or of the library crosses to a plug-in. The
# project speaks C++ alone, so the C++ compiler is told that this is C.
set(plugin_folder "${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/plugins")
set(plugin_source "${CMAKE_CURRENT_SOURCE_DIR}/plugin/plugins/tally.c")
set(plugin_header "${PROJECT_SOURCE_DIR}/libshmbus/include/shmbus/plugin.h")
set(plugin_files "")
set(plugin_werror "")
if(SHMBUS_WERROR)
  set(plugin_werror -Werror)
endif()
foreach(plugin "1|GOOD" "2|GOOD" "3|FAILS" "3|CRASHES" "3|HANGS" "3|OTHER_ABI" "3|OTHER_TYPES"
               "3|LACKS" "3|SICK" "3|SLOW" "3|CRASHES_AT_END" "3|GROWN"
               "3|STUCK")
  string(REPLACE "|" ";" plugin "${plugin}")
  list(GET plugin 0 version)
  list(GET plugin 1 mode)
  string(TOLOWER "${mode}_${version}" name)
  add_custom_command(OUTPUT "${plugin_folder}/${name}.so"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${plugin_folder}"
    COMMAND "${CMAKE_CXX_COMPILER}" -x c -std=c99 -pedantic -Wall -Wextra ${plugin_werror} -O1 -fPIC -shared
            -fvisibility=hidden -D VERSION=${version} -D MODE=${mode}
            -I "${PROJECT_SOURCE_DIR}/libshmbus/include" "${plugin_source}"
            -Wl,-z,defs -pthread -o "${plugin_folder}/${name}.so"
    DEPENDS "${plugin_source}" "${plugin_header}" VERBATIM)
  list(APPEND plugin_files "${plugin_folder}/${name}.so")
endforeach()
add_custom_target(shmbus_test_plugins DEPENDS ${plugin_files})
if(TARGET shmbus_plugin_tests)
  add_dependencies(shmbus_plugin_tests shmbus_test_plugins)
  target_compile_definitions(shmbus_plugin_tests PRIVATE SHMBUS_PLUGIN_DIR="${plugin_folder}")
endif()

# And one in C++, as users build theirs.
include("${PROJECT_SOURCE_DIR}/cmake/shmbusPlugin.cmake")
shmbus_add_plugin(test_plugin_shapes plugin/plugins/shapes.cpp)
target_include_directories(test_plugin_shapes PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(test_plugin_shapes PRIVATE Threads::Threads)
add_dependencies(shmbus_test_plugins test_plugin_shapes)
