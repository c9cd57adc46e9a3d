# cmake -DCASE=... -DWORK=<folder> -DSCRIPTS=<the project's folder cmake> -P check.cmake
cmake_minimum_required(VERSION 3.21)
set(folder "${WORK}/${CASE} and more")  # a name with spaces
file(REMOVE_RECURSE "${folder}")
set(there "${folder}/there")  # where the script puts the data set
set(given "${folder}/given")
foreach(variable OWN_DIR MNIST_DIR UEA_DIR FSDD_DIR)
  unset(ENV{${variable}})
endforeach()

# Writes the script that is tried: it sets what `text` does, then includes `script`.
function(write_script script text)
  file(WRITE "${folder}/fetch.cmake"
       "cmake_minimum_required(VERSION 3.21)\n${text}\ninclude(\"${SCRIPTS}/${script}\")\n")
endfunction()

# Runs the script; it should print what matches `pattern`, and fail if that is an error.
function(fetch pattern)
  execute_process(COMMAND ${CMAKE_COMMAND} "-DDESTINATION=${there}" ${ARGN} -P "${folder}/fetch.cmake"
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}")  # errors are broken into lines
  set(expected success)
  if(pattern MATCHES "CMake Error")
    set(expected failure)
  endif()
  set(end failure)
  if(status EQUAL 0)
    set(end success)
  endif()
  if(NOT end STREQUAL expected OR NOT output MATCHES "${pattern}")
    message(FATAL_ERROR "expected ${expected} and output that matches ${pattern}, "
                        "got ${end} and ${output}")
  endif()
endfunction()

# Fails unless all that is in DESTINATION, hidden files included, is what is named.
function(expect_there)
  file(GLOB_RECURSE found LIST_DIRECTORIES TRUE RELATIVE "${there}" "${there}/*")
  set(expected ${ARGN})
  list(SORT found)
  list(SORT expected)
  if(NOT "${found}" STREQUAL "${expected}")
    message(FATAL_ERROR "expected ${expected}, found ${found}")
  endif()
endfunction()

function(expect_content file content)
  file(READ "${there}/${file}" found)
  if(NOT found STREQUAL content)
    message(FATAL_ERROR "expected ${content} in ${file}, found ${found}")
  endif()
endfunction()

# A data set of two files, `one` and `two`; `text` sets more.
function(write_own_script text)
  string(SHA256 one "first")
  string(SHA256 two "second")
  write_script(FetchVerified.cmake "set(dataset OWN)\nset(folder_variable OWN_DIR)
               set(files one two)\nset(one_hash ${one})\nset(two_hash ${two})\n${text}")
endfunction()

# Two problems, with a folder for each in `in`; `text` sets more.
set(problem_files Birds_TEST.ts Birds_TRAIN.ts Tides_TEST.ts Tides_TRAIN.ts)
function(write_problems in text)
  foreach(file IN LISTS problem_files)
    string(REGEX REPLACE "_.*" "" problem ${file})
    file(WRITE "${in}/${problem}/${file}" "content of ${file}")
    string(SHA256 hash "content of ${file}")
    string(APPEND text "\nset(${file}_hash ${hash})")
  endforeach()
  write_script(FetchUea.cmake "set(problems Tides Birds)\n${text}")
endfunction()

set(no_mirror "set(mirrors file:///nowhere/data.zip)")

if(CASE STREQUAL "mirrors")
  file(WRITE "${folder}/damaged/one" "first")
  file(WRITE "${folder}/damaged/two" "other")
  file(WRITE "${folder}/right/two" "second")
  write_own_script("set(mirrors \"file://${folder}/damaged/@file@\" \"file://${folder}/right/@file@\")")
  fetch("ignored file:[^:]*/damaged/two: it is not OWN's two.* complete in .*/damaged, file:.*/right ")
  expect_there(one two)
  expect_content(two "second")
  fetch("^-- OWN: complete in [^,]* $")

elseif(CASE STREQUAL "compressed")
  find_program(GZIP gzip)
  if(NOT GZIP)
    message("skipped: there is no gzip")
    return()
  endif()
  file(WRITE "${given}/one" "first")
  file(WRITE "${given}/two" "second")
  execute_process(COMMAND "${GZIP}" "${given}/two" COMMAND_ERROR_IS_FATAL ANY)
  write_own_script("")
  fetch("complete in .*, from .*/given " "-DOWN_DIR=${given}")
  expect_there(one two)
  expect_content(two "second")

elseif(CASE STREQUAL "problems_from_folder")
  write_problems("${given}" "${no_mirror}")
  set(ENV{UEA_DIR} "${given}")
  fetch("complete in [^,]*, from .*/given ")
  expect_there(${problem_files})
  unset(ENV{UEA_DIR})
  fetch("^-- [^:]*: complete in [^,]* $")
  set(given "${there}")  # without a folder for each
  set(there "${folder}/flat")
  fetch("complete in .*/flat, from .*/there " "-DUEA_DIR=${given}")
  expect_there(${problem_files})

elseif(CASE STREQUAL "problems_from_archives")
  # One archive holds a folder, the other, as servers do, is a page that says it is not there.
  write_problems("${given}" "set(mirrors \"file://${folder}/@folder@.zip\"
                                         \"file://${given}/@folder@/@file@\")")
  execute_process(COMMAND ${CMAKE_COMMAND} -E tar cf "${folder}/Tides.zip" --format=zip Tides
                  WORKING_DIRECTORY "${given}" COMMAND_ERROR_IS_FATAL ANY)
  file(WRITE "${folder}/Birds.zip" "<html>Not found</html>")
  fetch("ignored file:[^:]*/Birds.zip: it is damaged or no archive .* complete in .*, file:.*/given ")
  expect_there(${problem_files})
  expect_content(Birds_TEST.ts "content of Birds_TEST.ts")

elseif(CASE STREQUAL "problems_all_or_none")
  write_problems("${given}" "${no_mirror}")
  file(WRITE "${given}/Birds/Birds_TEST.ts" "other")
  fetch("ignored .*/given/Birds/Birds_TEST.ts: it is not .*'s Birds_TEST.ts, its SHA-256 is .*\
UEA_DIR .*/given does not give Birds_TEST.ts .*no download from file:///nowhere/data.zip: .*\
not available; name a folder that has its files with UEA_DIR" "-DUEA_DIR=${given}")
  expect_there()
  fetch("CMake Error .* not available; name a folder that has its files with UEA_DIR" -DREQUIRED=ON)
  expect_there()

else()
  message(FATAL_ERROR "There is no case ${CASE}")
endif()
