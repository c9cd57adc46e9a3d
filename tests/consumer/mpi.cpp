// Compiled and linked against MPI; where its processes talk is not what is tested here.
#include <mpi.h>

#include <glstm/version.hpp>
#include <iostream>

int main() {
  int version = 0, subversion = 0;
  MPI_Get_version(&version, &subversion);
  std::cout << "glstm " << glstm::version_string << ": MPI " << version << '.' << subversion
            << '\n';
  return version >= 3 ? 0 : 1;
}
