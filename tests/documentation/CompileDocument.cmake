# Compiles the C++ that a document shows:
#
#   cmake -DDOCUMENT=FILE.md -DOUT=FOLDER -DCOMPILER=CXX -DFLAGS=A|B -P CompileDocument.cmake
#
# - A ```cpp block with a main function is a program, and compiled as it is.
# - All other ```cpp blocks of a document are one function, in their order: each is a scope within
#   that of the block before, so that it knows the names before it and may use one of them anew.
#   Their #include lines come first; what starts with `template` or `namespace` comes before the
#   function. glstm/glstm.hpp is included, and `using namespace glstm` said.
# - What the text leaves to the reader's imagination (`network`, say) is in a comment that a reader
#   does not see, which is treated like a block:
#
#     <!-- cpp
#     GLstm<float> network({.inputs = 2});
#     -->
#
# - <!-- file NAME ... --> is a file that the document's code includes as "NAME".
#
# Mistakes are reported at their place in the document.
cmake_minimum_required(VERSION 3.21)
file(READ ${DOCUMENT} text)

# Lines are a list here; meanwhile control characters stand in for what is special in one.
function(replace_special variable direction)
  set(value "${${variable}}")
  foreach(i RANGE 3)
    math(EXPR code "${i} + 1")
    string(ASCII ${code} stand_in)
    string(SUBSTRING "\\;[]" ${i} 1 special)
    if(direction STREQUAL "hide")
      string(REPLACE "${special}" "${stand_in}" value "${value}")
    else()
      string(REPLACE "${stand_in}" "${special}" value "${value}")
    endif()
  endforeach()
  set(${variable} "${value}" PARENT_SCOPE)
endfunction()
function(write_code path code)
  replace_special(code show)
  file(WRITE ${path} "${code}")
endfunction()
replace_special(text hide)
string(REPLACE "\n" ";" lines "${text}")

file(REMOVE_RECURSE ${OUT})
file(MAKE_DIRECTORY ${OUT})
set(programs)
set(includes "#include <glstm/glstm.hpp>\n")
set(before_function)
set(function)
set(scopes_end)
set(blocks 0)
set(inside)  # the line that ends the block we are in
set(number 0)
foreach(line IN LISTS lines)
  math(EXPR number "${number} + 1")
  if(NOT inside)
    set(file)
    if(line MATCHES "^```cpp *$")
      set(inside "```")
    elseif(line MATCHES "^<!-- cpp *$")
      set(inside "-->")
    elseif(line MATCHES "^<!-- file ([A-Za-z0-9_.]+) *$")
      set(inside "-->")
      set(file ${CMAKE_MATCH_1})
    elseif(line MATCHES "^```(|sh|cmake|python|json) *$")
      set(inside "```")
      set(file other_language)
    elseif(line MATCHES "^ *(```|~~~)")
      message(FATAL_ERROR "${DOCUMENT}:${number}: expected ``` and cpp, sh, cmake, python, json or "
                          "nothing alone on a line, got ${line}")
    endif()
    math(EXPR first "${number} + 1")
    set(begin ${number})
    set(start "#line ${first} \"${DOCUMENT}\"\n")
    set(code)
    set(code_includes)
    set(first_word)
    set(is_program FALSE)
  elseif(NOT line STREQUAL inside)
    if(line MATCHES "^int main\\(")
      set(is_program TRUE)
    endif()
    if(line MATCHES "^ *#include" AND NOT file)
      string(APPEND code_includes "#line ${number} \"${DOCUMENT}\"\n${line}\n")
      string(APPEND code "\n")
    else()
      string(APPEND code "${line}\n")
      if(NOT first_word AND line MATCHES "^ *([a-zA-Z_]+)")
        set(first_word ${CMAKE_MATCH_1})
      endif()
    endif()
  else()
    if(inside STREQUAL "```" AND NOT file)
      math(EXPR blocks "${blocks} + 1")
    endif()
    set(inside)
    if(file STREQUAL "other_language")
    elseif(file)
      write_code(${OUT}/${file} "${start}${code}")
    elseif(is_program)
      write_code(${OUT}/program_${blocks}.cpp "${code_includes}${start}${code}")
      list(APPEND programs ${OUT}/program_${blocks}.cpp)
    else()
      string(APPEND includes "${code_includes}")
      if(first_word MATCHES "^(template|namespace)$")
        string(APPEND before_function "${start}${code}")
      else()
        string(APPEND function "{\n${start}${code}")
        string(APPEND scopes_end "}")
      endif()
    endif()
  endif()
endforeach()
if(inside)
  message(FATAL_ERROR "${DOCUMENT}:${number}: a block that starts at line ${begin} has no end")
endif()
if(function OR before_function)
  write_code(${OUT}/fragments.cpp
    "${includes}\nusing namespace glstm;\n\n${before_function}\nvoid fragments() {\n${function}${scopes_end}\n}\n")
  list(APPEND programs ${OUT}/fragments.cpp)
endif()

string(REPLACE "|" ";" FLAGS "${FLAGS}")
foreach(program IN LISTS programs)
  execute_process(COMMAND ${COMPILER} ${FLAGS} -I${OUT} ${program} RESULT_VARIABLE result)
  if(NOT result STREQUAL "0")
    message(FATAL_ERROR "${DOCUMENT}: the code above does not compile, as part of ${program}")
  endif()
endforeach()
message(STATUS "${DOCUMENT}: ${blocks} blocks of C++ compile")
