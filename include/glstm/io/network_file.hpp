// Network files: safetensors with the configuration of the network as metadata.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "glstm/core/data_description.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/core/types.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/io/data_description_json.hpp"
#include "glstm/io/parameter_tensors.hpp"
#include "glstm/io/safetensors.hpp"
#include "glstm/io/source_file.hpp"
#include "glstm/io/strict_json.hpp"
#include "glstm/io/weight_storage.hpp"
#include "glstm/nn/fold_scaling.hpp"
#include "glstm/nn/loss_names.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/nn/network_blocks.hpp"

GLSTM_BEGIN_NAMESPACE

/// A network of any kind: GLstm<float>, Lstm<double>, a Network of your own gate.
template <class T>
concept AnyNetwork = std::same_as<T, Network<typename T::Gate>>;

/// How save_network writes a network.
struct NetworkFileOptions {
  WeightStorage storage = WeightStorage::full;       ///< how the weight matrices are stored
  std::map<std::string, std::string> metadata = {};  ///< free text that goes with the network
};

/// The description of a network that a network file contains.
struct NetworkFileInfo {
  std::string gate;  ///< GateTraits::file_name: "lstm", "gaussian", "phased"
  std::vector<std::string> gate_parameters;  ///< names; mu and sigma for "gaussian"
  std::vector<std::map<std::string, double>>
      gates;           ///< options, one set for all layers or for each
  std::string scalar;  ///< "F32": float, "F64": double
  WeightStorage storage = WeightStorage::full;
  Index inputs = 0;
  std::vector<Index> hidden;  ///< the sizes of the layers, the first layer first
  Index outputs = 0;
  Readout readout = Readout::last_step;
  std::string loss = {};  ///< LossFunction::name
  double time_origin = 0;
  bool bidirectional = false, input_skip = false, learned_state = false;
  std::vector<ReadoutLayer> readout_layers = {};
  DataDescription data;                         ///< Network::data
  Index parameters = 0;                         ///< the number of parameters
  std::map<std::string, std::string> metadata;  ///< NetworkFileOptions::metadata
};

/// Which numbers a loaded network takes and returns.
enum class LoadedScaling {
  folded,  ///< those of the user's data, see fold_scaling
  apart    ///< scaled ones, as in training: the scaling stays in Network::data
};

/// Returns the configuration of a network as metadata of a file, the key "glstm.network" and a JSON
/// object, and the description of its data, if there is one, as "glstm.data". A checkpoint that has
/// this metadata is a network file too. Throws Error if an option is not finite, or the description
/// does not fit the network.
template <TimeGate Gate>
std::map<std::string, std::string> network_metadata(const Network<Gate>& network);

/// Writes a network to the file `path`, all or nothing: the parameter blocks as in a checkpoint,
/// network_metadata, and options.metadata. Throws Error, which names the file, when a parameter is
/// not finite or beyond the range of its storage, a time gate does not accept its parameters,
/// network.data does not fit, options.metadata has the key "glstm.network" or "glstm.data", or the
/// file cannot be written. An older file then stays as it was.
template <TimeGate Gate>
void save_network(const std::filesystem::path& path, const Network<Gate>& network,
                  const NetworkFileOptions& options = {});

/// Reads a file that save_network has written, as in load_network<GLstm<float>>(path). The
/// parameters are the same bit for bit where the data are not scaled, or with LoadedScaling::apart;
/// weights stored as float16 or int8 are the rounded ones.
/// From a checkpoint with network_metadata it reads the parameters, and ignores the optimizer's
/// state and the average. Throws Error, which names the file, when the file has another kind of
/// gate or another scalar type, or is neither a network file nor such a checkpoint. It compares
/// sizes with the tensors before it allocates the network.
template <AnyNetwork Loaded>
Loaded load_network(const std::filesystem::path& path,
                    LoadedScaling scaling = LoadedScaling::folded);

/// Returns the description of the network in a file, for programs that choose the type of network
/// by it. Throws Error when the tensors do not match the description; it does not read the numbers.
NetworkFileInfo inspect_network(const std::filesystem::path& path);

