# Puts the Free Spoken Digit Dataset into a folder, verified: 3,000 recordings of six speakers, split
# as its authors do. DESTINATION/test has the recordings 0 to 4 of each digit and speaker,
# DESTINATION/train the recordings 5 to 49.
#
#   cmake -DDESTINATION=<folder> [-DFSDD_DIR=<folder>] [-DREQUIRED=ON] -P cmake/FetchFsdd.cmake
#
# From the folder FSDD_DIR (also an environment variable; the .wav files are in it or in its folder
# `recordings`) or the archive of tag v1.0.10 at GitHub, 16 MB, a download that has not been tried yet;
# see FetchVerified.cmake. The data set is at https://github.com/Jakobovski/free-spoken-digit-dataset,
# under the licence CC BY-SA 4.0.

cmake_minimum_required(VERSION 3.21)

set(dataset "Free Spoken Digit Dataset")
set(folder_variable FSDD_DIR)
if(NOT mirrors)  # these three can be set from outside, to try the script with other recordings
  set(mirrors https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz)
endif()
if(NOT speakers)
  set(speakers george jackson lucas nicolas theo yweweler)
endif()
if(NOT hash)  # LC_ALL=C; sha256sum *.wav | sha256sum
  set(hash 1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959)
endif()
set(mirror_seconds 300)  # one large file

set(names)
foreach(digit RANGE 9)
  foreach(speaker IN LISTS speakers)
    foreach(recording RANGE 49)
      list(APPEND names ${digit}_${speaker}_${recording}.wav)
    endforeach()
  endforeach()
endforeach()
list(SORT names)
set(files)
foreach(name IN LISTS names)
  set(part train)
  if(name MATCHES "_[0-4]\\.wav$")
    set(part test)
  endif()
  list(APPEND files ${part}/${name})
  set(${part}/${name}_folder recordings)
endforeach()

include(${CMAKE_CURRENT_LIST_DIR}/FetchVerified.cmake)
