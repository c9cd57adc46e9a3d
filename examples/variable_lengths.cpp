// Sequences of different lengths.
//
// Many to one: a g-LSTM reads a sequence and predicts the number that was marked in it.
// Many to many: a network predicts, for every step, the sum of the numbers before and after it. A
// network that reads forward knows one of the two; a bidirectional network knows both.
#include <glstm/glstm.hpp>
#include <iostream>

namespace {

using namespace glstm;

constexpr Index longest = 200, shortest = 20;

/// Sequences of 20 to 200 random numbers; the second feature marks one of them.
class Sequences final : public Dataset<float> {
 public:
  Sequences(Index count, Readout readout, std::uint64_t seed)
      : count_(count), readout_(readout), seed_(seed) {}

  Index size() const override { return count_; }

  void load(std::span<const Index> samples, LabelledBatch<float>& batch) const override {
    const Index B = static_cast<Index>(samples.size());
    batch.input = SequenceBatch<float>::zeros(B, longest, /*features=*/2);
    batch.targets.values.setZero(B, readout_ == Readout::every_step ? longest : 1);
    for (Index b = 0; b < B; ++b) {
      Rng rng(seed_ + static_cast<std::uint64_t>(samples[static_cast<std::size_t>(b)]));
      const Index length = shortest + rng.below(longest - shortest + 1);
      const Index marked = rng.below(length);
      batch.input.timing.lengths.push_back(length);  // steps past it are ignored
      auto number = [&](Index n) -> float& { return batch.input.values(b, 2 * n); };
      for (Index n = 0; n < length; ++n) number(n) = static_cast<float>(rng.uniform(-1, 1));
      batch.input.values(b, 2 * marked + 1) = 1;
      if (readout_ == Readout::last_step) {
        batch.targets.values(b, 0) = number(marked);
        continue;
      }
      for (Index n = 0; n < length; ++n) {
        batch.targets.values(b, n) =
            (n > 0 ? number(n - 1) : 0) + (n + 1 < length ? number(n + 1) : 0);
      }
    }
  }

 private:
  Index count_;
  Readout readout_;
  std::uint64_t seed_;
};

/// The mean squared error on new sequences after a short training.
template <class Gate>
Evaluation train(Network<Gate>& network, Index epochs) {
  const Readout readout = network.options().readout;
  const Sequences training(5'000, readout, /*seed=*/0), test(1'000, readout, /*seed=*/1'000'000);
  Adam<float> optimizer(network.layout(), {.learning_rate = 1e-2, .time_gate_learning_rate = 0.2});
  Trainer(network, optimizer, {.batch = 50, .epochs = epochs}).fit(training);
  return evaluate(network, test, /*batch_size=*/100);
}

}  // namespace

int main() {
  Rng rng(1);
  GLstm<float> last_step({.inputs = 2, .hidden = {40}, .outputs = 1});
  last_step.initialize({.gates = {.end = longest, .open_share = 0.2}}, rng);
  const Evaluation marked = train(last_step, 6);
  std::cout << "many to one: error " << marked.task.loss << " (predicting 0: 0.333), "
            << 100 * marked.ops.update_share() << " % of the updates\n";

  double errors[2];  // forward only, both directions
  for (const bool bidirectional : {false, true}) {
    Lstm<float> every_step({.inputs = 2,
                            .hidden = {12},
                            .outputs = 1,
                            .readout = Readout::every_step,
                            .bidirectional = bidirectional});
    every_step.initialize({}, rng);
    errors[bidirectional] = train(every_step, 2).task.loss;
    std::cout << "many to many, " << (bidirectional ? "both directions" : "forward only")
              << ": error " << errors[bidirectional] << " (predicting 0: 0.66)\n";
  }

  if (marked.task.loss < 0.05 && errors[false] > 0.3 && errors[true] < 0.02) return 0;
  std::cerr << "expected errors below 0.05, above 0.3 and below 0.02\n";
  return 1;
}