namespace detail {

inline constexpr const char* network_key = "glstm.network";

inline constexpr Names<WeightStorage, 3> storage_names = {{{"full", WeightStorage::full},
                                                           {"float16", WeightStorage::float16},
                                                           {"int8", WeightStorage::int8}}};
inline constexpr Names<Readout, 2> readout_names = {
    {{"last_step", Readout::last_step}, {"every_step", Readout::every_step}}};

template <class Gate>
constexpr void require_gate_format() {
  static_assert(
      requires {
        GateTraits<Gate>::file_name;
        GateTraits<Gate>::file_options;
      },
      "to save networks with a gate of your own, specialise glstm::GateTraits for it");
}

template <TimeGate Gate>
Json configuration_of(const Network<Gate>& network, WeightStorage storage) {
  require_gate_format<Gate>();
  const NetworkOptions<Gate>& options = network.options();
  Json gates = Json::array();
  for (const typename Gate::Options& gate : options.gates) {
    Json entry = Json::object();
    for (const auto& [name, option] : GateTraits<Gate>::file_options) {
      require(std::isfinite(gate.*option), "the gate option ", name,
              " must be finite to be saved, got ", gate.*option);
      entry[name] = gate.*option;
    }
    gates.push_back(entry);
  }
  Json parameter_names = Json::array();
  for (const char* name : Gate::parameter_names) parameter_names.push_back(name);
  Json configuration = {{"version", 1},
                        {"gate", GateTraits<Gate>::file_name},
                        {"gate_parameters", parameter_names},
                        {"gates", gates},
                        {"scalar", scalar_dtype<typename Gate::Scalar>()},
                        {"weights", name_of(storage_names, storage)},
                        {"inputs", options.inputs},
                        {"hidden", options.hidden},
                        {"outputs", options.outputs},
                        {"readout", name_of(readout_names, options.readout)},
                        {"loss", options.loss->name()},
                        {"time_origin", options.time_origin},
                        {"bidirectional", options.bidirectional}};
  // Only where they are there: other networks have files that earlier versions read.
  if (options.input_skip) configuration["input_skip"] = true;
  if (options.learned_state) configuration["learned_state"] = true;
  for (const ReadoutLayer& layer : options.readout_layers) {
    configuration["readout_layers"].push_back(
        {layer.size, activation_names[static_cast<std::size_t>(layer.activation)]});
  }
  return configuration;
}

/// The metadata of a network's file: its configuration, and the description of its data.
template <TimeGate Gate>
std::map<std::string, std::string> metadata_of(const Network<Gate>& network,
                                               WeightStorage storage) {
  std::map<std::string, std::string> metadata;
  metadata.emplace(network_key, configuration_of(network, storage).dump());
  network.data.check(network.options().inputs, network.options().outputs);
  if (!network.data.empty()) metadata.emplace(data_key, to_json_text(network.data));
  return metadata;
}

/// Reads a layer before the readout, [size, name of the activation].
inline ReadoutLayer parse_readout_layer(const Json& layer, const std::string& where) {
  const bool pair = layer.is_array() && layer.size() == 2 && layer[1].is_string();
  require(pair && layer[0].is_number_unsigned() && layer[0] >= 1 && layer[0] <= 1 << 24, where,
          ": expected \"readout_layers\" to be pairs of a size and an activation, got ", layer);
  return {layer[0].get<Index>(), activation_of_name(layer[1].get<std::string>(), where)};
}

inline NetworkFileInfo parse_configuration(const std::string& text, const std::string& source) {
  const std::string where = source + ": metadata \"" + network_key + "\"";
  const Json configuration = parse_json_object(text, 3, "a configuration", where);
  JsonMembers members(configuration, where);
  // First, because another version may have other members.
  const Json& version = members.at("version");
  require(version == 1, where, ": expected version 1, got ", version);

  NetworkFileInfo info;
  info.gate = members.text("gate");
  std::set<std::string> unique;
  for (const Json& name : members.list("gate_parameters")) {
    require(name.is_string() && unique.insert(name.get<std::string>()).second, where,
            ": expected \"gate_parameters\" to be names, none of them twice, got ", name);
    info.gate_parameters.push_back(name.get<std::string>());
  }
  for (const Json& gate : members.list("gates")) {
    JsonMembers options(gate, where + ", \"gates\"");
    std::map<std::string, double>& named = info.gates.emplace_back();
    for (const auto& [name, value] : gate.items()) named.emplace(name, options.number(name));
  }
  info.scalar = members.text("scalar");
  require(info.scalar == "F32" || info.scalar == "F64", where,
          ": expected \"scalar\" to be one of F32, F64, got \"", info.scalar, "\"");
  info.storage = members.choice("weights", storage_names);
  info.inputs = members.size("inputs");
  info.hidden = members.sizes("hidden");
  require(!info.hidden.empty(), where, ": expected \"hidden\" to be one size or more, got none");
  info.outputs = members.size("outputs");
  info.readout = members.choice("readout", readout_names);
  info.loss = members.text("loss");
  require(!info.loss.empty(), where, ": expected \"loss\" to be a name, got none");
  info.time_origin = members.number("time_origin");
  info.bidirectional = members.truth("bidirectional");
  info.input_skip = configuration.contains("input_skip") && members.truth("input_skip");
  info.learned_state = configuration.contains("learned_state") && members.truth("learned_state");
  if (configuration.contains("readout_layers")) {
    for (const Json& layer : members.list("readout_layers")) {
      info.readout_layers.push_back(parse_readout_layer(layer, where));
    }
  }
  members.require_no_other();
  return info;
}

inline std::string scale_name(const ParameterBlock& block) { return block.name + ".scale"; }

/// The data type in which a block is stored.
inline std::string_view stored_dtype(const NetworkFileInfo& info, const ParameterBlock& block) {
  if (block.role != ParameterRole::weight || info.storage == WeightStorage::full) {
    return info.scalar;
  }
  return info.storage == WeightStorage::float16 ? "F16" : "I8";
}

/// Returns the description of the network in `file`. Throws Error unless the file has exactly the
/// tensors that such a network has.
inline NetworkFileInfo describe_network(const Safetensors& file, const std::string& source) {
  const auto text = file.metadata.find(network_key);
  require(text != file.metadata.end(), source, ": expected a network, got no metadata \"",
          network_key, "\"");
  NetworkFileInfo info = parse_configuration(text->second, source);
  require(info.gates.size() == 1 || info.gates.size() == info.hidden.size(), source,
          ": expected gate options for one layer or for all ", info.hidden.size(), ", got ",
          info.gates.size());

  std::set<std::string> known = {moments_name, average_name};
  const auto check = [&](const std::string& name, const std::vector<Index>& shape,
                         std::string_view dtype) {
    const std::string where = tensor_in(source, name);
    const auto found = file.tensors.find(name);
    require(found != file.tensors.end(), where, ": expected to be in the file, got none");
    require_shape(found->second, shape, where);
    require_dtype(found->second, dtype, where);
    known.insert(name);
  };
  for_each_network_block(info, info.gate_parameters, [&](const auto& name, auto... shape_and_role) {
    const ParameterBlock block{name, 0, shape_and_role...};
    const std::string_view dtype = stored_dtype(info, block);
    check(block.name, tensor_shape(block), dtype);
    if (dtype == "I8") check(scale_name(block), {block.rows}, info.scalar);
    info.parameters += block.size();
  });
  for (const auto& [name, tensor] : file.tensors) {
    require(known.contains(name), tensor_in(source, name),
            ": expected parameters of this network only, which has none of this name");
  }
  info.metadata = file.metadata;
  info.metadata.erase(network_key);
  const auto data = file.metadata.find(data_key);
  if (data == file.metadata.end()) return info;
  info.data = parse_data_description(data->second, info.inputs, info.outputs,
                                     source + ": metadata \"" + data_key + "\"");
  info.metadata.erase(data_key);
  return info;
}

/// Returns the numbers of a matrix in row-major order.
template <class Derived>
std::vector<typename Derived::Scalar> row_major(const Eigen::MatrixBase<Derived>& matrix) {
  const auto numbers = matrix.template reshaped<Eigen::RowMajor>();
  return {numbers.begin(), numbers.end()};
}

/// Returns a block of weights rounded as `storage` says; adds the scales of int8 rows to `file`.
template <class Scalar>
Tensor rounded_tensor(const Eigen::Map<const Matrix<Scalar>>& weights, const ParameterBlock& block,
                      WeightStorage storage, Safetensors& file) {
  if (storage == WeightStorage::float16) {
    return {tensor_shape(block),
            row_major(weights.unaryExpr([](Scalar weight) { return to_float16(weight); }))};
  }
  const Int8Rows<Scalar> rows = to_int8_rows<Scalar>(weights);
  file.tensors.emplace(scale_name(block), Tensor{{block.rows}, row_major(rows.scales)});
  return {tensor_shape(block), row_major(rows.values)};
}

template <TimeGate Gate>
Safetensors network_tensors(const Network<Gate>& network, const NetworkFileOptions& options) {
  network.check_parameters();
  const WeightStorage storage = options.storage;
  Safetensors file;
  for (const ParameterBlock& block : network.layout().blocks()) {
    const std::string where = tensor_called(block.name);
    const auto matrix = block_view(network.parameters, block);
    Tensor tensor = to_tensor(matrix, tensor_shape(block), where);
    if (block.role == ParameterRole::weight && storage != WeightStorage::full) {
      tensor = naming_source(where, [&] { return rounded_tensor(matrix, block, storage, file); });
    }
    file.tensors.emplace(block.name, std::move(tensor));
  }
  file.metadata = options.metadata;
  for (const char* key : {network_key, data_key}) {
    require(!file.metadata.contains(key), "the metadata \"", key, "\" is reserved for the network");
  }
  file.metadata.merge(metadata_of(network, storage));
  return file;
}

/// Returns the numbers of a block in row-major order; multiplies int8 rows by their scales.
template <class Scalar>
std::vector<Scalar> stored_numbers(const Safetensors& file, const std::string& source,
                                   const NetworkFileInfo& info, const ParameterBlock& block) {
  std::vector<Scalar> numbers = file.find(block.name).as<Scalar>();
  if (stored_dtype(info, block) != "I8") return numbers;
  const std::vector<Scalar> scales = file.find(scale_name(block)).as<Scalar>();
  auto number = numbers.begin();
  for (const Scalar scale : scales) {
    require(scale >= 0 && std::isfinite(scale), tensor_in(source, scale_name(block)),
            ": expected finite scales, none negative, got ", scale);
    for (Index col = 0; col < block.cols; ++col, ++number) *number *= scale;
  }
  return numbers;
}

/// Returns the options of the network in the file. Throws Error unless its gate is Gate.
template <TimeGate Gate>
NetworkOptions<Gate> network_options(const NetworkFileInfo& info, const std::string& source) {
  using Format = GateTraits<Gate>;
  require(info.gate == Format::file_name, source, ": expected a network of the kind \"",
          Format::file_name, "\", got \"", info.gate, "\"");
  constexpr std::string_view scalar = scalar_dtype<typename Gate::Scalar>();
  require(info.scalar == scalar, source, ": expected numbers of type ", scalar, ", got ",
          info.scalar);
  const std::vector<std::string> names(Gate::parameter_names.begin(), Gate::parameter_names.end());
  require(info.gate_parameters == names, source, ": expected time gates with the parameters ",
          Json(names), ", got ", Json(info.gate_parameters));

  NetworkOptions<Gate> options;
  options.inputs = info.inputs;
  options.hidden = info.hidden;
  options.outputs = info.outputs;
  options.readout = info.readout;
  options.loss = loss_of_name(info.loss);
  options.time_origin = info.time_origin;
  options.bidirectional = info.bidirectional;
  options.input_skip = info.input_skip;
  options.learned_state = info.learned_state;
  options.readout_layers = info.readout_layers;
  options.gates.clear();
  for (const std::map<std::string, double>& named : info.gates) {
    typename Gate::Options& gate = options.gates.emplace_back();
    for (const auto& [name, option] : Format::file_options) {
      const auto found = named.find(name);
      require(found != named.end(), source, ": expected the gate option \"", name, "\", got none");
      gate.*option = found->second;
    }
    require(named.size() == Format::file_options.size(), source, ": expected ",
            Format::file_options.size(), " options of a gate, got ", Json(named));
  }
  return options;
}

template <TimeGate Gate>
Network<Gate> network_from(const Safetensors& file, const std::string& source) {
  using Scalar = typename Gate::Scalar;
  require_gate_format<Gate>();
  const NetworkFileInfo info = describe_network(file, source);
  const NetworkOptions<Gate> options = network_options<Gate>(info, source);
  Network<Gate> network = naming_source(source, [&] { return Network<Gate>(options); });
  for (const ParameterBlock& block : network.layout().blocks()) {
    read_numbers(stored_numbers<Scalar>(file, source, info, block), tensor_in(source, block.name),
                 block_view(network.parameters, block));
  }
  naming_source(source, [&] { network.check_parameters(); });
  network.data = info.data;
  return network;
}

}  // namespace detail

template <TimeGate Gate>
std::map<std::string, std::string> network_metadata(const Network<Gate>& network) {
  return detail::metadata_of(network, WeightStorage::full);
}

template <TimeGate Gate>
void save_network(const std::filesystem::path& path, const Network<Gate>& network,
                  const NetworkFileOptions& options) {
  save_safetensors(path, detail::naming_source(path.string(), [&] {
                     return detail::network_tensors(network, options);
                   }));
}

template <AnyNetwork Loaded>
Loaded load_network(const std::filesystem::path& path, LoadedScaling scaling) {
  Loaded network =
      detail::network_from<typename Loaded::Gate>(load_safetensors(path), path.string());
  return scaling == LoadedScaling::folded ? fold_scaling(std::move(network)) : network;
}

inline NetworkFileInfo inspect_network(const std::filesystem::path& path) {
  return detail::describe_network(load_safetensors(path), path.string());
}

GLSTM_END_NAMESPACE
