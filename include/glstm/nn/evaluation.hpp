// Evaluations of batches, and how those of several batches are put together.
#pragma once

#include "glstm/core/types.hpp"
#include "glstm/lstm/layer.hpp"
#include "glstm/nn/loss.hpp"

GLSTM_BEGIN_NAMESPACE

/// The loss on a batch, and the operations that computed it.
struct Evaluation {
  LossValue task;     ///< the task's loss and the number of right decisions
  double budget = 0;  ///< mean openness over neurons, samples and valid steps, in [0, 1]
  OpCounts ops;

  double loss() const { return task.loss; }
  /// The fraction of right decisions; not a number where the loss decides nothing.
  double accuracy() const { return task.accuracy(); }
};

/// The denominators of the means in a loss. The counts of a batch are the sums of the counts of its
/// parts.
struct MeanCounts {
  double predictions = 0;  ///< the weight of all predictions, over which the task's loss is a mean
  Index valid_steps = 0;   ///< the budget is a mean over valid steps
};

/// Adds up evaluations of batches, or of the parts of a batch. The mean gives every prediction its
/// weight.
class EvaluationSum {
 public:
  /// Adds the evaluation of a batch or of a part of one.
  void add(const Evaluation& batch) {
    sum_.task.loss += batch.task.weight * batch.task.loss;
    sum_.task.weight += batch.task.weight;
    sum_.task.decisions.right += batch.task.decisions.right;
    sum_.task.decisions.all += batch.task.decisions.all;
    sum_.task.count += batch.task.count;
    sum_.ops += batch.ops;
  }
  /// The evaluation of everything that was added.
  Evaluation mean() const {
    Evaluation result = sum_;
    if (sum_.task.weight > 0) result.task.loss /= sum_.task.weight;
    if (sum_.ops.dense_updates > 0) result.budget = sum_.ops.openness / sum_.ops.dense_updates;
    return result;
  }

 private:
  Evaluation sum_;
};

GLSTM_END_NAMESPACE
