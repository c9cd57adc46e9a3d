// Trains in the processes that there are, with the installed package: one, when mpirun starts none.
#include <glstm/distributed/mpi_group.hpp>
#include <glstm/glstm.hpp>
#include <iostream>

int main(int argc, char** argv) {
  const glstm::MpiSession session(argc, argv);
  glstm::MpiGroup group;
  const glstm::AddingTask<float> task(20, 64, 1);
  glstm::GLstm<float> network({.inputs = 2, .hidden = {4}});
  glstm::Rng rng(1);
  network.initialize({.gates = {.end = 20}}, rng);
  glstm::Adam<float> adam(network.layout(), {.time_gate_learning_rate = 0.1});
  const auto report = glstm::Trainer(network, adam, {.batch = 32}, &group).fit(task);
  if (group.rank() == 0)
    std::cout << "glstm " << glstm::version_string << ": " << report.step << " steps\n";
  return report.step == 2 ? 0 : 1;
}
