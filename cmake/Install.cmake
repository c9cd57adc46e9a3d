# Installs the headers, a package for find_package, and files for pkg-config; none of them names a
# folder of this machine, so that an installed tree can be moved. Makes a Debian package of them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(DIRECTORY include/glstm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT glstm
        FILES_MATCHING PATTERN *.hpp)

# share/ and not lib/, because nothing here is for one kind of processor but for glstm::compiled, which
# is installed on request.
set(package_folder ${CMAKE_INSTALL_DATADIR}/cmake/glstm)
install(TARGETS glstm EXPORT glstm-targets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT glstm-targets NAMESPACE glstm:: DESTINATION ${package_folder} COMPONENT glstm)
set(any_processor ARCH_INDEPENDENT)
if(GLSTM_INSTALL_COMPILED)
  set(any_processor "")
  install(TARGETS glstm_compiled EXPORT glstm-compiled-targets COMPONENT glstm
          ARCHIVE COMPONENT glstm LIBRARY COMPONENT glstm RUNTIME COMPONENT glstm
          INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT glstm-compiled-targets NAMESPACE glstm:: DESTINATION ${package_folder}
          COMPONENT glstm)
endif()
# As long as the major version is 0, a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/glstm-config-version.cmake
                                 COMPATIBILITY SameMinorVersion ${any_processor})
install(FILES cmake/glstm-config.cmake ${PROJECT_BINARY_DIR}/glstm-config-version.cmake
        DESTINATION ${package_folder} COMPONENT glstm)
install(FILES cmake/Eigen.cmake DESTINATION ${package_folder} RENAME glstm-eigen.cmake
        COMPONENT glstm)

set(pkgconfig_folder ${CMAKE_INSTALL_DATADIR}/pkgconfig)
set(to_prefix /)
cmake_path(RELATIVE_PATH to_prefix BASE_DIRECTORY /${pkgconfig_folder})
foreach(name glstm glstm-io)
  configure_file(cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${pkgconfig_folder} COMPONENT glstm)
endforeach()

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/glstm COMPONENT glstm-license)

if(PROJECT_IS_TOP_LEVEL)
  # Debian wants the licence under the name of its package.
  install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libglstm-dev RENAME copyright
          COMPONENT glstm-debian EXCLUDE_FROM_ALL)
  set(CPACK_GENERATOR DEB)
  set(CPACK_INSTALL_CMAKE_PROJECTS ${PROJECT_BINARY_DIR} glstm glstm /
                                   ${PROJECT_BINARY_DIR} glstm glstm-debian /)
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
      OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  set(CPACK_PACKAGE_NAME libglstm-dev)
  set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
  set(CPACK_PACKAGE_CONTACT "glstm developers")
  set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
  set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
      "Header-only C++20 library for recurrent networks that cross long sequences
cheaply: the neurons of a Gaussian-gated LSTM each learn when to update, and
what is not updated is not computed, forward or backward. It needs Eigen
alone; files and data sets (glstm::io) need the recommended libraries, training
by several processes (glstm::mpi) the suggested one.")
  set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
  if(NOT GLSTM_INSTALL_COMPILED)
    set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)
  endif()
  set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
  set(CPACK_DEBIAN_PACKAGE_DEPENDS "libeigen3-dev (>= 3.4)")
  set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "nlohmann-json3-dev, zlib1g-dev, libpng-dev")
  set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libopenmpi-dev")
  set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
  set(CPACK_VERBATIM_VARIABLES ON)
  include(CPack)
endif()
