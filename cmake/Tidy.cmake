# tidy: clang-tidy with .clang-tidy over one source file of all headers, which is there for that
# only, and over the examples, which make functions of the templates.
option(GLSTM_TIDY "Make the target tidy, which checks headers and examples with clang-tidy" OFF)
if(GLSTM_TIDY)
  find_program(GLSTM_RUN_CLANG_TIDY NAMES run-clang-tidy run-clang-tidy-14 REQUIRED)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include
       ${PROJECT_SOURCE_DIR}/include/*.hpp)
  if(NOT TARGET glstm::mpi)
    list(FILTER headers EXCLUDE REGEX /mpi_)
  endif()
  set(all_headers "")
  foreach(header ${headers})
    string(APPEND all_headers "#include \"${header}\"\n")
  endforeach()
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/all_headers.cpp CONTENT "${all_headers}" @ONLY)
  add_library(all_headers OBJECT EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/all_headers.cpp)
  target_link_libraries(all_headers PRIVATE glstm::io $<TARGET_NAME_IF_EXISTS:glstm::mpi>
                                            glstm_own_flags)
  add_custom_target(tidy
    COMMAND ${GLSTM_RUN_CLANG_TIDY} -quiet -j 2 -p ${PROJECT_BINARY_DIR} "/examples/|/all_headers"
    COMMENT "Checking all headers and examples with clang-tidy" USES_TERMINAL VERBATIM)
endif()
