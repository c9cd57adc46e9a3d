# Finds Eigen 3.4 or newer. The package of Eigen refuses another major version than the one asked for,
# and a range of versions is no way out with Eigen 3.4.0: so we ask for one major version after the
# other. glstm-config.cmake includes this file too.
set(glstm_eigen_dir "${Eigen3_DIR}")  # find_package forgets it when the version does not fit
foreach(glstm_eigen_version 3.4 5)
  if(NOT TARGET Eigen3::Eigen)
    if(glstm_eigen_dir)
      set(Eigen3_DIR "${glstm_eigen_dir}" CACHE PATH "The folder with Eigen's CMake package" FORCE)
    endif()
    find_package(Eigen3 ${glstm_eigen_version} QUIET NO_MODULE)
  endif()
endforeach()
unset(glstm_eigen_version)
unset(glstm_eigen_dir)
