# Puts four problems of the UEA and UCR archives into a folder, as .ts files, verified:
# JapaneseVowels, BasicMotions, OSULeaf and ACSF1.
#
#   cmake -DDESTINATION=<folder> [-DUEA_DIR=<folder>] [-DREQUIRED=ON] -P cmake/FetchUea.cmake
#
# From the folder UEA_DIR (also an environment variable; the files are in it or in a folder for each
# problem), the archives' site, or the repository of the toolkit aeon, whose copies have these
# checksums; see FetchVerified.cmake. The addresses at the site are those that aeon 1.5 uses; neither
# download has been tried yet. Each problem has its own origin, which its files and
# https://timeseriesclassification.com name; the files name no licence.

cmake_minimum_required(VERSION 3.21)

set(dataset "UEA and UCR archives")
set(folder_variable UEA_DIR)
if(NOT mirrors)  # these can be set from outside, to try the script with other problems
  set(mirrors https://timeseriesclassification.com/aeon-toolkit/@folder@.zip
      https://raw.githubusercontent.com/aeon-toolkit/aeon/v1.5.0/aeon/datasets/data/@folder@/@file@)
endif()
if(NOT problems)
  set(problems BasicMotions JapaneseVowels OSULeaf ACSF1)  # smallest first
endif()
set(mirror_seconds 60)  # an archive holds its problem in other formats too

set(BasicMotions_TRAIN.ts_hash 8dc43cc6306cb679c888c01e26f91772ac4441a916da43bac8b79734a538b9d6)
set(BasicMotions_TEST.ts_hash 79213102bc6fca1a398ad98ce1185dff0208fa3d1465e687f48288946b0ff8dc)
set(JapaneseVowels_TRAIN.ts_hash 68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd)
set(JapaneseVowels_TEST.ts_hash b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462)
set(OSULeaf_TRAIN.ts_hash 86b9d6e860414ffd26cebc62fff84ffb37fa588ef3e5bf79e4094a437c36ddfc)
set(OSULeaf_TEST.ts_hash 6c549dd354f9e42d5985fa5fab75321ca9acefc7873457e71467fc8a31f107ce)
set(ACSF1_TRAIN.ts_hash 0646b90dc4843e02baed6b2ba345c5601a4991b6796565489cef1b2d92a7537b)
set(ACSF1_TEST.ts_hash 93e8aaeb44a10af181d24a156e60da7021193cd990ca28f263fccf3b905bfebf)

set(files)
foreach(problem IN LISTS problems)
  foreach(part TRAIN TEST)
    list(APPEND files ${problem}_${part}.ts)
    set(${problem}_${part}.ts_folder ${problem})
  endforeach()
endforeach()

include(${CMAKE_CURRENT_LIST_DIR}/FetchVerified.cmake)
