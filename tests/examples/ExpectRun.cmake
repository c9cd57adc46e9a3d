# Runs a program and fails unless its exit status and what it prints are as expected:
#
#   cmake "-DCOMMAND=PROGRAM;ARGUMENT;..." -DSTATUS=NUMBER -DOUTPUT=PATTERN -P ExpectRun.cmake
cmake_minimum_required(VERSION 3.21)
execute_process(COMMAND ${COMMAND} RESULT_VARIABLE status OUTPUT_VARIABLE output
                ERROR_VARIABLE output)
message("${output}")
if(NOT status STREQUAL STATUS OR NOT output MATCHES "${OUTPUT}")
  message(FATAL_ERROR "expected exit status ${STATUS} and output that matches ${OUTPUT}, "
                      "got ${status} and the above")
endif()
