# The program that bench/count_work counts. Valgrind does not know AVX-512, so on x86 it is compiled for
# AVX2, whatever the other programs are compiled for.
include_guard(GLOBAL)
add_executable(count_work ${CMAKE_CURRENT_LIST_DIR}/count_work.cpp)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$" AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  target_link_libraries(count_work PRIVATE glstm::glstm glstm_own_warnings)
  target_compile_options(count_work PRIVATE -march=haswell)
else()
  target_link_libraries(count_work PRIVATE glstm::glstm glstm_own_flags)
endif()
