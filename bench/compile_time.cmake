# How long an empty program takes to compile that includes glstm.hpp, and one that includes all of
# Eigen's dense part; and examples/hello.cpp, header-only and for glstm::compiled:
#
#   cmake -DOUTPUT=compile_time.json -DEIGEN_INCLUDE=/usr/include/eigen3 -P bench/compile_time.cmake
#
# Both are compiled in turn, REPETITIONS times, by each of COMPILERS that is there. A time is that
# which the compiler has spent on a processor, so that other programs disturb little; where there is
# no /proc it is the time on the clock. The ratio of glstm.hpp to Eigen is the median of the ratios of
# neighbours. Fails if it is above LIMIT.
#
# Then hello.cpp is compiled PROGRAM_REPETITIONS times with -O3 -march=native, header-only too if
# HEADER_ONLY. Fails if it takes, for glstm::compiled, more than PROGRAM_LIMIT times as long as an empty
# program with glstm.hpp.
cmake_minimum_required(VERSION 3.21)
foreach(setting "REPETITIONS=9" "LIMIT=2.8" "COMPILERS=g++;clang++"
        "PROGRAM_REPETITIONS=3" "PROGRAM_LIMIT=2.2" "HEADER_ONLY=ON")
  string(REGEX MATCH "(.+)=(.+)" setting "${setting}")
  if(NOT DEFINED ${CMAKE_MATCH_1})
    set(${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
  endif()
endforeach()
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH repository)
cmake_path(ABSOLUTE_PATH OUTPUT NORMALIZE)
cmake_path(GET OUTPUT PARENT_PATH folder)
set(eigen_source ${folder}/compile_time_eigen.cpp)
set(glstm_source ${folder}/compile_time_glstm.cpp)
file(WRITE ${eigen_source} "#include <Eigen/Dense>\nint main() {}\n")
file(WRITE ${glstm_source} "#include <glstm/glstm.hpp>\nint main() {}\n")

# The time until now in ms: of a processor, for finished children of this process, or of the clock.
function(read_time result)
  if(EXISTS /proc/self/stat)
    file(READ /proc/self/stat stat)
    # After the name in parentheses; of the children, user and system in hundredths of a second.
    string(REGEX REPLACE "^.*\\) " "" stat "${stat}")
    string(REPLACE " " ";" stat "${stat}")
    list(GET stat 13 user)
    list(GET stat 14 system)
    math(EXPR time "(${user} + ${system}) * 10")
  else()
    string(TIMESTAMP time "%s%f")
    math(EXPR time "${time} / 1000")
  endif()
  set(${result} ${time} PARENT_SCOPE)
endfunction()

function(time_of compiler source result)
  read_time(begin)
  execute_process(COMMAND ${compiler} -std=c++20 ${ARGN} -I ${repository}/include
                          -isystem ${EIGEN_INCLUDE} -c ${source} -o ${folder}/compile_time.o
                  COMMAND_ERROR_IS_FATAL ANY)
  read_time(end)
  math(EXPR time "${end} - ${begin}")
  set(${result} ${time} PARENT_SCOPE)
endfunction()

function(median result)
  list(SORT ARGN COMPARE NATURAL)
  list(LENGTH ARGN count)
  math(EXPR middle "${count} / 2")
  list(GET ARGN ${middle} value)
  set(${result} ${value} PARENT_SCOPE)
endfunction()

set(json)
foreach(compiler IN LISTS COMPILERS)
  find_program(path_of_${compiler} NAMES ${compiler})
  if(NOT path_of_${compiler})
    message(STATUS "${compiler} is not there")
    continue()
  endif()
  set(path ${path_of_${compiler}})
  set(eigen_times)
  set(glstm_times)
  set(ratios)
  foreach(repetition RANGE 1 ${REPETITIONS})
    time_of(${path} ${eigen_source} eigen)
    time_of(${path} ${glstm_source} glstm)
    math(EXPR ratio "(100 * ${glstm} + ${eigen} / 2) / ${eigen}")
    list(APPEND eigen_times ${eigen})
    list(APPEND glstm_times ${glstm})
    list(APPEND ratios ${ratio})
  endforeach()
  median(eigen ${eigen_times})
  median(glstm ${glstm_times})
  median(ratio ${ratios})
  string(REGEX REPLACE "(..)$" ".\\1" ratio ${ratio})
  execute_process(COMMAND ${path} --version OUTPUT_VARIABLE version)
  string(REGEX MATCH "^[^\n]+" version "${version}")
  message(STATUS "${version}: <Eigen/Dense> ${eigen} ms, glstm.hpp ${glstm} ms, ratio ${ratio}")

  set(program ${repository}/examples/hello.cpp)
  set(header_only_times)
  set(compiled_times)
  foreach(repetition RANGE 1 ${PROGRAM_REPETITIONS})
    if(HEADER_ONLY)
      time_of(${path} ${program} time -O3 -march=native)
      list(APPEND header_only_times ${time})
    endif()
    time_of(${path} ${program} time -O3 -march=native -DGLSTM_COMPILED)
    list(APPEND compiled_times ${time})
  endforeach()
  median(compiled ${compiled_times})
  math(EXPR program_ratio "(100 * ${compiled} + ${glstm} / 2) / ${glstm}")
  string(REGEX REPLACE "(..)$" ".\\1" program_ratio ${program_ratio})
  message(STATUS "hello.cpp with -O3 -march=native: for glstm::compiled ${compiled} ms, "
                 "${program_ratio} of an empty program")
  if(HEADER_ONLY)
    median(header_only ${header_only_times})
    message(STATUS "and header-only ${header_only} ms")
  endif()

  list(JOIN header_only_times ", " header_only_times)
  list(JOIN compiled_times ", " compiled_times)
  list(JOIN eigen_times ", " eigen_times)
  list(JOIN glstm_times ", " glstm_times)
  list(APPEND json "  \"${compiler}\": {\"version\": \"${version}\", \"median_ratio\": ${ratio},
    \"eigen_ms\": [${eigen_times}],
    \"glstm_ms\": [${glstm_times}],
    \"hello_ms\": [${header_only_times}],
    \"hello_compiled_ms\": [${compiled_times}]}")
  if(ratio GREATER LIMIT)
    list(APPEND too_slow ${compiler})
  endif()
  if(program_ratio GREATER PROGRAM_LIMIT)
    list(APPEND program_too_slow ${compiler})
  endif()
endforeach()
list(JOIN json ",\n" json)
file(WRITE ${OUTPUT} "{\n${json}\n}\n")
file(REMOVE ${folder}/compile_time.o ${eigen_source} ${glstm_source})
message(STATUS "Wrote ${OUTPUT}")
if(too_slow)
  message(FATAL_ERROR "glstm.hpp takes more than ${LIMIT} times as long as Eigen with ${too_slow}")
endif()
if(program_too_slow)
  message(FATAL_ERROR "hello.cpp for glstm::compiled takes more than ${PROGRAM_LIMIT} times as long as "
                      "an empty program with ${program_too_slow}")
endif()
