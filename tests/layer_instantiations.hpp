// The heavy templates, compiled once for all tests: declared here (by the precompiled header of the
// tests), defined in layer_instantiations_*.cpp.
#pragma once

#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/phased_gate.hpp"
#include "glstm/lstm/layer.hpp"

#define GLSTM_LAYER_FUNCTIONS(PREFIX, GATE, SCALAR)                                            \
  PREFIX template void glstm::scheduled::forward<glstm::GATE<SCALAR>, SCALAR>(                 \
      const glstm::LstmWeights<SCALAR>&, const glstm::GATE<SCALAR>&, double,                   \
      const glstm::ConstMatrixRef<SCALAR>&, const glstm::Timing&, bool, glstm::State<SCALAR>&, \
      glstm::Matrix<SCALAR>*, glstm::Keep, glstm::scheduled::Tape<SCALAR>&);                   \
  PREFIX template void glstm::scheduled::backward<glstm::GATE<SCALAR>, SCALAR>(                \
      const glstm::GATE<SCALAR>&, const glstm::Timing&, const glstm::scheduled::Tape<SCALAR>&, \
      const glstm::Matrix<SCALAR>*, SCALAR, glstm::State<SCALAR>&, glstm::Matrix<SCALAR>*,     \
      glstm::LstmGradients<SCALAR>&, glstm::scheduled::BackwardWorkspace<SCALAR>&);                      \
  PREFIX template void glstm::reference::forward<glstm::GATE<SCALAR>, SCALAR>(                 \
      const glstm::LstmWeights<SCALAR>&, const glstm::GATE<SCALAR>&, double,                   \
      const glstm::ConstMatrixRef<SCALAR>&, const glstm::Timing&, glstm::State<SCALAR>&,       \
      glstm::Matrix<SCALAR>*, glstm::reference::Tape<SCALAR>&);                                \
  PREFIX template void glstm::reference::backward<glstm::GATE<SCALAR>, SCALAR>(                \
      const glstm::LstmWeights<SCALAR>&, const glstm::GATE<SCALAR>&, const glstm::Timing&,     \
      const glstm::reference::Tape<SCALAR>&, const glstm::Matrix<SCALAR>*, SCALAR,             \
      glstm::State<SCALAR>&, glstm::Matrix<SCALAR>*, glstm::LstmGradients<SCALAR>&);

#define GLSTM_ALL_GATES(PREFIX, SCALAR)               \
  GLSTM_LAYER_FUNCTIONS(PREFIX, AlwaysOpen, SCALAR)   \
  GLSTM_LAYER_FUNCTIONS(PREFIX, GaussianGate, SCALAR) \
  GLSTM_LAYER_FUNCTIONS(PREFIX, PhasedGate, SCALAR)

#ifndef GLSTM_DEFINE_LAYERS
GLSTM_ALL_GATES(extern, float)
GLSTM_ALL_GATES(extern, double)
#endif
