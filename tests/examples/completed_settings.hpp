// Settings of sequence_tasks as a run saves them.
#pragma once

#include "sequence_tasks/settings.hpp"

namespace sequence_tasks {

/// `given` with a value of everything that a run must have; which one does not matter.
inline Settings completed(Settings given) {
  for (auto* value : {&given.forget_bias, &given.min_width, &given.open_share, &given.epochs,
                      &given.reports, &given.learning_rate, &given.gate_learning_rate,
                      &given.final_rate, &given.weight_decay, &given.weight_noise}) {
    if (!*value) *value = 0.5;
  }
  for (auto* value : {&given.memory, &given.average, &given.budget_integral}) {
    if (!*value) *value = 0;
  }
  for (auto* value :
       {&given.training_sequences, &given.held_out, &given.test_sequences, &given.batch}) {
    if (!*value) *value = 3;
  }
  given.max_steps = 7;
  return given;
}

}  // namespace sequence_tasks
