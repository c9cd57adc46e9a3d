// count_work inference|training NEURONS BATCH SHARE STEPS PASSES: predicts for one batch, or
// computes the gradient on it, PASSES times, so that the script of this name can count what that
// takes.
//
// SHARE is the part of the sequence that every window takes, the windows are spread evenly; 1 is
// the LSTM. The layer is untrained: what a sequence takes depends on its windows alone. The output
// is one line: the share of updates, and the multiply-accumulates (MACs) of a sequence's forward
// pass.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include "glstm_sequence.hpp"

namespace {

using namespace glstm;

struct Work {
  bool training = false;
  bench::Shape shape;
  int passes = 0;
};

template <TimeGate Gate>
void run(const Work& work, const Matrix<float>& gates) {
  bench::GlstmSequence<Gate> layer(bench::Workload(work.shape), gates);
  const FlushToZero flush;
  for (int pass = 0; pass < work.passes; ++pass) {
    if (work.training) {
      layer.train();
    } else {
      layer.infer();
    }
  }
  const OpCounts ops = layer.ops();
  std::cout << glstm::detail::fixed_text(ops.update_share(), 6) << ' '
            << glstm::detail::fixed_text(ops.macs / static_cast<double>(work.shape.batch), 0)
            << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  const std::string kind = argc == 7 ? argv[1] : "";
  if (kind != "inference" && kind != "training") {
    std::cerr << "usage: count_work inference|training NEURONS BATCH SHARE STEPS PASSES\n";
    return 2;
  }
  try {
    const Work work{.training = kind == "training",
                    .shape = {.inputs = 1,
                              .hidden = std::atoi(argv[2]),
                              .steps = std::atoi(argv[5]),
                              .batch = std::atoi(argv[3])},
                    .passes = std::atoi(argv[6])};
    const double share = std::atof(argv[4]);
    if (share < 1) {
      run<GaussianGate<float>>(work, bench::even_gates(work.shape, share));
    } else {
      run<AlwaysOpen<float>>(work, Matrix<float>(work.shape.hidden, 0));
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "count_work: " << error.what() << '\n';
    return 1;
  }
}
