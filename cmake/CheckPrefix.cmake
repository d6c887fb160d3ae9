# Run by `cmake --install` before it copies anything: the nearest folder of the prefix that exists
# must be one that this user may write to.
set(folder "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
while(NOT EXISTS "${folder}")
  get_filename_component(folder "${folder}" DIRECTORY)
endwhile()
execute_process(COMMAND test -w "${folder}" RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "no permission to write to ${folder}. As an administrator: sudo cmake --install "
    "<build>. Without: choose a folder of your own, cmake --install <build> --prefix $HOME/.local")
endif()
