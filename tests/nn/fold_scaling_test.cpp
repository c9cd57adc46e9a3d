#include "glstm/nn/fold_scaling.hpp"

#include <vector>

#include "catch.hpp"
#include "glstm/exchange/header.hpp"
#include "glstm/exchange/keras.hpp"
#include "glstm/exchange/onnx.hpp"
#include "glstm/exchange/pytorch.hpp"
#include "glstm/exchange/rtneural.hpp"
#include "glstm/io/network_file.hpp"
#include "glstm/streaming/streaming_network.hpp"
#include "temporary_folder.hpp"

namespace fold_scaling_test {

using glstm::DataDescription;
using glstm::Index;
using glstm::Matrix;
using glstm::Scaling;

namespace {

constexpr Index features = 2, frame = 2, outputs = 3, batch = 4, steps = 7;

const DataDescription description = {.feature_names = {"pressure", "x"},
                                     .feature_scaling = {{101325, 500}, {-0.01, 0.002}},
                                     .target_names = {"a", "b", "c"},
                                     .target_scaling = {{5e5, 1e5}, {0, 1}, {-1, 0.5}},
                                     .clock = glstm::ClockKind::own,
                                     .first_time = 0,
                                     .last_time = 10,
                                     .frame = frame};

template <class Network>
Network random_network(bool bidirectional = false) {
  Network network({.inputs = features * frame,
                   .hidden = {5, 3},
                   .outputs = outputs,
                   .bidirectional = bidirectional});
  glstm::Rng rng(1);
  network.initialize({.gates = {.end = 6, .open_share = 0.5}}, rng);
  network.data = description;
  return network;
}

/// A batch of scaled numbers, or the same batch in the user's unit.
template <class Scalar>
glstm::SequenceBatch<Scalar> random_batch(bool scaled) {
  glstm::Rng rng(2);
  auto input = glstm::SequenceBatch<Scalar>::zeros(batch, steps, features * frame);
  for (Index b = 0; b < batch; ++b) {
    for (Index i = 0; i < input.values.cols(); ++i) {
      const Scaling& s = description.scaling_of_input(i % (features * frame));
      const double value = rng.normal();
      input.values(b, i) = static_cast<Scalar>(scaled ? value : value * s.scale + s.offset);
    }
  }
  return input;
}

/// Predictions [B,O] in the user's unit.
template <class Scalar>
Matrix<Scalar> in_unit(Matrix<Scalar> predictions) {
  for (Index o = 0; o < outputs; ++o) {
    const Scaling& s = description.target_scaling[static_cast<std::size_t>(o)];
    predictions.col(o) =
        (predictions.col(o).array() * static_cast<Scalar>(s.scale) + static_cast<Scalar>(s.offset))
            .matrix();
  }
  return predictions;
}

template <class Network>
Matrix<double> predict(const Network& network, bool scaled) {
  typename Network::Tape tape;
  return network.predict(random_batch<double>(scaled), tape);
}

}  // namespace

TEMPLATE_TEST_CASE("a folded network takes and returns the numbers of the data", "",
                   glstm::GLstm<double>, glstm::Lstm<double>, glstm::PhasedLstm<double>) {
  for (const bool bidirectional : {false, true}) {
    const auto network = random_network<TestType>(bidirectional);
    const auto folded = glstm::fold_scaling(network);
    CHECK_FALSE(folded.data.has_scaling());
    CHECK(folded.data.feature_names == description.feature_names);
    const Matrix<double> expected = in_unit(predict(network, true)), found = predict(folded, false);
    CHECK(largest_magnitude(((found - expected).array() / expected.array()).matrix().eval()) <
          1e-9);
    CHECK(glstm::fold_scaling(folded).parameters == folded.parameters);
  }
}

TEST_CASE("files keep the description of the data, and give a network that is folded") {
  const TemporaryFolder folder;
  const auto path = folder / "net.safetensors";
  const auto network = random_network<glstm::GLstm<double>>();
  for (const auto storage : {glstm::WeightStorage::full, glstm::WeightStorage::int8}) {
    glstm::save_network(path, network, {.storage = storage});
    CHECK(glstm::inspect_network(path).data == description);
    CHECK(glstm::inspect_network(path).metadata.empty());
    const auto apart = glstm::load_network<glstm::GLstm<double>>(path, glstm::LoadedScaling::apart);
    CHECK(apart.data == description);
    CHECK(apart.parameters == glstm::as_stored(network, storage).parameters);
    const auto folded = glstm::load_network<glstm::GLstm<double>>(path);
    CHECK(folded.parameters == glstm::fold_scaling(apart).parameters);
  }
  auto plain = network;
  plain.data = {};
  glstm::save_network(path, plain);
  CHECK(glstm::inspect_network(path).data.empty());
  CHECK(glstm::load_network<glstm::GLstm<double>>(path).parameters == network.parameters);
}

TEST_CASE("streams and exports take the numbers of the data") {
  const auto network = random_network<glstm::Lstm<double>>();
  const auto folded = glstm::fold_scaling(network);
  glstm::StreamingNetwork stream(network);
  const auto input = random_batch<double>(false);
  for (Index n = 0; n < steps; ++n) {
    const glstm::Vector<double> x = input.step(n).row(0).transpose();
    stream.step(x.data(), static_cast<double>(n));
  }
  const Matrix<double> expected = in_unit(predict(network, true));
  for (Index o = 0; o < outputs; ++o) CHECK(stream.output()(o) == Approx(expected(0, o)));
  CHECK(glstm::to_header(network) == glstm::to_header(folded));
  CHECK(glstm::to_onnx(network) == glstm::to_onnx(folded));
  CHECK(glstm::to_rtneural(network) == glstm::to_rtneural(folded));
  auto equal_layers = glstm::Lstm<double>({.inputs = 2, .hidden = {3}, .outputs = 1});
  equal_layers.data.feature_scaling = {{1, 2}, {3, 4}};
  glstm::Rng rng(1);
  equal_layers.initialize({}, rng);
  const auto weights = glstm::from_pytorch<glstm::Lstm<double>>(glstm::to_pytorch(equal_layers));
  CHECK(weights.parameters == glstm::fold_scaling(equal_layers).parameters);
  const auto again = glstm::from_keras<glstm::Lstm<double>>(glstm::to_keras(equal_layers));
  CHECK(again.parameters == weights.parameters);
  // One row of int8 weights has one scale for features whose scales differ by 250000 times.
  check_mentions(
      error_of([&] { glstm::to_header(network, {.storage = glstm::WeightStorage::int8}); }),
      {"similar scale", "0.002", "500"});
  equal_layers.data.feature_scaling = {{1, 2}, {3, 4}};
  CHECK_NOTHROW(glstm::to_header(equal_layers, {.storage = glstm::WeightStorage::int8}));
}

TEST_CASE("descriptions that do not fit a network are an error") {
  const TemporaryFolder folder;
  const auto path = folder / "net.safetensors";
  const auto error = [&](auto change) {
    auto network = random_network<glstm::GLstm<double>>();
    change(network.data);
    const std::string folding = error_of([&] { glstm::fold_scaling(network); });
    const std::string saving = error_of([&] { glstm::save_network(path, network); });
    CHECK(saving == path.string() + ": " + folding);
    CHECK_FALSE(std::filesystem::exists(path));
    return folding;
  };
  check_mentions(error([](auto& d) { d.feature_names.pop_back(); }), {"2 names of features"});
  check_mentions(error([](auto& d) { d.feature_names = {"x", "x"}; }), {"differ", "\"x\" twice"});
  check_mentions(error([](auto& d) { d.feature_scaling[0].scale = 0; }), {"no scale of 0"});
  check_mentions(error([](auto& d) { d.target_scaling.resize(1); }), {"3 scalings of targets"});
  check_mentions(error([](auto& d) { d.class_names = {"a", "b", "c"}; }), {"classes or targets"});
  check_mentions(error([](auto& d) { d.frame = 3; }), {"frames", "4 inputs", "3"});
  check_mentions(error([](auto& d) { d.last_time = -1; }), {"span of time"});
}

TEST_CASE("a damaged description in a file is an error that names it") {
  const TemporaryFolder folder;
  const auto path = folder / "net.safetensors";
  const auto network = random_network<glstm::GLstm<double>>();
  glstm::save_network(path, network);
  const auto good = glstm::load_safetensors(path);
  const auto error = [&](const std::string& from, const std::string& to) {
    auto file = good;
    std::string& text = file.metadata.at("glstm.data");
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    glstm::save_safetensors(path, file);
    return error_of([&] { glstm::load_network<glstm::GLstm<double>>(path); });
  };
  check_mentions(error("\"clock\":\"own\"", "\"clock\":\"wall\""), {path.string(), "wall"});
  check_mentions(error("[101325.0,500.0]", "[101325.0]"), {"glstm.data", "pairs of numbers"});
  check_mentions(error("[101325.0,500.0]", "[101325.0,0]"), {"glstm.data", "no scale of 0"});
  check_mentions(error("\"x\"", "7"), {"glstm.data", "\"features\"", "texts"});
  check_mentions(error("\"frame\":2", "\"frame\":0"), {"glstm.data", "\"frame\""});
  check_mentions(error("\"frame\":2", "\"frame\":2,\"more\":1"), {"glstm.data", "\"more\""});
  check_mentions(error("{", "["), {"glstm.data", "JSON"});
}

}  // namespace fold_scaling_test
