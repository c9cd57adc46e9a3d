#include "glstm/io/network_file.hpp"

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "glstm/io/checkpoint.hpp"
#include "glstm/train/parameter_average.hpp"
#include "io/random_network.hpp"
#include "io/same_network.hpp"
#include "temporary_folder.hpp"

namespace network_file_test {

namespace fs = std::filesystem;
using namespace glstm;

namespace {

/// Options whose numbers are not round ones.
template <class Gate>
NetworkOptions<Gate> odd_options() {
  NetworkOptions<Gate> options{.inputs = 2, .hidden = {5, 3}, .outputs = 2};
  options.time_origin = 1e9 / 7;
  options.gates.resize(2);
  double value = 1.0 / 3;
  for (auto& gate : options.gates) {
    for (const auto& [name, option] : GateTraits<Gate>::file_options) gate.*option = value /= 3;
  }
  return options;
}

template <class Gate>
void check_same(const Network<Gate>& a, const Network<Gate>& b) {
  check_same_shape(a, b);
  REQUIRE(a.options().gates.size() == b.options().gates.size());
  for (std::size_t l = 0; l < a.options().gates.size(); ++l) {
    for (const auto& [name, option] : GateTraits<Gate>::file_options) {
      CAPTURE(name);
      CHECK(a.options().gates[l].*option == b.options().gates[l].*option);
    }
  }
  CHECK(same_bits(a.parameters, b.parameters));
}

GLstm<float> small_network() {
  return random_network<GaussianGate<float>>(
      {.inputs = 2, .hidden = {5, 3}, .outputs = 1, .bidirectional = true}, 1);
}

/// The message with which a file is refused after `change` has changed it.
std::string error_after(const std::function<void(Safetensors&)>& change,
                        WeightStorage storage = WeightStorage::full) {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  save_network(path, small_network(), {.storage = storage});
  Safetensors file = load_safetensors(path);
  change(file);
  save_safetensors(path, file);
  const std::string message = error_of([&] { load_network<GLstm<float>>(path); });
  check_mentions(message, {path.string()});
  return message;
}

/// Likewise after a part of the configuration has been replaced.
std::string error_with(const std::string& part, const std::string& replacement) {
  const std::string message = error_after([&](Safetensors& file) {
    std::string& text = file.metadata.at("glstm.network");
    const std::size_t at = text.find(part);
    REQUIRE(at != text.npos);
    text.replace(at, part.size(), replacement);
  });
  check_mentions(message, {"glstm.network"});
  return message;
}

template <class T>
void set_first(Safetensors& file, const char* name, T value) {
  std::get<std::vector<T>>(file.tensors.at(name).values)[0] = value;
}

struct ThrottleOptions {
  double rate = 0.5;
};

/// A gate as a user might write it.
class Throttle : public AlwaysOpen<float> {
 public:
  using Options = ThrottleOptions;
  static constexpr std::array<const char*, 1> parameter_names{"valve"};
  explicit Throttle(const Matrix<float>& parameters, const Options& = {})
      : AlwaysOpen<float>(parameters.leftCols(0)) {}
  static void initialize(const GateSpread&, const Options&, Rng&, Matrix<float>&) {}
  static void limit_step(const Matrix<float>&, Matrix<float>&, const Options&) {}
};

}  // namespace

}  // namespace network_file_test

template <>
struct glstm::GateTraits<network_file_test::Throttle>
    : glstm::GateTraitsDefaults<network_file_test::Throttle> {
  static constexpr const char* file_name = "throttle";
  static constexpr std::array<std::pair<const char*, double network_file_test::ThrottleOptions::*>,
                              1>
      file_options{{{"rate", &network_file_test::ThrottleOptions::rate}}};
};

