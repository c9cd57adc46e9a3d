# Fails unless a document shows a program to the letter:
#
#   cmake -DDOCUMENT=FILE.md -DPROGRAM=FILE.cpp -P ShowsProgram.cmake
cmake_minimum_required(VERSION 3.21)
file(READ ${DOCUMENT} text)
file(READ ${PROGRAM} program)
string(FIND "${text}" "\n```cpp\n${program}```\n" place)
if(place EQUAL -1)
  message(FATAL_ERROR "${DOCUMENT}: expected a block of C++ that is ${PROGRAM}, found none")
endif()
