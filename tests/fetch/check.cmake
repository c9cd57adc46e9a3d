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

# The 500 recordings of a speaker in `in`; `text` sets more. Sets `recordings` to where they go.
function(write_recordings in text)
  set(names)
  set(result train test)
  foreach(digit RANGE 9)
    foreach(number RANGE 49)
      set(name ${digit}_ann_${number}.wav)
      file(WRITE "${in}/${name}" "content of ${name}")
      list(APPEND names ${name})
      if(number LESS 5)
        list(APPEND result test/${name})
      else()
        list(APPEND result train/${name})
      endif()
    endforeach()
  endforeach()
  list(SORT names)
  set(lines)
  foreach(name IN LISTS names)
    string(SHA256 hash "content of ${name}")
    string(APPEND lines "${hash}  ${name}\n")
  endforeach()
  string(SHA256 hash "${lines}")
  write_script(FetchFsdd.cmake "set(speakers ann)\nset(hash ${hash})\n${text}")
  set(recordings ${result} PARENT_SCOPE)
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

elseif(CASE STREQUAL "recordings_from_folder")
  write_recordings("${given}/recordings" "${no_mirror}")
  fetch("complete in [^,]*, from .*/given " "-DFSDD_DIR=${given}")
  expect_there(${recordings})
  expect_content(test/7_ann_4.wav "content of 7_ann_4.wav")
  expect_content(train/7_ann_5.wav "content of 7_ann_5.wav")
  fetch("^-- Free Spoken Digit Dataset: complete in [^,]* $")
  set(there "${folder}/again")
  set(ENV{FSDD_DIR} "${given}/recordings")
  fetch("complete in .*/again, from .*/given/recordings ")
  expect_there(${recordings})

elseif(CASE STREQUAL "recordings_from_archive")
  write_recordings("${folder}/data-1.0/recordings" "set(mirrors \"file://${folder}/data.tar.gz\")")
  file(WRITE "${folder}/data-1.0/README" "")
  execute_process(COMMAND ${CMAKE_COMMAND} -E tar czf data.tar.gz data-1.0
                  WORKING_DIRECTORY "${folder}" COMMAND_ERROR_IS_FATAL ANY)
  fetch("complete in [^,]*, from file:.*/data.tar.gz ")
  expect_there(${recordings})

elseif(CASE STREQUAL "recordings_all_or_none")
  write_recordings("${given}" "${no_mirror}")
  file(REMOVE "${given}/3_ann_30.wav")
  fetch("ignored .*/given: it lacks train/3_ann_30.wav .*FSDD_DIR .*/given does not give 500 files\
, such as test/0_ann_0.wav .*not available; name a folder that has its files with FSDD_DIR"
        "-DFSDD_DIR=${given}")
  expect_there()
  file(WRITE "${given}/3_ann_30.wav" "other")
  fetch("ignored .*/given: the SHA-256 of its files is [0-9a-f]* instead of .*not available"
        "-DFSDD_DIR=${given}")
  expect_there()

elseif(CASE STREQUAL "recordings_replaced")
  write_recordings("${given}" "${no_mirror}")
  fetch("complete in" "-DFSDD_DIR=${given}")
  file(WRITE "${there}/test/0_ann_0.wav" "other")
  file(REMOVE "${there}/train/0_ann_9.wav")
  fetch("ignored .*/there: it lacks train/0_ann_9.wav .*not available")
  expect_content(test/0_ann_0.wav "other")
  fetch("complete in .*, from .*/given " "-DFSDD_DIR=${given}")
  expect_there(${recordings})
  expect_content(test/0_ann_0.wav "content of 0_ann_0.wav")

elseif(CASE STREQUAL "recordings_of_others")
  write_recordings("${given}" "${no_mirror}")
  file(WRITE "${there}/train/mine.wav" "mine")
  fetch("CMake Error .*move what does not belong to it out of .*/there: train/mine.wav"
        "-DFSDD_DIR=${given}")
  expect_there(train train/mine.wav)

else()
  message(FATAL_ERROR "There is no case ${CASE}")
endif()
