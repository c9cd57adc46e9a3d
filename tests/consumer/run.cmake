# Uses glstm as other projects do, in a clean folder: tests/CMakeLists.txt calls
#
#   cmake -DCASE=... -DWORK=... ... -P run.cmake
#
#   CHECKOUT             this repository
#   WORK                 the folder for all cases; each has its own in there
#   VERSION              what the programs must say the version is
#   CXX, GENERATOR       the compiler and CMake generator of the tests
#   EIGEN_DIR, EIGEN_INCLUDE, PREFIXES   where the tests found Eigen, and may find other libraries
cmake_minimum_required(VERSION 3.21)

set(folder ${WORK}/${CASE})
set(prefix ${WORK}/prefix)  # filled by the case install
set(prefix_with_library ${WORK}/prefix_with_library)  # by install_compiled
set(consumers ${CMAKE_CURRENT_LIST_DIR})
string(REPLACE . "\\." version_pattern ${VERSION})
file(REMOVE_RECURSE ${folder})
file(MAKE_DIRECTORY ${folder})
cmake_path(CONVERT "${PREFIXES}" TO_NATIVE_PATH_LIST prefixes)
set(ENV{CMAKE_PREFIX_PATH} "${prefixes}")
set(ENV{CXXFLAGS} "")

# Runs a command, which must succeed; `output` is then what it printed.
function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${folder} RESULT_VARIABLE result
                  OUTPUT_VARIABLE printed ERROR_VARIABLE printed)
  if(NOT result STREQUAL "0")
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${CASE} failed (${result}): ${command}\n${printed}")
  endif()
  set(output "${printed}" PARENT_SCOPE)
endfunction()

# Fails unless `text` matches the pattern; with NOT before the pattern, if it does.
function(expect what text)
  string(SUBSTRING "${text}" 0 4000 shown)
  if(ARGV2 STREQUAL "NOT")
    if(text MATCHES "${ARGV3}")
      message(FATAL_ERROR "${CASE}: ${what} should not have ${CMAKE_MATCH_0}:\n${shown}")
    endif()
  elseif(NOT text MATCHES "${ARGV2}")
    message(FATAL_ERROR "${CASE}: ${what} should match ${ARGV2}:\n${shown}")
  endif()
endfunction()

function(configure source build)
  run(${CMAKE_COMMAND} -S ${source} -B ${build} -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX}
      -DEigen3_DIR=${EIGEN_DIR} ${ARGN})
  set(output "${output}" PARENT_SCOPE)
endfunction()

# Runs a consumer's program, which says what version it has.
function(run_program program)
  run(${program} ${ARGN})
  expect("the program's output" "${output}" "^glstm ${version_pattern}: ")
  set(output "${output}" PARENT_SCOPE)
endfunction()

# Configures and builds one of the projects beside this file, and runs its program. What it is
# compiled with are folders, the standard, and threads: glstm adds no flags.
function(use project)
  configure(${consumers}/${project} build -DCMAKE_EXPORT_COMPILE_COMMANDS=ON ${ARGN})
  set(configured "${output}" PARENT_SCOPE)
  file(READ ${folder}/build/compile_commands.json commands)
  string(JSON command GET "${commands}" 0 command)
  separate_arguments(flags UNIX_COMMAND "${command}")
  list(FILTER flags INCLUDE REGEX "^-")
  list(FILTER flags EXCLUDE REGEX "^-(I.+|isystem|std=(gnu|c)\\+\\+20|pthread|DGLSTM_COMPILED|o|c)$")
  expect("flags of ${command}" "${flags}" "^$")
  run(${CMAKE_COMMAND} --build build)
  run_program(build/consumer)
endfunction()

function(use_installed project installed)
  use(${project} -Dglstm_ROOT=${installed})
  file(STRINGS ${folder}/build/CMakeCache.txt found REGEX ^glstm_DIR)
  expect("the package found" "${found}" "=${installed}/share/cmake/glstm$")
endfunction()

