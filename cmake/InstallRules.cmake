# Everything is installed relative to the prefix, so an installed tree may be moved.
include(CMakePackageConfigHelpers)

# Before anything is copied: say what to do where the prefix cannot be written to.
install(SCRIPT cmake/CheckPrefix.cmake)

install(TARGETS shmbus EXPORT shmbusTargets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY libshmbus/include/ "${PROJECT_BINARY_DIR}/generated/include/"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")
# Durable commands: headers alone; once.hpp and outbox.hpp need sqlite3.h.
install(DIRECTORY spool/include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/shmbus")
if(PROJECT_IS_TOP_LEVEL)  # the documents of another project are its own
  install(FILES README.md CHANGELOG.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")
  install(DIRECTORY docs/ DESTINATION "${CMAKE_INSTALL_DOCDIR}/docs")
  # Sources that README and docs lead to.
  install(DIRECTORY examples DESTINATION "${CMAKE_INSTALL_DOCDIR}"
    PATTERN "tests.cmake" EXCLUDE PATTERN "run_*" EXCLUDE PATTERN "*.jsonl" EXCLUDE)
endif()

# find_package(shmbus)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/shmbus")
install(EXPORT shmbusTargets NAMESPACE shmbus:: DESTINATION "${package_dir}")
configure_package_config_file(packaging/shmbusConfig.cmake.in shmbusConfig.cmake
  INSTALL_DESTINATION "${package_dir}")
# Before 1.0 each minor version may change the interface.
write_basic_package_version_file(shmbusConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/shmbusConfig.cmake"
              "${PROJECT_BINARY_DIR}/shmbusConfigVersion.cmake"
  DESTINATION "${package_dir}")

install(FILES cmake/shmbusGenerate.cmake cmake/shmbusPlugin.cmake DESTINATION "${package_dir}")

# pkg-config: the prefix is told from where the file lies.
file(RELATIVE_PATH SHMBUS_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" SHMBUS_PC_PREFIX "${SHMBUS_PC_PREFIX}")
configure_file(packaging/shmbus.pc.in shmbus.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/shmbus.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# For programs that are built with ThreadSanitizer: docs/debugging.md.
install(FILES packaging/tsan.supp DESTINATION "${CMAKE_INSTALL_DATADIR}/shmbus")
# The interface for C, an optional part: find_package(shmbus COMPONENTS c), pkg-config shmbus-c.
# `cmake --install BUILD --component c` installs it alone, for programs that need no C++ interface.
if(TARGET shmbus_c)
  install(TARGETS shmbus_c shmbus_c_headers EXPORT shmbusCTargets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT c
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT c)
  install(DIRECTORY c/include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT c)
  install(EXPORT shmbusCTargets NAMESPACE shmbus:: DESTINATION "${package_dir}" COMPONENT c)
  set(SHMBUS_C_PC_PRIVATE "Requires.private: shmbus\nLibs.private: -lstdc++")
  if(BUILD_SHARED_LIBS)
    set(SHMBUS_C_PC_PRIVATE "")  # it has the bus in itself
  endif()
  configure_file(packaging/shmbus-c.pc.in shmbus-c.pc @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/shmbus-c.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT c)
endif()

# The Python package, for `cmake --install BUILD --component python` alone: where it has to lie depends on
# the distribution. scripts/package puts it into python3-shmbus.
if(TARGET shmbus_python)
  set(SHMBUS_PYTHON_DIR "lib/python3/dist-packages" CACHE STRING "Where the Python package is installed")
  mark_as_advanced(SHMBUS_PYTHON_DIR)
  install(TARGETS shmbus_python LIBRARY DESTINATION "${SHMBUS_PYTHON_DIR}/shmbus" COMPONENT python
    EXCLUDE_FROM_ALL)
  install(DIRECTORY python/shmbus DESTINATION "${SHMBUS_PYTHON_DIR}" COMPONENT python EXCLUDE_FROM_ALL
    FILES_MATCHING PATTERN "*.py" PATTERN "*.pyi" PATTERN "py.typed" PATTERN "__pycache__" EXCLUDE)
endif()

# For use by hand; the tool has them in itself.
install(DIRECTORY packaging/bpftrace/ DESTINATION "${CMAKE_INSTALL_DATADIR}/shmbus/bpftrace"
  FILES_MATCHING PATTERN "*.bt")

# The programs that are built here: what each is called, and its target.
set(SHMBUS_PROGRAMS "")
foreach(program "shmbus|shmbus_cli" "shmbusd|shmbusd" "shmbus-gateway|shmbus_gateway"
                "shmbus-spool|shmbus_spool_program" "shmbus-bridge|shmbus_bridge")
  string(REPLACE "|" ";" named "${program}")
  list(POP_FRONT named name target)
  if(TARGET ${target})
    list(APPEND SHMBUS_PROGRAMS "${program}")
    install(TARGETS ${target} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
    if(EXISTS "${PROJECT_SOURCE_DIR}/packaging/${name}.service.in")
      # A unit names its program by full path. Written at install time, because only then the prefix
      # is certain (cmake --install --prefix).
      set(unit "\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/${name}@.service")
      install(CODE "
        set(SHMBUS_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
        configure_file(\"${PROJECT_SOURCE_DIR}/packaging/${name}.service.in\"
          \"\$ENV{DESTDIR}${unit}\" @ONLY)
        list(APPEND CMAKE_INSTALL_MANIFEST_FILES \"${unit}\")")
    endif()
  endif()
endforeach()

if(TARGET shmbus_cli)
  # Shell completions, each under the name its shell looks for.
  foreach(completion "shmbus.bash|bash-completion/completions|shmbus"
                     "shmbus.zsh|zsh/site-functions|_shmbus"
                     "shmbus.fish|fish/vendor_completions.d|shmbus.fish")
    string(REPLACE "|" ";" completion "${completion}")
    list(POP_FRONT completion file directory name)
    install(FILES "packaging/completions/${file}" RENAME "${name}" OPTIONAL
      DESTINATION "${CMAKE_INSTALL_DATADIR}/${directory}")
  endforeach()
endif()

# Man pages, from what the programs print for --help.
if(TARGET shmbus_cli AND TARGET shmbusd AND NOT CMAKE_CROSSCOMPILING)
  find_package(Python3 COMPONENTS Interpreter)
  if(Python3_Interpreter_FOUND)
    set(man_pages "")
    foreach(page IN LISTS SHMBUS_PROGRAMS)
      string(REPLACE "|" ";" page "${page}")
      list(POP_FRONT page name target)
      add_custom_command(OUTPUT "${PROJECT_BINARY_DIR}/man/${name}.1"
        COMMAND "${Python3_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/packaging/man_page.py"
          "$<TARGET_FILE:${target}>" "${PROJECT_BINARY_DIR}/man/${name}.1"
        DEPENDS ${target} packaging/man_page.py VERBATIM)
      list(APPEND man_pages "${PROJECT_BINARY_DIR}/man/${name}.1")
    endforeach()
    add_custom_target(shmbus_man ALL DEPENDS ${man_pages})
    install(FILES ${man_pages} DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
  else()
    message(STATUS "no man pages: Python 3 is missing, which makes them")
  endif()
endif()

# What `cmake --install` copies: the preset `programs` builds this and no more.
add_custom_target(shmbus_installed)
foreach(target shmbus shmbus_c ${SHMBUS_PROGRAMS} shmbus_man)
  string(REGEX REPLACE "^.*[|]" "" target "${target}")
  if(TARGET ${target})
    add_dependencies(shmbus_installed ${target})
  endif()
endforeach()

# `cmake --build <build> --target uninstall` removes what the last `cmake --install` of this build
# tree installed. Not where another project has a target of this name.
if(PROJECT_IS_TOP_LEVEL)
  add_custom_target(uninstall
    COMMAND "${CMAKE_COMMAND}" -D "manifest=${CMAKE_BINARY_DIR}/install_manifest.txt"
      -P "${PROJECT_SOURCE_DIR}/cmake/Uninstall.cmake" VERBATIM)
endif()
