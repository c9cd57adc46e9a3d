# What the project's own executables are compiled with; users are given none of it. glstm_own_flags is
# for all but glstm::compiled, which chooses its processor by itself. A warning stops only the build of
# the tests: it need not keep anybody with another compiler from the examples and benchmarks.
add_library(glstm_own_warnings INTERFACE)
add_library(glstm_own_flags INTERFACE)
target_link_libraries(glstm_own_flags INTERFACE glstm_own_warnings)
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  target_compile_options(glstm_own_warnings INTERFACE
                         -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                         $<$<BOOL:${GLSTM_BUILD_TESTS}>:-Werror>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
    # These compilers take the undefined values of their own AVX-512 header, and copies inside their
    # own std::string, for mistakes.
    target_compile_options(glstm_own_warnings INTERFACE -Wno-uninitialized -Wno-maybe-uninitialized
                           -Wno-restrict)
  endif()
  include(CheckCXXCompilerFlag)
  check_cxx_compiler_flag(-march=native GLSTM_HAS_MARCH_NATIVE)
  option(GLSTM_NATIVE "Compile the project's own executables for this processor" ON)
  if(GLSTM_NATIVE AND GLSTM_HAS_MARCH_NATIVE)
    target_compile_options(glstm_own_flags INTERFACE -march=native)
  endif()
endif()
if(GLSTM_BUILD_FUZZERS)
  # Everything that a fuzz target may link is watched.
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "GLSTM_BUILD_FUZZERS needs Clang, which has libFuzzer; the preset fuzz "
                        "takes it. The compiler is ${CMAKE_CXX_COMPILER_ID}")
  endif()
  target_compile_options(glstm_own_warnings INTERFACE
                         -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
                         -fno-omit-frame-pointer)
  target_link_options(glstm_own_warnings INTERFACE -fsanitize=address,undefined)
endif()