namespace network_file_test {

TEMPLATE_TEST_CASE("a network comes back from its file bit for bit", "", AlwaysOpen<float>,
                   AlwaysOpen<double>, GaussianGate<float>, GaussianGate<double>, PhasedGate<float>,
                   PhasedGate<double>) {
  using Gate = TestType;
  using Scalar = typename Gate::Scalar;
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  std::vector<NetworkOptions<Gate>> all = {odd_options<Gate>(), {}, odd_options<Gate>()};
  all[0].readout = Readout::every_step;
  all[0].loss = cross_entropy;
  all[0].bidirectional = true;
  all[1].hidden = {1};
  for (const NetworkOptions<Gate>& options : all) {
    Network<Gate> network = random_network<Gate>(options, 1);
    network.parameters[0] = Scalar(-0.0);
    network.parameters[1] = std::numeric_limits<Scalar>::denorm_min();
    network.parameters[2] = std::numeric_limits<Scalar>::max();
    save_network(path, network);
    check_same(load_network<Network<Gate>>(path), network);
    CHECK(folder.files() == 1);

    const NetworkFileInfo info = inspect_network(path);
    CHECK(info.parameters == network.layout().size());
    std::vector<std::string> names;
    const auto visit = [&](const std::string& name, Index rows, Index cols, ParameterRole role) {
      const ParameterBlock& ours = network.layout().blocks()[names.size()];
      names.push_back(name);
      CHECK(name == ours.name);
      CHECK(rows == ours.rows);
      CHECK(cols == ours.cols);
      CHECK(role == ours.role);
    };
    detail::for_each_network_block(info, info.gate_parameters, visit);
    CHECK(names.size() == network.layout().blocks().size());
  }
}

TEST_CASE("a network file holds the tensors of a checkpoint and the configuration as JSON") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  const GLstm<float> network = small_network();
  save_network(path, network, {.metadata = {{"trained on", "\u03bc"}}});
  const Safetensors file = load_safetensors(path);
  CHECK(file.metadata.size() == 2);
  CHECK(file.metadata.at("trained on") == "\u03bc");
  const std::string configuration =
      R"({"bidirectional":true,"gate":"gaussian","gate_parameters":["mu","sigma"],)"
      R"("gates":[{"min_width":1e-06,"threshold":0.01}],"hidden":[5,3],"inputs":2,)"
      R"("loss":"mean_squared_error","outputs":1,"readout":"last_step","scalar":"F32",)"
      R"("time_origin":0.0,"version":1,"weights":"full"})";
  CHECK(file.metadata.at("glstm.network") == configuration);
  CHECK(network_metadata(network).at("glstm.network") == configuration);
  CHECK(file.tensors.size() == network.layout().blocks().size());
  CHECK(file.find("layer1.reverse.w_ih").shape == std::vector<Index>{12, 10});
  CHECK(file.find("layer0.sigma").shape == std::vector<Index>{5});
  const std::vector<float> w = file.find("layer0.w_ih").as<float>();
  const auto block = block_view(network.parameters, network.layout().find("layer0.w_ih"));
  CHECK(w[1] == block(0, 1));  // row-major
}

TEST_CASE("a network file says what it is without its type being known") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  auto options = odd_options<PhasedGate<double>>();
  options.readout = Readout::every_step;
  options.loss = cross_entropy;
  const auto network = random_network<PhasedGate<double>>(options, 1);
  save_network(path, network, {.storage = WeightStorage::int8, .metadata = {{"a", "b"}}});
  const NetworkFileInfo info = inspect_network(path);
  CHECK(info.gate == "phased");
  CHECK(info.gate_parameters == std::vector<std::string>{"period", "shift", "r_on"});
  REQUIRE(info.gates.size() == 2);
  CHECK(info.gates[1].size() == 4);
  CHECK(info.gates[1].at("leak") == options.gates[1].leak);
  CHECK(info.scalar == "F64");
  CHECK(info.storage == WeightStorage::int8);
  CHECK(info.inputs == 2);
  CHECK(info.hidden == std::vector<Index>{5, 3});
  CHECK(info.outputs == 2);
  CHECK(info.readout == Readout::every_step);
  CHECK(info.loss == "softmax_cross_entropy");
  CHECK(info.time_origin == options.time_origin);
  CHECK(!info.bidirectional);
  CHECK(info.parameters == network.layout().size());
  CHECK((info.metadata == std::map<std::string, std::string>{{"a", "b"}}));
}

TEST_CASE("a network of another kind, scalar or number of parameters of a gate is refused") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  save_network(path, small_network());
  check_mentions(error_of([&] { load_network<PhasedLstm<float>>(path); }),
                 {path.string(), "\"phased\"", "\"gaussian\""});
  check_mentions(error_of([&] { load_network<Lstm<float>>(path); }),
                 {path.string(), "\"lstm\"", "\"gaussian\""});
  check_mentions(error_of([&] { load_network<GLstm<double>>(path); }),
                 {path.string(), "F64", "F32"});
}

