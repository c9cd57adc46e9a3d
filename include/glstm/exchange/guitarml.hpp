// Model files of GuitarML and of Automated-GuitarAmpModelling: amplifiers as LSTMs, in JSON.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/lstm_weights.hpp"
#include "glstm/exchange/pytorch.hpp"
#include "glstm/io/safetensors.hpp"
#include "glstm/io/source_file.hpp"
#include "glstm/io/strict_json.hpp"

GLSTM_BEGIN_NAMESPACE

/// Reads a model of at most 1 GiB, not compressed, from the file `path`, as in
/// load_guitarml<Lstm<float>>(path). Errors name the file.
template <PlainLstm Loaded>
Loaded load_guitarml(const std::filesystem::path& path);

/// Returns the network of a GuitarML model, which answers every step: a JSON object with the
/// members
///
///     model_data  unit_type "LSTM", input_size, hidden_size, output_size, num_layers, skip
///     state_dict  the weights of an nn.LSTM `rec` and an nn.Linear `lin`, as lists
///
/// A `skip` of 1 adds the first feature to all outputs; otherwise it is the number of outputs, to
/// which as many features are added: the network then has an input_skip. Throws Error, which names
/// `source`, if the model is of another kind, its sizes are not those of its weights, or where
/// from_pytorch does.
template <PlainLstm Loaded>
Loaded from_guitarml(std::string_view json, const std::string& source);

namespace detail {

/// A list of numbers, or of lists of them, as a tensor.
inline Tensor tensor_of_lists(const Json& list, const std::string& where) {
  const auto add = [&](const Json& numbers, std::vector<double>& values) {
    for (const Json& number : numbers) {
      require(number.is_number(), where, ": expected numbers, got ", number.type_name());
      values.push_back(number.get<double>());
    }
  };
  require(list.is_array() && !list.empty(), where, ": expected a list of numbers or of lists, got ",
          list.is_array() ? "an empty one" : list.type_name());
  std::vector<double> values;
  if (!list[0].is_array()) {
    add(list, values);
    return {{static_cast<Index>(list.size())}, std::move(values)};
  }
  for (const Json& row : list) {
    require(row.is_array() && row.size() == list[0].size(), where, ": expected rows of ",
            list[0].size(), " numbers, got another row");
    add(row, values);
  }
  return {{static_cast<Index>(list.size()), static_cast<Index>(list[0].size())}, std::move(values)};
}

}  // namespace detail

template <PlainLstm Loaded>
Loaded from_guitarml(std::string_view json, const std::string& source) {
  using detail::Json, detail::require;
  const Json model = detail::parse_json_object(json, 8, "a model", source);
  detail::JsonMembers members(model, source);
  detail::JsonMembers data(members.at("model_data"), source + ": model_data");
  const std::string kind = data.text("model");
  require(kind == "SimpleRNN", source, ": expected the model SimpleRNN, got \"", kind,
          "\", which glstm does not have");
  const std::string unit = data.text("unit_type");
  require(unit == "LSTM", source, ": expected unit_type LSTM, got \"", unit,
          "\", which glstm does not have");
  const Json& weights = members.at("state_dict");
  require(weights.is_object(), source, ": expected \"state_dict\" to be an object, got ",
          weights.type_name());
  Safetensors file;
  for (const auto& [name, list] : weights.items()) {
    file.tensors[name] =
        detail::tensor_of_lists(list, source + ": state_dict: " + detail::tensor_called(name));
  }
  Loaded network = detail::naming_source(source, [&] {
    return from_pytorch<Loaded>(
        file, {.lstm = {"rec."}, .linear = "lin.", .readout = Readout::every_step});
  });
  const auto& options = network.options();
  const std::pair<const char*, Index> sizes[] = {
      {"input_size", options.inputs},
      {"hidden_size", options.hidden[0]},
      {"output_size", options.outputs},
      {"num_layers", static_cast<Index>(options.hidden.size())}};
  for (const auto& [name, size] : sizes) {
    const Index said = data.size(name);
    require(said == size, source, ": model_data: expected \"", name, "\" to be ", size,
            ", as the weights say, got ", said);
  }
  data.at("skip");
  if (model["model_data"].contains("bias_fl")) data.truth("bias_fl");
  data.require_no_other();
  return detail::with_skip(std::move(network), model["model_data"], "skip", source);
}

template <PlainLstm Loaded>
Loaded load_guitarml(const std::filesystem::path& path) {
  return detail::parse_model_file(path, [&](const std::string& text, const std::string& name) {
    return from_guitarml<Loaded>(text, name);
  });
}

GLSTM_END_NAMESPACE