# A build folder of the checkout as a packager makes it, without what the components need.
function(configure_package)
  configure(${CHECKOUT} package ${ARGN} -DGLSTM_BUILD_TESTS=OFF -DGLSTM_BUILD_BENCH=OFF
            -DGLSTM_BUILD_EXAMPLES=OFF -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON
            -DCMAKE_DISABLE_FIND_PACKAGE_PNG=ON -DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON)
endfunction()

# Fails unless the files under a folder are all headers of the checkout and `ARGN`, and nothing else.
function(expect_files installed)
  file(GLOB_RECURSE expected RELATIVE ${CHECKOUT} ${CHECKOUT}/include/*.hpp)
  list(APPEND expected share/cmake/glstm/glstm-config.cmake share/cmake/glstm/glstm-eigen.cmake
       share/cmake/glstm/glstm-config-version.cmake share/cmake/glstm/glstm-targets.cmake
       share/pkgconfig/glstm.pc share/pkgconfig/glstm-io.pc ${ARGN})
  file(GLOB_RECURSE files RELATIVE ${installed} ${installed}/*)
  set(missing ${expected})
  list(REMOVE_ITEM missing ${files})
  list(REMOVE_ITEM files ${expected})
  if(missing OR files)
    message(FATAL_ERROR "${CASE}: not installed: ${missing}; installed, but should not be: ${files}")
  endif()
endfunction()

# One compiler line, as in the README.
function(compile)
  run(${CXX} -std=c++20 ${ARGN} -o consumer)
endfunction()

if(CASE MATCHES "^install(_compiled)?$")
  set(more_files share/doc/glstm/LICENSE)
  if(CASE STREQUAL "install")
    configure_package()
  else()
    set(prefix ${prefix_with_library})
    # Without optimisation it is built in half the time.
    configure_package(-DGLSTM_INSTALL_COMPILED=ON -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_BUILD_TYPE=Debug
                      -DCMAKE_CXX_FLAGS_DEBUG=-O0)
    run(${CMAKE_COMMAND} --build package)
    list(APPEND more_files lib/libglstm_compiled.a share/cmake/glstm/glstm-compiled-targets.cmake
         share/cmake/glstm/glstm-compiled-targets-debug.cmake)
  endif()
  run(${CMAKE_COMMAND} --install package --prefix ${folder}/first)
  expect_files(${folder}/first ${more_files})
  file(GLOB_RECURSE texts ${folder}/first/share/*)
  foreach(file IN LISTS texts)
    file(READ ${file} text)
    foreach(path ${CHECKOUT} ${folder} ${EIGEN_DIR} ${EIGEN_INCLUDE})
      string(FIND "${text}" "${path}" at)
      if(NOT at EQUAL -1)
        message(FATAL_ERROR "${file} names ${path}, which is elsewhere on another machine")
      endif()
    endforeach()
  endforeach()
  # All that follows uses the package in another place than it was installed to.
  file(REMOVE_RECURSE ${prefix})
  file(RENAME ${folder}/first ${prefix})

elseif(CASE STREQUAL "find_package_compiled")
  use_installed(${CASE} ${prefix_with_library})
  # The compiler has left to the library what is there.
  find_program(NM nm)
  if(NM)
    file(GLOB_RECURSE object ${folder}/build/main.cpp.o ${folder}/build/*main.cpp.o)
    list(GET object 0 object)
    run(${NM} -C ${object})
    expect("symbols" "${output}" " U glstm::[^\n]*::(initialize|draw)\\(")
    expect("symbols" "${output}" NOT
           " [TW] glstm::[^\n]*::(draw|forward|add_gradient)\\(")
  endif()

elseif(CASE MATCHES "^find_package")
  use_installed(${CASE} ${prefix})

elseif(CASE STREQUAL "fetch_content")
  use(fetch_content -DGLSTM_CHECKOUT=${CHECKOUT})

elseif(CASE STREQUAL "add_subdirectory")
  use(add_subdirectory -DGLSTM_CHECKOUT=${CHECKOUT})
  # The project around it has no tests, targets, settings or installed files that it did not ask for.
  expect("the targets" "${configured}"
         "glstm has the targets glstm(;glstm_io)?;glstm_compiled_float;glstm_compiled_double;glstm_compiled and the folders \\(\\)")
  run(${CMAKE_CTEST_COMMAND} --test-dir build -N)
  expect("tests" "${output}" "Total Tests: 0")
  file(STRINGS ${folder}/build/CMakeCache.txt settings
       REGEX "^(CPACK|BUILD_|CMAKE_INSTALL_[A-Z]+DIR|FETCHCONTENT|Catch2|MPI)")
  expect("new settings" "${settings}" "^$")
  run(${CMAKE_COMMAND} --install build --prefix ${folder}/installed)
  if(EXISTS ${folder}/installed)
    message(FATAL_ERROR "${CASE}: something was installed")
  endif()

elseif(CASE STREQUAL "include_only")
  file(COPY ${consumers}/main.cpp DESTINATION ${folder})
  compile(-I ${CHECKOUT}/include -I ${EIGEN_INCLUDE} main.cpp)
  run_program(./consumer)
  file(WRITE ${folder}/output.txt "${output}")

elseif(CASE MATCHES "^pkg_config(_io)?$")
  find_program(PKG_CONFIG NAMES pkgconf pkg-config)
  if(NOT PKG_CONFIG)
    message("skipped: there is no pkg-config")
    return()
  endif()
  set(ENV{PKG_CONFIG_PATH} ${prefix}/share/pkgconfig:$ENV{PKG_CONFIG_PATH})
  if(CASE STREQUAL "pkg_config")
    set(package glstm)
    set(sources main.cpp)
  else()
    set(package glstm-io)
    set(sources io.cpp io_second.cpp)
    file(WRITE ${folder}/all_headers.hpp "#include <glstm/glstm.hpp>\n#include <glstm/io/cifar10.hpp>\n"
         "#include <glstm/io/network_file.hpp>\n")
    foreach(library nlohmann_json zlib libpng)
      execute_process(COMMAND ${PKG_CONFIG} --exists ${library} RESULT_VARIABLE result)
      if(NOT result STREQUAL "0")
        message("skipped: pkg-config does not know ${library}")
        return()
      endif()
    endforeach()
  endif()
  run(${PKG_CONFIG} --modversion ${package})
  expect("the version" "${output}" "^${version_pattern}\n$")
  run(${PKG_CONFIG} --cflags --libs ${package})
  separate_arguments(flags UNIX_COMMAND "${output}")
  foreach(source ${sources})
    file(COPY ${consumers}/${source} DESTINATION ${folder})
  endforeach()
  compile(${sources} ${flags})
  run_program(./consumer)

elseif(CASE STREQUAL "single_header")
  run(${CMAKE_COMMAND} -DOUTPUT=${folder}/glstm.hpp -P ${CHECKOUT}/cmake/SingleHeader.cmake)
  file(READ ${folder}/glstm.hpp text)
  expect("the first line" "${text}" "^// glstm ${version_pattern} ")
  expect("the licence" "${text}" "\n// MIT License\n")
  expect("#pragma once" "${text}" NOT "#pragma once.*#pragma once")
  expect("includes" "${text}" NOT "#[ \t]*include[ \t]*[<\"]glstm/")
  file(READ ${consumers}/main.cpp program)
  string(REPLACE "<glstm/glstm.hpp>" "\"glstm.hpp\"" program "${program}")
  file(WRITE ${folder}/main.cpp "${program}")
  compile(-isystem ${EIGEN_INCLUDE} -Wall -Wextra -Wpedantic -Werror main.cpp)
  run_program(./consumer)
  file(READ ${WORK}/include_only/output.txt expected)
  if(NOT output STREQUAL expected)
    message(FATAL_ERROR "${CASE}: the program prints\n${output}, but with many headers\n${expected}")
  endif()

elseif(CASE STREQUAL "request")
  # Configures a project that asks for find_package(glstm `what`), which must be `expected`, found or
  # refused, and print the pattern.
  function(request what expected pattern)
    execute_process(COMMAND ${CMAKE_COMMAND} -S ${consumers}/request -B build -G ${GENERATOR}
                            -DCMAKE_CXX_COMPILER=${CXX} -DEigen3_DIR=${EIGEN_DIR}
                            -Dglstm_ROOT=${prefix} -DREQUEST=${what} ${ARGN}
                    WORKING_DIRECTORY ${folder} RESULT_VARIABLE result OUTPUT_VARIABLE output
                    ERROR_VARIABLE output)
    string(REGEX REPLACE "[ \n]+" " " output "${output}")
    set(outcome refused)
    if(result STREQUAL "0")
      set(outcome found)
    endif()
    if(NOT outcome STREQUAL expected OR NOT output MATCHES "${pattern}")
      message(FATAL_ERROR "find_package(glstm ${what}) with ${ARGN} should be ${expected} "
                          "with ${pattern}, but is ${outcome}:\n${output}")
    endif()
  endfunction()
  set(with_png -DCMAKE_DISABLE_FIND_PACKAGE_PNG=OFF)
  set(without_png -DCMAKE_DISABLE_FIND_PACKAGE_PNG=ON)
  set(without_mpi -DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON)
  request("" found "found glstm::glstm -- found glstm::io -- Configuring done")
  request("COMPONENTS io" found "found glstm::io")
  request("" found "found glstm::glstm -- Configuring done" ${without_png})
  request("OPTIONAL_COMPONENTS io" found "found glstm::glstm -- Configuring done" ${without_png})
  request("COMPONENTS io" refused "component io needs what was not found: PNG" ${without_png})
  request("COMPONENTS mpi" refused "component mpi needs what was not found: MPI for C" ${without_mpi})
  request("COMPONENTS compiled" refused "component compiled needs what was not found: a glstm that was")
  request("COMPONENTS io mpi nonesuch" refused
          "no component nonesuch, only compiled, io and mpi" ${with_png} ${without_mpi})
  string(REGEX MATCH "^([0-9]+)\\.([0-9]+)" matched ${VERSION})
  set(major ${CMAKE_MATCH_1})
  set(minor ${CMAKE_MATCH_2})
  request(${major}.${minor} found "found glstm::glstm")
  math(EXPR other "${minor} + 1")
  request(${major}.${other} refused "compatible with requested version")
  if(minor GREATER 0)
    math(EXPR other "${minor} - 1")
    request(${major}.${other} refused "compatible with requested version")
  endif()
  request(99 refused "requested version \"99\".*glstm-config.cmake, version: ${version_pattern}")

elseif(CASE STREQUAL "deb")
  find_program(DPKG_DEB dpkg-deb)
  if(NOT DPKG_DEB)
    message("skipped: there is no dpkg-deb")
    return()
  endif()
  configure_package()
  run(${CMAKE_CPACK_COMMAND} --config package/CPackConfig.cmake -B ${folder})
  set(deb libglstm-dev_${VERSION}_all.deb)
  run(${DPKG_DEB} -I ${deb})
  foreach(line "Package: libglstm-dev" "Version: ${version_pattern}" "Architecture: all"
               "Depends: libeigen3-dev \\(>= 3.4\\)"
               "Recommends: nlohmann-json3-dev, zlib1g-dev, libpng-dev" "Suggests: libopenmpi-dev"
               "Description: [^\n]+\n  [^\n]+")
    expect("the package's fields" "${output}" "\n ${line}\n")
  endforeach()
  run(${DPKG_DEB} -c ${deb})
  string(REGEX REPLACE "(drwxr-xr-x|-rw-r--r--) root/root [^\n]*\n" "" unusual "${output}")
  expect("what has unusual rights or owners" "${unusual}" "^$")
  run(${DPKG_DEB} -x ${deb} root)
  expect_files(${folder}/root/usr share/doc/libglstm-dev/copyright)
  use_installed(find_package ${folder}/root/usr)

elseif(CASE STREQUAL "changelog")
  file(STRINGS ${CHECKOUT}/CHANGELOG.md sections REGEX "^## ")
  list(GET sections 0 newest)
  expect("its newest section" "${newest}" "^## ${version_pattern}( |$)")

else()
  message(FATAL_ERROR "There is no case ${CASE}")
endif()