TEST_CASE("networks with a user's own gate are saved once their format is known") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  Network<Throttle> network({.hidden = {4}, .gates = {{.rate = 0.1}}});
  network.parameters.setRandom();
  save_network(path, network);
  check_same(load_network<Network<Throttle>>(path), network);
  CHECK(inspect_network(path).gate == "throttle");
  CHECK(inspect_network(path).gate_parameters == std::vector<std::string>{"valve"});
}

TEST_CASE("a checkpoint with the network's configuration is a network file") {
  const TemporaryFolder folder;
  GLstm<float> network = small_network();
  Adam<float> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
  const auto metadata = network_metadata(network);
  Checkpoints<float> checkpoints(folder.path(), metadata);
  const Vector<float> average = 2 * network.parameters;
  EpochReport report;
  report.training.task.loss = 1;
  checkpoints.on_epoch(
      report, {network.parameters, network.layout(), optimizer.state(), &average, nullptr});
  check_same(load_network<GLstm<float>>(checkpoints.last()), network);
  CHECK(inspect_network(checkpoints.last()).metadata.at("optimizer.rule") == "adam");
  CHECK(inspect_network(checkpoints.last()).parameters == network.layout().size());

  // The best is what was validated: the average.
  CHECK(same_bits<float>(load_network<GLstm<float>>(checkpoints.best()).parameters, average));

  // And a network file of full weights is a checkpoint without an optimiser.
  const fs::path path = folder / "some.safetensors";
  save_network(path, network);
  Vector<float> parameters = Vector<float>::Zero(network.layout().size());
  load_checkpoint(path, network.layout(), parameters, nullptr);
  CHECK(same_bits(parameters, network.parameters));
  save_network(path, network, {.storage = WeightStorage::float16});
  check_mentions(error_of([&] { load_checkpoint(path, network.layout(), parameters, nullptr); }),
                 {"\"layer0.w_ih\"", "F32", "F16"});
}

TEMPLATE_TEST_CASE("weights stored as float16 or int8 are off by no more than was said", "", float,
                   double) {
  using Scalar = TestType;
  using Gate = GaussianGate<Scalar>;
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  Network<Gate> network = random_network<Gate>(
      {.inputs = 3, .hidden = {20, 10}, .outputs = 4, .bidirectional = true}, 3);
  auto first = block_view(network.parameters, network.layout().find("layer0.w_hh"));
  first.row(0).setZero();
  first.row(1).setConstant(Scalar(1e-7));  // subnormal in float16
  first.row(2) *= Scalar(100);
  const std::uintmax_t full_size = [&] {
    save_network(path, network);
    return fs::file_size(path);
  }();

  for (const WeightStorage storage : {WeightStorage::float16, WeightStorage::int8}) {
    CAPTURE(static_cast<int>(storage));
    save_network(path, network, {.storage = storage});
    CHECK(fs::file_size(path) < full_size);
    const Network<Gate> loaded = load_network<Network<Gate>>(path);
    check_same_shape(loaded, network);
    double largest_share = 0;  // of what is allowed
    for (const ParameterBlock& block : network.layout().blocks()) {
      CAPTURE(block.name);
      const Matrix<Scalar> original = block_view(network.parameters, block);
      const Matrix<Scalar> rounded = block_view(loaded.parameters, block);
      if (block.role != ParameterRole::weight) {
        CHECK(original == rounded);
        continue;
      }
      CHECK(original != rounded);
      for (Index row = 0; row < block.rows; ++row) {
        const double scale = static_cast<double>(original.row(row).cwiseAbs().maxCoeff()) / 127;
        for (Index col = 0; col < block.cols; ++col) {
          const double value = static_cast<double>(original(row, col));
          const double off = std::abs(static_cast<double>(rounded(row, col)) - value);
          const double allowed = storage == WeightStorage::float16
                                     ? std::max(std::abs(value) * 0x1p-11, 0x1p-25)
                                     : scale / 2;
          CHECK(off <= allowed * (1 + 1e-4));
          if (allowed > 0) largest_share = std::max(largest_share, off / allowed);
        }
      }
    }
    CHECK(largest_share > 0.9);  // the bound is no looser than it has to be
    CHECK(block_view(loaded.parameters, network.layout().find("layer0.w_hh")).row(0).isZero(0));
    if (storage == WeightStorage::float16) {
      save_network(path, loaded, {.storage = storage});
      CHECK(same_bits(load_network<Network<Gate>>(path).parameters, loaded.parameters));
    }
  }
}

