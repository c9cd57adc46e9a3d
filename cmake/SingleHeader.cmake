# Writes glstm.hpp, with every header of glstm that it includes put in the place of its first
# #include, to the file OUTPUT:
#
#   cmake -DOUTPUT=glstm.hpp -P cmake/SingleHeader.cmake
cmake_minimum_required(VERSION 3.21)
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH repository)
set_property(GLOBAL PROPERTY seen)

# Sets `result` to the text of a header, given as it is included, or to nothing the second time.
function(inline_header header result)
  set(${result} "" PARENT_SCOPE)
  get_property(seen GLOBAL PROPERTY seen)
  if(header IN_LIST seen)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY seen ${header})
  file(READ "${repository}/include/${header}" rest)
  string(REPLACE "#pragma once\n" "" rest "${rest}")
  set(text)
  while(rest MATCHES "#include \"(glstm/[^\"]+)\"[^\n]*\n")
    set(line "${CMAKE_MATCH_0}")
    set(included "${CMAKE_MATCH_1}")
    string(FIND "${rest}" "${line}" begin)
    string(SUBSTRING "${rest}" 0 ${begin} before)
    string(LENGTH "${before}${line}" end)
    string(SUBSTRING "${rest}" ${end} -1 rest)
    inline_header("${included}" inlined)
    string(APPEND text "${before}${inlined}")
  endwhile()
  set(${result} "${text}${rest}" PARENT_SCOPE)
endfunction()

inline_header(glstm/glstm.hpp text)
string(REGEX MATCH "#[ \t]*include[ \t]*[<\"]glstm/[^\n]*" left "${text}")
if(left)
  message(FATAL_ERROR "Headers of glstm are included as #include \"glstm/...\", not as ${left}")
endif()
string(REGEX REPLACE "\n\n\n+" "\n\n" text "${text}")  # where headers were included

set(version)
foreach(part MAJOR MINOR PATCH)
  string(REGEX MATCH "GLSTM_VERSION_${part} ([0-9]+)" found "${text}")
  list(APPEND version ${CMAKE_MATCH_1})
endforeach()
list(JOIN version . version)
file(READ "${repository}/LICENSE" license)
string(REGEX REPLACE "\n$" "" license "${license}")
string(REPLACE "\n" "\n// " license "// ${license}")
string(REGEX REPLACE " \n" "\n" license "${license}")
file(WRITE "${OUTPUT}" "// glstm ${version} in one file, made of its headers; it needs Eigen 3.4.
//
${license}
#pragma once

${text}")
message(STATUS "Wrote ${OUTPUT}")
