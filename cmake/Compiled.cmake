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

# The library is made of one part for each scalar type; programs of this project that compute in float
# link that part alone, which takes half as long to build.
set(when_linked EXCLUDE_FROM_ALL)
if(GLSTM_INSTALL_COMPILED)
  set(when_linked "")
endif()
set(parts glstm_compiled_float glstm_compiled_double)
add_library(glstm_compiled_float OBJECT EXCLUDE_FROM_ALL src/compiled_float.cpp)
add_library(glstm_compiled_double OBJECT EXCLUDE_FROM_ALL src/compiled_double.cpp)
add_library(glstm_compiled STATIC ${when_linked} $<TARGET_OBJECTS:glstm_compiled_float>
                                                 $<TARGET_OBJECTS:glstm_compiled_double>)
add_library(glstm::compiled ALIAS glstm_compiled)
set_target_properties(glstm_compiled PROPERTIES EXPORT_NAME compiled LINKER_LANGUAGE CXX
                                                VERSION ${PROJECT_VERSION})
set_target_properties(${parts} PROPERTIES POSITION_INDEPENDENT_CODE ON)
foreach(target ${parts} glstm_compiled)
  target_compile_definitions(${target} PUBLIC GLSTM_COMPILED)
  target_link_libraries(${target} PUBLIC glstm)
  if(GLSTM_COMPILED_ARCH)
    target_compile_options(${target} PUBLIC -march=${GLSTM_COMPILED_ARCH})
  endif()
endforeach()
if(TARGET glstm_own_warnings)
  foreach(part ${parts})
    target_link_libraries(${part} PRIVATE glstm_own_warnings)
  endforeach()
endif()