TEST_CASE("a network with float16 or int8 weights answers nearly as before") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  const GLstm<float> network =
      random_network<GaussianGate<float>>({.inputs = 3, .hidden = {32, 32}, .outputs = 4}, 3);
  save_network(path, network, {.storage = WeightStorage::float16});
  CHECK(difference(network, load_network<GLstm<float>>(path)) < 1e-3);
  save_network(path, network, {.storage = WeightStorage::int8});
  CHECK(difference(network, load_network<GLstm<float>>(path)) < 2e-2);
}

TEST_CASE("the tensors of compact weights have the types and scales that were said") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  GLstm<float> network = small_network();
  auto w = block_view(network.parameters, network.layout().find("readout.w"));
  w.row(0) << 1, -0.5f, 0.25f, 0.006f, 0.001f, 0;  // in steps of 1/127: 127, -63.5, 31.75, ...
  save_network(path, network, {.storage = WeightStorage::int8});
  Safetensors file = load_safetensors(path);
  CHECK(file.find("readout.w").dtype() == "I8");
  CHECK(file.find("readout.w").shape == std::vector<Index>{1, 6});
  CHECK(file.find("readout.w").as<int>() == std::vector<int>{127, -64, 32, 1, 0, 0});
  CHECK(file.find("readout.w.scale").shape == std::vector<Index>{1});
  CHECK(file.find("readout.w.scale").as<float>() == std::vector<float>{1.0f / 127});
  CHECK(file.find("layer0.b").dtype() == "F32");
  CHECK(!file.tensors.contains("layer0.b.scale"));
  CHECK(file.find("layer0.mu").dtype() == "F32");

  save_network(path, network, {.storage = WeightStorage::float16});
  file = load_safetensors(path);
  CHECK(file.find("readout.w").dtype() == "F16");
  CHECK(file.find("layer0.w_ih").dtype() == "F16");
  CHECK(file.find("readout.b").dtype() == "F32");
  CHECK(file.tensors.size() == network.layout().blocks().size());
}

TEST_CASE("what could not be loaded is not saved, and the older file stays") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  const GLstm<float> good = small_network();
  save_network(path, good);
  const auto error_for = [&](const GLstm<float>& network, WeightStorage storage,
                             const std::map<std::string, std::string>& metadata = {}) {
    const std::string message = error_of([&] { save_network(path, network, {storage, metadata}); });
    check_names_once(message, path.string());
    return message;
  };
  const auto set = [&](const char* name, float value) {
    GLstm<float> network = good;
    block_view(network.parameters, network.layout().find(name))(0, 0) = value;
    return network;
  };
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float max = std::numeric_limits<float>::max();
  for (const auto storage : {WeightStorage::full, WeightStorage::float16, WeightStorage::int8}) {
    check_mentions(error_for(set("layer0.w_ih", nan), storage),
                   {"\"layer0.w_ih\"", "finite", "nan"});
    check_mentions(error_for(set("layer1.b", -infinity), storage),
                   {"\"layer1.b\"", "finite", "-inf"});
    check_mentions(error_for(set("layer1.reverse.sigma", 0), storage), {"sigma", "zero"});
  }
  CHECK_NOTHROW(
      save_network(folder / "large", set("readout.w", 65519), {.storage = WeightStorage::float16}));
  CHECK_NOTHROW(load_network<GLstm<float>>(folder / "large"));
  check_mentions(error_for(set("readout.w", -65520), WeightStorage::float16),
                 {"\"readout.w\"", "range of float16", "-65520"});
  // Of the largest number, int8 either makes one that can be read again, or nothing.
  try {
    save_network(folder / "large", set("readout.w", max), {.storage = WeightStorage::int8});
    load_network<GLstm<float>>(folder / "large");
  } catch (const Error& error) {
    check_mentions(error.what(), {(folder / "large").string(), "range of int8"});
  }

  check_mentions(error_for(good, WeightStorage::full, {{"glstm.network", "{}"}}),
                 {"glstm.network"});
  check_mentions(error_for(good, WeightStorage::full, {{"made", "\xff"}}), {"UTF-8"});
  GLstm<float> cut = good;
  cut.parameters.conservativeResize(7);
  check_mentions(error_for(cut, WeightStorage::full), {"parameters", "got 7"});
  const GLstm<float> endless({.gates = {{.min_width = infinity}}});
  check_mentions(error_for(endless, WeightStorage::full), {"min_width", "finite", "inf"});
  check_mentions(error_of([&] { network_metadata(endless); }), {"min_width", "inf"});
  check_same(load_network<GLstm<float>>(path), good);
}

