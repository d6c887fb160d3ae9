# Everything is installed relative to the prefix, so an installed tree may be moved.
include(CMakePackageConfigHelpers)

install(TARGETS shmbus EXPORT shmbusTargets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY libshmbus/include/ "${PROJECT_BINARY_DIR}/generated/include/"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/shmbus")

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

# For use by hand; the tool has them in itself.
install(DIRECTORY packaging/bpftrace/ DESTINATION "${CMAKE_INSTALL_DATADIR}/shmbus/bpftrace"
  FILES_MATCHING PATTERN "*.bt")

if(TARGET shmbusd)
  install(TARGETS shmbusd RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  # A unit names its program by full path. Written at install time, because only then the prefix is
  # certain (cmake --install --prefix).
  install(CODE "
    set(SHMBUS_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    configure_file(\"${PROJECT_SOURCE_DIR}/packaging/shmbusd.service.in\"
      \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/shmbusd@.service\" @ONLY)")
endif()

if(TARGET shmbus_cli)
  install(TARGETS shmbus_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
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
