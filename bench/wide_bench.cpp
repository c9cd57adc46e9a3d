// Wide g-LSTMs with few samples: the products are small and the weights do not fit into a cache.
#include "gated_bench.hpp"
#include "suite.hpp"

namespace glstm::bench {

void add_wide_benchmarks(const SuiteOptions& options) {
  for (const Index hidden : {512, 1024, 2048}) {
    if (options.quick && hidden > 512) continue;
    for (const int percent : {5, 2, 1}) {
      for (const Index batch : {1, 4, 32}) {
        if (batch == 32 && (hidden != 1024 || percent != 2)) continue;
        Shape shape{1, hidden, 784, batch};
        if (options.quick) shape = shape.shortened();
        add_gated("wide", std::to_string(percent) + " %, " + shape.name(), shape, percent / 100.0);
      }
    }
  }
}

}  // namespace glstm::bench
