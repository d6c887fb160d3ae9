include(CMakeFindDependencyMacro)
find_dependency(shmbus)
include("${CMAKE_CURRENT_LIST_DIR}/dependentTargets.cmake")
