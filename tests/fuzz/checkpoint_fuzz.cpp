#include "fuzz.hpp"
#include "glstm/core/random.hpp"
#include "glstm/io/checkpoint.hpp"
#include "glstm/io/file_bytes.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/optim/optimizer.hpp"

namespace checkpoint_fuzz {

namespace {

using glstm::Vector;

/// All that a checkpoint can restore.
struct Model {
  glstm::GLstm<float> network{{.inputs = 1, .hidden = {1}, .outputs = 1}};
  glstm::Adam<float> optimizer{network.layout(), {.time_gate_learning_rate = 0.1}};
  Vector<float> average = Vector<float>::Constant(network.layout().size(), 7);

  bool finite() const {
    return network.parameters.allFinite() && average.allFinite() &&
           optimizer.state().moments.allFinite();
  }
  bool operator==(const Model& other) const {
    return network.parameters == other.network.parameters && average == other.average &&
           optimizer.state().rule == other.optimizer.state().rule &&
           optimizer.state().steps == other.optimizer.state().steps &&
           optimizer.state().moments == other.optimizer.state().moments;
  }
};

std::string bytes_of(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> bytes = glstm::read_file_bytes(path);
  return std::string(bytes.begin(), bytes.end());
}

const fuzz::ValidInput whole("checkpoint", [] {
  Model model;
  glstm::Rng rng(1);
  model.network.initialize({.gates = {.start = 0, .end = 9}}, rng);
  model.optimizer.step(model.network.parameters, Vector<float>(model.network.parameters));
  const auto path = fuzz::folder() / "whole.safetensors";
  glstm::save_checkpoint<float>(
      path,
      {model.network.parameters, model.network.layout(), model.optimizer.state(), &model.average},
      {{"epoch", "1"},
       {"watched_error", "0.5"},
       {"least_error", "inf"},
       {"seconds", "2"},
       {"budget_integral", "0"},
       {"budget_excess", "0"}});
  return bytes_of(path);
});

}  // namespace

FUZZ_TARGET(checkpoint) {
  const auto path = fuzz::file_of(fuzz::text_of(data, size), "input.safetensors");
  const Model before;
  Model model;
  glstm::CheckpointMetadata metadata;
  const bool loaded = fuzz::accepts([&] {
    metadata = glstm::load_checkpoint(path, model.network.layout(), model.network.parameters,
                                      &model.optimizer, &model.average);
  });
  fuzz::promise(loaded || model == before, "what is refused changes nothing");
  fuzz::promise(model.finite(), "what is loaded is finite");

  Model parameters_only;
  const bool parameters_loaded = fuzz::accepts([&] {
    metadata = glstm::load_checkpoint(path, parameters_only.network.layout(),
                                      parameters_only.network.parameters, nullptr);
  });
  fuzz::promise(parameters_loaded || parameters_only == before, "what is refused changes nothing");
  fuzz::promise(parameters_loaded || !loaded, "the parameters are part of the whole");
  fuzz::promise(parameters_only.finite(), "what is loaded is finite");
  if (parameters_loaded) fuzz::accepts([&] { glstm::training_progress(metadata, "input"); });
  return 0;
}

}  // namespace checkpoint_fuzz