TEST_CASE("a network file whose tensors are wrong is refused") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  using Change = std::function<void(Safetensors&)>;
  struct Case {
    Change change;
    std::vector<std::string> mentions;
    WeightStorage storage = WeightStorage::full;
  };
  const auto erase = [](const char* name) {
    return [=](Safetensors& file) { file.tensors.erase(name); };
  };
  const auto add = [](const char* name, const char* like) {
    return [=](Safetensors& file) { file.tensors[name] = file.tensors.at(like); };
  };
  const auto reshape = [](const char* name, std::vector<Index> shape) {
    return [=](Safetensors& file) { file.tensors.at(name).shape = shape; };
  };
  const std::vector<Case> cases = {
      // missing and extra tensors
      {erase("layer0.w_ih"), {"\"layer0.w_ih\"", "got none"}},
      {erase("layer1.reverse.sigma"), {"\"layer1.reverse.sigma\"", "got none"}},
      {erase("readout.b"), {"\"readout.b\"", "got none"}},
      {erase("layer0.w_hh.scale"), {"\"layer0.w_hh.scale\"", "got none"}, WeightStorage::int8},
      {[](Safetensors& file) { file.tensors.clear(); }, {"\"layer0.w_ih\"", "got none"}},
      {add("layer2.b", "layer1.b"), {"\"layer2.b\"", "none of this name"}},
      {add("", "layer1.b"), {"\"\"", "none of this name"}},
      {add("layer0.w_ih.scale", "layer0.b"), {"\"layer0.w_ih.scale\"", "none of this name"}},
      {add("layer0.b.scale", "layer0.b"), {"\"layer0.b.scale\"", "none"}, WeightStorage::int8},
      // wrong shapes
      {reshape("layer0.w_ih", {2, 20}), {"\"layer0.w_ih\"", "[20,2]", "[2,20]"}},
      {reshape("layer0.w_ih", {40}), {"\"layer0.w_ih\"", "[20,2]", "[40]"}},
      {reshape("layer0.b", {20, 1}), {"\"layer0.b\"", "[20]", "[20,1]"}},
      {reshape("layer0.mu", {1, 5}), {"\"layer0.mu\"", "[5]", "[1,5]"}},
      {reshape("layer0.w_ih.scale", {1, 20}), {".scale\"", "[20]", "[1,20]"}, WeightStorage::int8},
      // wrong types
      {[](Safetensors& file) {
         Tensor& tensor = file.tensors.at("layer1.b");
         tensor.values = tensor.as<double>();
       },
       {"\"layer1.b\"", "F32", "F64"}},
      {[](Safetensors& file) {
         file.tensors.at("layer0.w_ih").values = std::vector<Eigen::half>(40);
       },
       {"\"layer0.w_ih\"", "F32", "F16"}},
      {[](Safetensors& file) { file.tensors.at("layer0.w_ih").values = std::vector<float>(40); },
       {"\"layer0.w_ih\"", "F16", "F32"},
       WeightStorage::float16},
      {[](Safetensors& file) {
         file.tensors.at("layer0.w_ih").values = std::vector<std::uint8_t>(40);
       },
       {"\"layer0.w_ih\"", "I8", "U8"},
       WeightStorage::int8},
      // numbers that no network has
      {[=](Safetensors& file) { set_first(file, "layer0.w_hh", nan); }, {"\"layer0.w_hh\"", "nan"}},
      {[=](Safetensors& file) { set_first(file, "readout.b", -infinity); },
       {"\"readout.b\"", "-inf"}},
      {[=](Safetensors& file) { set_first(file, "layer0.mu", nan); }, {"\"layer0.mu\"", "nan"}},
      {[](Safetensors& file) { set_first(file, "layer1.sigma", 0.0f); }, {"sigma", "zero"}},
      {[=](Safetensors& file) { set_first(file, "layer0.w_ih", Eigen::half(infinity)); },
       {"\"layer0.w_ih\"", "finite", "inf"},
       WeightStorage::float16},
      {[=](Safetensors& file) { set_first(file, "layer0.w_ih.scale", nan); },
       {"\"layer0.w_ih.scale\"", "finite", "nan"},
       WeightStorage::int8},
      {[](Safetensors& file) { set_first(file, "layer0.w_ih.scale", -1.0f); },
       {"\"layer0.w_ih.scale\"", "none negative", "-1"},
       WeightStorage::int8},
      {[](Safetensors& file) {
         set_first(file, "layer0.w_ih.scale", 3e38f);
         set_first(file, "layer0.w_ih", std::int8_t{-2});
       },
       {"\"layer0.w_ih\"", "finite", "-inf"},
       WeightStorage::int8},
      // no network at all
      {[](Safetensors& file) { file.metadata.clear(); }, {"glstm.network"}},
  };
  for (const Case& wrong : cases) {
    const std::string message = error_after(wrong.change, wrong.storage);
    for (const std::string& mention : wrong.mentions) check_mentions(message, {mention});
  }
}

