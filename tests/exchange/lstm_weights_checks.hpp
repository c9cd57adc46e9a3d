// Checks that the tests of PyTorch's and Keras' weights share.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "catch.hpp"
#include "glstm/exchange/lstm_weights.hpp"
#include "io/random_network.hpp"
#include "io/same_network.hpp"
#include "temporary_folder.hpp"

/// An LSTM of two inputs and two outputs.
inline glstm::Lstm<float> small_lstm(const std::vector<glstm::Index>& hidden,
                                     bool bidirectional = false) {
  return random_network<glstm::AlwaysOpen<float>>(
      {.inputs = 2, .hidden = hidden, .outputs = 2, .bidirectional = bidirectional}, 1);
}

/// Checks that from(to(network)) is the same network bit for bit, for one and two directions.
/// `options` are those of `from`.
template <class Scalar, class Options, class To, class From>
void check_round_trips(const std::vector<std::vector<glstm::Index>>& layers,
                       std::size_t tensors_per_layer, Options options, To&& to, From&& from) {
  using namespace glstm;
  options.readout = Readout::every_step;
  options.loss = cross_entropy;
  for (const std::vector<Index>& hidden : layers) {
    for (const bool bidirectional : {false, true}) {
      CAPTURE(hidden.size(), bidirectional);
      const Lstm<Scalar> network =
          random_network<AlwaysOpen<Scalar>>({.inputs = 2,
                                              .hidden = hidden,
                                              .outputs = 3,
                                              .readout = options.readout,
                                              .loss = options.loss,
                                              .bidirectional = bidirectional},
                                             2);
      const Safetensors file = to(network);
      CHECK(file.tensors.size() == network.layers().size() * tensors_per_layer + 2);
      const Lstm<Scalar> back = from(parse_safetensors(format_safetensors(file), "bytes"), options);
      check_same_shape(back, network);
      CHECK(same_bits(back.parameters, network.parameters));
    }
  }
}

/// Checks that load(path) returns what save(path, network) has written, with a readout of every
/// step, and that errors of both name the file once.
template <class Save, class Load>
void check_file_of(glstm::Lstm<float> network, Save&& save, Load&& load) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "model.safetensors";
  check_names_once(error_of([&] { load(path); }), path.string());
  save(path, network);
  const glstm::Lstm<float> back = load(path);
  CHECK(same_bits(back.parameters, network.parameters));
  CHECK(back.options().readout == glstm::Readout::every_step);

  network.parameters(0) = std::numeric_limits<float>::infinity();
  const std::string message = error_of([&] { save(path, network); });
  check_names_once(message, path.string());
  check_mentions(message, {"\"layer0.w_ih\"", "finite", "inf"});
  CHECK(same_bits(load(path).parameters, back.parameters));
}
