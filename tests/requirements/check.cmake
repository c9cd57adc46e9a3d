# cmake -DCASE=... -DWORK=<folder> -DCXX=<compiler> -DINCLUDE=<the library's headers>
#       -DEIGEN_INCLUDE=... -DEIGEN_DIR=... -DGENERATOR=... -P check.cmake
cmake_minimum_required(VERSION 3.21)
set(folder ${WORK}/${CASE})
file(REMOVE_RECURSE ${folder})
file(MAKE_DIRECTORY ${folder})

# Runs the compiler; sets `status` and `output`.
function(compile)
  execute_process(COMMAND ${CXX} ${ARGN} WORKING_DIRECTORY ${folder} RESULT_VARIABLE result
                  OUTPUT_VARIABLE printed ERROR_VARIABLE printed)
  set(status "${result}" PARENT_SCOPE)
  set(output "${printed}" PARENT_SCOPE)
endfunction()

# Fails unless a program of one header is refused by one error, which matches `pattern`.
function(expect_one_error pattern)
  foreach(header glstm.hpp core/types.hpp gates/gaussian_gate.hpp nn/network.hpp train/trainer.hpp)
    file(WRITE ${folder}/program.cpp "#include <glstm/${header}>\nint main() {}\n")
    compile(${ARGN} -I${INCLUDE} -isystem ${EIGEN_INCLUDE} -fsyntax-only program.cpp)
    string(REGEX MATCHALL "error:[^\n]*" errors "${output}")
    list(LENGTH errors count)
    if(status STREQUAL "0" OR NOT count EQUAL 1 OR NOT errors MATCHES "${pattern}")
      message(FATAL_ERROR "${header}: expected one error that matches ${pattern}, got:\n${output}")
    endif()
  endforeach()
endfunction()

# Configures a project that looks for Eigen as we do, where `version` of it is installed; sets
# `output`.
function(look_for_eigen version)
  file(WRITE ${folder}/eigen/Eigen3Config.cmake
       "add_library(Eigen3::Eigen INTERFACE IMPORTED)\nset(Eigen3_FOUND TRUE)\n")
  file(WRITE ${folder}/eigen/Eigen3ConfigVersion.cmake "  # as Eigen's: the same major version
    set(PACKAGE_VERSION ${version})
    string(REGEX MATCH \"^[0-9]+\" major \${PACKAGE_VERSION})
    if(NOT PACKAGE_VERSION VERSION_LESS PACKAGE_FIND_VERSION AND PACKAGE_FIND_VERSION_MAJOR EQUAL major)
      set(PACKAGE_VERSION_COMPATIBLE TRUE)
    endif()\n")
  file(WRITE ${folder}/CMakeLists.txt "cmake_minimum_required(VERSION 3.21)
    project(looks_for_eigen LANGUAGES NONE)
    set(CMAKE_FIND_USE_CMAKE_SYSTEM_PATH OFF)  # nothing that this machine has
    set(CMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH OFF)
    include(${INCLUDE}/../cmake/Eigen.cmake)
    message(STATUS \"Eigen is <\${Eigen3_VERSION}> \${Eigen3_DIR}\")\n")
  set(printed "")
  foreach(where -DEigen3_DIR=${folder}/eigen -DCMAKE_PREFIX_PATH=${folder}/eigen)
    execute_process(COMMAND ${CMAKE_COMMAND} -S . -B build -G ${GENERATOR} --fresh ${where}
                    WORKING_DIRECTORY ${folder} OUTPUT_VARIABLE one ERROR_VARIABLE one)
    string(APPEND printed "${one}")
  endforeach()
  set(output "${printed}" PARENT_SCOPE)
endfunction()

if(CASE STREQUAL "cpp17")
  expect_one_error("glstm needs C\\+\\+20: compile with -std=c\\+\\+20" -std=c++17)

elseif(CASE STREQUAL "old_eigen")
  file(WRITE ${folder}/old/Eigen/Core "#define EIGEN_WORLD_VERSION 3\n#define EIGEN_MAJOR_VERSION 3\n")
  set(EIGEN_INCLUDE ${folder}/old)
  expect_one_error("glstm needs Eigen 3.4 or newer" -std=c++20)

elseif(CASE STREQUAL "excess_precision")
  file(WRITE ${folder}/method.cpp "#include <cfloat>\nmethod FLT_EVAL_METHOD\n")
  compile(-std=c++20 -mfpmath=387 -E -P method.cpp)
  if(NOT status STREQUAL "0" OR NOT output MATCHES "method 2")
    message("skipped: ${CXX} cannot be told to compute in x87 registers")
    return()
  endif()
  expect_one_error("without excess precision, SSE2 on 32-bit x86" -std=c++20 -mfpmath=387)

elseif(CASE STREQUAL "two_processors")
  # One source counts the parameters of a layout that the other has made.
  file(WRITE ${folder}/name.cpp "#include <glstm/core/abi.hpp>\nname GLSTM_ABI GLSTM_ABI_ALIGN\n")
  file(WRITE ${folder}/counts.cpp "#include <glstm/core/parameters.hpp>
    glstm::Index count(const glstm::ParameterLayout& layout) { return layout.size(); }\n")
  file(WRITE ${folder}/main.cpp "#include <glstm/core/parameters.hpp>
    glstm::Index count(const glstm::ParameterLayout& layout);
    int main() {
      glstm::ParameterLayout layout;
      layout.add(\"w\", 2, 3, glstm::ParameterRole::weight);
      return count(layout) == 6 ? 0 : 1;
    }\n")
  set(flags -std=c++20 -I${INCLUDE} -isystem ${EIGEN_INCLUDE})
  foreach(processor default native)
    set(arch "")
    if(processor STREQUAL "native")
      set(arch -march=native)
    endif()
    compile(${flags} ${arch} -E -P name.cpp)
    if(NOT output MATCHES "\n(name [^\n]+)")
      message("skipped: ${CXX} does not know ${arch}")
      return()
    endif()
    set(name_${processor} "${CMAKE_MATCH_1}")
    compile(${flags} ${arch} -c counts.cpp -o counts_${processor}.o)
    if(NOT status STREQUAL "0")
      message(FATAL_ERROR "${output}")
    endif()
  endforeach()
  compile(${flags} main.cpp counts_default.o -o program -pthread)
  if(NOT status STREQUAL "0")
    message(FATAL_ERROR "sources for the same processor should link:\n${output}")
  endif()
  execute_process(COMMAND ./program WORKING_DIRECTORY ${folder} COMMAND_ERROR_IS_FATAL ANY)
  if(name_default STREQUAL name_native)
    message("skipped: -march=native changes neither packets nor alignment on this machine")
    return()
  endif()
  compile(${flags} main.cpp counts_native.o -o program -pthread)
  if(status STREQUAL "0" OR NOT output MATCHES "undefined reference to `?'?count")
    message(FATAL_ERROR "sources for ${name_default} and ${name_native} should not link:\n${output}")
  endif()

elseif(CASE MATCHES "^eigen(.+)")
  look_for_eigen(${CMAKE_MATCH_1}.1)
  if(CASE STREQUAL "eigen5")
    set(expected "Eigen is <5.1> ${folder}/eigen\n.*Eigen is <5.1> ${folder}/eigen\n")
  else()
    set(expected "Eigen is <> .*Eigen is <> ")
  endif()
  if(NOT output MATCHES "${expected}")
    message(FATAL_ERROR "expected ${expected}, got:\n${output}")
  endif()

else()
  message(FATAL_ERROR "There is no case ${CASE}")
endif()
