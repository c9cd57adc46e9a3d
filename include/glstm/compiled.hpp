// What glstm::compiled holds. Its users compile with GLSTM_COMPILED defined, and glstm.hpp then
// declares these templates here, so that the compiler leaves them to the library. All others (a
// gate, an optimiser or a callback of your own) it instantiates as ever.
//
// Compilers that optimise instantiate even so what is defined inside its class, to inline it. The
// long member functions are therefore defined behind their class.
#pragma once

#ifdef GLSTM_COMPILED

#include "glstm/data/adding_task.hpp"
#include "glstm/data/array_dataset.hpp"
#include "glstm/data/frequency_task.hpp"
#include "glstm/data/image_sequences.hpp"
#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/phased_gate.hpp"
#include "glstm/lstm/layer.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/nn/summary.hpp"
#include "glstm/optim/optimizer.hpp"
#include "glstm/streaming/streaming_network.hpp"
#include "glstm/train/callbacks.hpp"
#include "glstm/train/fit.hpp"
#include "glstm/train/predict.hpp"
#include "glstm/train/trainer.hpp"

// EXTERN is `extern template` to declare, `template` to define.
#define GLSTM_COMPILED_GATE(EXTERN, GATE, SCALAR)                                                \
  EXTERN class Layer<GATE<SCALAR>>;                                                              \
  EXTERN class detail::DirectionalLayer<GATE<SCALAR>>;                                           \
  EXTERN class Network<GATE<SCALAR>>;                                                            \
  EXTERN class BatchWorkers<GATE<SCALAR>>;                                                       \
  EXTERN class Trainer<GATE<SCALAR>>;                                                            \
  EXTERN class StreamingCell<GATE<SCALAR>>;                                                      \
  EXTERN class StreamingNetwork<GATE<SCALAR>>;                                                   \
  EXTERN Evaluation evaluate(const Network<GATE<SCALAR>>&, const Dataset<SCALAR>&, Index, Index, \
                             ProcessGroup*);                                                     \
  EXTERN EpochReport fit(Network<GATE<SCALAR>>&, const Dataset<SCALAR>&, const FitOptions&,      \
                         const Dataset<SCALAR>*);                                                \
  EXTERN Matrix<SCALAR> predict(const Network<GATE<SCALAR>>&, const Dataset<SCALAR>&);           \
  EXTERN Matrix<SCALAR> probabilities(const Network<GATE<SCALAR>>&, const Dataset<SCALAR>&);     \
  EXTERN std::vector<int> predict_classes(const Network<GATE<SCALAR>>&, const Dataset<SCALAR>&); \
  EXTERN Evaluation evaluate_streams(const Network<GATE<SCALAR>>&, const StreamSource<SCALAR>&,  \
                                     Index);                                                     \
  EXTERN NetworkSummary summary(const Network<GATE<SCALAR>>&, const Timing&);                    \
  EXTERN NetworkSummary summary(const Network<GATE<SCALAR>>&, Index, Index);

#define GLSTM_COMPILED_SCALAR(EXTERN, SCALAR)                             \
  GLSTM_COMPILED_GATE(EXTERN, AlwaysOpen, SCALAR)                         \
  GLSTM_COMPILED_GATE(EXTERN, GaussianGate, SCALAR)                       \
  GLSTM_COMPILED_GATE(EXTERN, PhasedGate, SCALAR)                         \
  EXTERN struct kernels::ColumnProduct<SCALAR, kernels::AdjacentColumns>; \
  EXTERN struct kernels::ColumnProduct<SCALAR, kernels::ListedColumns>;   \
  EXTERN struct kernels::GateDots<SCALAR, kernels::AdjacentColumns>;      \
  EXTERN struct kernels::GateDots<SCALAR, kernels::ListedColumns>;        \
  EXTERN struct kernels::ForwardStep<SCALAR>;                             \
  EXTERN struct kernels::BackwardStep<SCALAR>;                            \
  EXTERN class scheduled::ForwardPass<SCALAR>;                            \
  EXTERN class scheduled::BackwardPass<SCALAR>;                           \
  EXTERN class Dense<SCALAR>;                                             \
  EXTERN class RuleOptimizer<SCALAR, SgdRule>;                            \
  EXTERN class RuleOptimizer<SCALAR, RmsPropRule>;                        \
  EXTERN class RuleOptimizer<SCALAR, AdamRule<AdamOptions>>;              \
  EXTERN class RuleOptimizer<SCALAR, AdamRule<AdamWOptions>>;             \
  EXTERN class ProgressBar<SCALAR>;                                       \
  EXTERN class CsvLog<SCALAR>;                                            \
  EXTERN class EarlyStop<SCALAR>;                                         \
  EXTERN class KeepBest<SCALAR>;                                          \
  EXTERN class ArrayDataset<SCALAR>;                                      \
  EXTERN class AddingTask<SCALAR>;                                        \
  EXTERN class FrequencyTask<SCALAR>;                                     \
  EXTERN class ImageSequences<SCALAR>;

GLSTM_BEGIN_NAMESPACE
GLSTM_COMPILED_SCALAR(extern template, float)
GLSTM_COMPILED_SCALAR(extern template, double)
GLSTM_END_NAMESPACE

#ifndef GLSTM_DEFINE_COMPILED  // the library's own sources go on to define them
#undef GLSTM_COMPILED_GATE
#undef GLSTM_COMPILED_SCALAR
#endif

#endif
