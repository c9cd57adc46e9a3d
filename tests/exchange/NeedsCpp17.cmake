# Compiles HEADER as C++14 with the compiler CXX. It must meet one error, which asks for C++17.
execute_process(COMMAND ${CMAKE_COMMAND} -E echo "#include \"${HEADER}\"" OUTPUT_FILE ${SOURCE})
execute_process(COMMAND ${CXX} -std=c++14 -fsyntax-only ${SOURCE}
                RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
string(REGEX MATCHALL "error:" errors "${output}")
list(LENGTH errors count)
if(result EQUAL 0 OR NOT count EQUAL 1 OR NOT output MATCHES "this header needs C\\+\\+17")
  message(FATAL_ERROR "expected one error that asks for C++17, got status ${result} and\n${output}")
endif()
