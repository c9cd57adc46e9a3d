# coverage: runs the tests of the library in a build with --coverage, counts the lines of include/
# that they reach, and fails where these are fewer than 95 of 100.
if(CMAKE_CXX_FLAGS MATCHES "--coverage" AND TARGET glstm_tests)
  find_program(GLSTM_GCOVR gcovr REQUIRED)
  set(folder ${PROJECT_BINARY_DIR}/coverage)
  file(MAKE_DIRECTORY ${folder})
  set(run_mpi "")
  if(TARGET mpi_group_check)
    set(run_mpi COMMAND ${CMAKE_COMMAND} -E env ${mpi_environment}
                        ${MPIEXEC_EXECUTABLE} -n 2 $<TARGET_FILE:mpi_group_check>)
  endif()
  add_custom_target(coverage
    COMMAND find ${PROJECT_BINARY_DIR} -name *.gcda -delete  # of earlier runs
    COMMAND glstm_tests
    COMMAND glstm_realtime_tests
    ${run_mpi}
    COMMAND ${GLSTM_GCOVR} --root ${PROJECT_SOURCE_DIR} --filter ${PROJECT_SOURCE_DIR}/include/
            --txt ${folder}/lines.txt --html-details ${folder}/index.html --print-summary
            --fail-under-line 95 ${PROJECT_BINARY_DIR}
    DEPENDS $<TARGET_NAME_IF_EXISTS:mpi_group_check>
    WORKING_DIRECTORY ${folder}
    COMMENT "Running the tests and counting the lines that they reach" USES_TERMINAL VERBATIM)
endif()
