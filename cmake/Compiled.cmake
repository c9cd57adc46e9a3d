# glstm::compiled: the headers, and their usual instantiations (glstm/compiled.hpp) as a library. It is
# built when something links it, or to be installed.
#
#   GLSTM_INSTALL_COMPILED  also install it
#   GLSTM_COMPILED_ARCH     the processor it is compiled for, as after -march=; its users are compiled
#                           for the same one, because Eigen's packets and alignment must agree.
#                           Empty: what the compiler takes by itself, which is so for a package. The
#                           project's own programs are compiled for this machine unless GLSTM_NATIVE
#                           is OFF, and the library must be then.
option(GLSTM_INSTALL_COMPILED "Also build and install glstm::compiled" OFF)

set(own_arch "")
if(GLSTM_NATIVE AND GLSTM_HAS_MARCH_NATIVE)
  set(own_arch native)
endif()
if(GLSTM_INSTALL_COMPILED AND own_arch AND NOT DEFINED GLSTM_COMPILED_ARCH)
  message(FATAL_ERROR "glstm::compiled, which is to be installed, would be compiled for this machine "
                      "alone: set GLSTM_NATIVE=OFF, or GLSTM_COMPILED_ARCH=native if you want that")
endif()
if(NOT DEFINED GLSTM_COMPILED_ARCH)
  set(GLSTM_COMPILED_ARCH "${own_arch}")
elseif(own_arch AND NOT GLSTM_COMPILED_ARCH STREQUAL own_arch)
  message(FATAL_ERROR "The project's own programs are compiled with -march=native, glstm::compiled is "
                      "to be compiled with -march=${GLSTM_COMPILED_ARCH}: set GLSTM_NATIVE=OFF")
endif()

set(when_linked EXCLUDE_FROM_ALL)
if(GLSTM_INSTALL_COMPILED)
  set(when_linked "")
endif()
add_library(glstm_compiled ${when_linked} src/compiled_double.cpp src/compiled_float.cpp)
add_library(glstm::compiled ALIAS glstm_compiled)
set_target_properties(glstm_compiled PROPERTIES EXPORT_NAME compiled POSITION_INDEPENDENT_CODE ON
                                                VERSION ${PROJECT_VERSION})
target_compile_definitions(glstm_compiled PUBLIC GLSTM_COMPILED)
target_link_libraries(glstm_compiled PUBLIC glstm)
if(GLSTM_COMPILED_ARCH)
  target_compile_options(glstm_compiled PUBLIC -march=${GLSTM_COMPILED_ARCH})
endif()
if(TARGET glstm_own_warnings)
  target_link_libraries(glstm_compiled PRIVATE $<BUILD_INTERFACE:glstm_own_warnings>)
endif()