TEST_CASE("a network file whose configuration is wrong is refused") {
  // numbers that no memory holds, or that the tensors do not bear out
  for (const char* hidden : {"[2147483647,3]", "[5,1000000000]", "[4,3]", "[3,5]"}) {
    check_mentions(error_after([&](Safetensors& file) {
                     std::string& text = file.metadata.at("glstm.network");
                     text.replace(text.find("[5,3]"), 5, hidden);
                   }),
                   {"expected shape"});
  }
  check_mentions(error_after([](Safetensors& file) {
                   std::string& text = file.metadata.at("glstm.network");
                   std::string many = "[5,3";
                   for (int i = 0; i < 100'000; ++i) many += ",3";
                   text.replace(text.find("[5,3"), 4, many);
                 }),
                 {"\"layer2.w_ih\"", "got none"});
  for (const char* size :
       {"0", "-5", "5.0", "2147483648", "18446744073709551616", "\"5\"", "null", "[5]", "true"}) {
    CAPTURE(size);
    check_mentions(error_with("[5,3]", "[" + std::string(size) + ",3]"), {"\"hidden\"", "size in"});
    check_mentions(error_with("\"inputs\":2", "\"inputs\":" + std::string(size)),
                   {"\"inputs\"", "size in 1..2147483647"});
    check_mentions(error_with("\"outputs\":1", "\"outputs\":" + std::string(size)),
                   {"\"outputs\""});
  }
  check_mentions(error_with("[5,3]", "[]"), {"\"hidden\"", "one size or more"});
  check_mentions(error_with("[5,3]", "5"), {"\"hidden\"", "a list", "got 5"});

  struct Case {
    std::string part, replacement;
    std::vector<std::string> mentions;
  };
  const std::string deep(1'000'000, '[');
  const std::vector<Case> cases = {
      // members
      {"\"version\":1", "\"version\":2", {"version 1", "got 2"}},
      {"\"version\":1", "\"version\":\"1\"", {"version 1", "got \"1\""}},
      {"\"version\":1,", "", {"\"version\"", "got none"}},
      {"\"inputs\":2,", "", {"\"inputs\"", "got none"}},
      {"\"inputs\":2,", "\"inputs\":2,\"dropout\":0.5,", {"no \"dropout\"", "0.5"}},
      {"\"inputs\":2,", "\"inputs\":2,\"inputs\":3,", {"unique", "\"inputs\" twice"}},
      // types
      {"\"gaussian\"", "7", {"\"gate\"", "text", "got 7"}},
      {"\"F32\"", "\"F16\"", {"\"scalar\"", "F32, F64", "\"F16\""}},
      {"\"full\"", "\"int4\"", {"\"weights\"", "full, float16, int8", "\"int4\""}},
      {"\"last_step\"", "\"first_step\"", {"\"readout\"", "last_step, every_step", "first_step"}},
      {"\"mean_squared_error\"", "\"\"", {"\"loss\"", "a name"}},
      {"\"mean_squared_error\"", "null", {"\"loss\"", "text", "null"}},
      {"\"bidirectional\":true", "\"bidirectional\":1", {"\"bidirectional\"", "true or false"}},
      {"\"time_origin\":0.0", "\"time_origin\":\"0\"", {"\"time_origin\"", "a number"}},
      {"\"time_origin\":0.0", "\"time_origin\":1e999", {"valid JSON"}},
      {"\"time_origin\":0.0", "\"time_origin\":NaN", {"valid JSON"}},
      {"[\"mu\",\"sigma\"]", "\"mu\"", {"\"gate_parameters\"", "a list"}},
      {"[\"mu\",\"sigma\"]", "[\"mu\",\"mu\"]", {"\"gate_parameters\"", "twice"}},
      {"[\"mu\",\"sigma\"]", "[\"mu\",1]", {"\"gate_parameters\"", "names", "got 1"}},
      // gate options
      {"{\"min_width\":1e-06,\"threshold\":0.01}", "3", {"\"gates\"", "an object", "got 3"}},
      {"\"threshold\":0.01", "\"threshold\":\"low\"", {"\"threshold\"", "a number", "\"low\""}},
      // text
      {"{\"bidirectional\"", "[\"bidirectional\"", {"valid JSON"}},
      {"\"version\":1,", "\"version\":1,,", {"valid JSON"}},
      {"[5,3]", "[[[[5]]]]", {"3 levels", "\"hidden\""}},
      {"[5,3]", deep, {"3 levels", "\"hidden\""}},
  };
  for (const Case& wrong : cases) {
    CAPTURE(wrong.part, wrong.replacement.substr(0, 100));
    const std::string message = error_with(wrong.part, wrong.replacement);
    for (const std::string& mention : wrong.mentions) check_mentions(message, {mention});
  }
  const auto replaced = [](const char* part, const char* replacement) {
    return error_after([=](Safetensors& file) {
      std::string& text = file.metadata.at("glstm.network");
      text.replace(text.find(part), std::string(part).size(), replacement);
    });
  };
  const char* gates = "[{\"min_width\":1e-06,\"threshold\":0.01}]";
  check_mentions(replaced(gates, "[]"), {"gate options", "got 0"});
  check_mentions(replaced(gates, "[{},{},{}]"), {"gate options", "all 2", "got 3"});
  check_mentions(replaced(gates, "[{}]"), {"\"threshold\"", "got none"});
  check_mentions(replaced(gates, "[{\"min_width\":1,\"threshold\":0,\"leak\":0}]"),
                 {"2 options", "leak"});
  check_mentions(replaced("\"threshold\":0.01", "\"threshold\":1.5"), {"threshold", "got 1.5"});
  check_mentions(replaced("\"gaussian\"", "\"rectangular\""), {"\"gaussian\"", "\"rectangular\""});
  check_mentions(replaced("[\"mu\",\"sigma\"]", "[\"sigma\",\"mu\"]"),
                 {"[\"mu\",\"sigma\"]", "[\"sigma\",\"mu\"]"});
  check_mentions(replaced("[\"mu\",\"sigma\"]", "[\"mu\"]"), {"sigma\"", "none of this name"});
  check_mentions(replaced("[\"mu\",\"sigma\"]", "[\"mu\",\"w_ih\"]"), {"\"layer0.w_ih\"", "shape"});
  for (const char* text : {"", "{", "null", "[]", "3", "{}{}"}) {
    check_mentions(
        error_after([&](Safetensors& file) { file.metadata.at("glstm.network") = text; }),
        {"glstm.network"});
  }
}

TEST_CASE("a truncated, damaged or missing network file is refused or a whole network") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  const auto load = [&] { load_network<GLstm<float>>(path); };
  check_mentions(error_of(load), {path.string()});
  check_mentions(error_of([&] { inspect_network(path); }), {path.string()});
  save_network(path, small_network(), {.storage = WeightStorage::int8});
  std::string bytes;
  {
    std::ifstream stream(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(stream), {});
  }
  const auto write = [&](const std::string& content) {
    std::ofstream(path, std::ios::binary)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
  };
  for (std::size_t size = 0; size < bytes.size(); size += 31) {
    CAPTURE(size);
    write(bytes.substr(0, size));
    check_mentions(error_of(load), {path.string()});
    check_mentions(error_of([&] { inspect_network(path); }), {path.string()});
  }

  const std::uint64_t seed = 12;
  CAPTURE(seed);
  Rng rng(seed);
  int loaded = 0, refused = 0;
  for (int round = 0; round < 2'000; ++round) {
    std::string damaged = bytes;
    for (Index flips = 1 + rng.below(3); flips > 0; --flips) {
      const auto at = static_cast<std::size_t>(rng.below(static_cast<Index>(bytes.size())));
      damaged[at] = static_cast<char>(rng.below(256));
    }
    write(damaged);
    try {
      const GLstm<float> network = load_network<GLstm<float>>(path);
      CHECK(network.parameters.allFinite());
      ++loaded;
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(loaded > 0);  // a weight that is another number, say
  CHECK(refused > 0);
}

}  // namespace network_file_test
