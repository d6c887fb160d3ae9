# shmbus_add_plugin(<target> <source>...): a shared object for `shmbus host`. It sees the headers of
# the library and links nothing of it. All symbols but the entry point are hidden, and GCC makes no
# unique ones: an object that has some can never be unloaded.
function(shmbus_add_plugin target)
  add_library(${target} MODULE ${ARGN})
  target_include_directories(${target} PRIVATE
    $<TARGET_PROPERTY:shmbus::shmbus,INTERFACE_INCLUDE_DIRECTORIES>)
  target_link_libraries(${target} PRIVATE tl::expected)
  target_compile_features(${target} PRIVATE cxx_std_20)
  set_target_properties(${target} PROPERTIES
    PREFIX "" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_compile_options(${target} PRIVATE
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-fno-gnu-unique>)
  if(NOT SHMBUS_SANITIZE)  # what a sanitizer adds is found in the host
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
endfunction()
