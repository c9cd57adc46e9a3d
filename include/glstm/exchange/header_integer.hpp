// What a header says that computes in integers.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "glstm/core/data_description.hpp"
#include "glstm/core/text.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/exported_data.hpp"
#include "glstm/exchange/header_content.hpp"
#include "glstm/exchange/header_integer_template.hpp"
#include "glstm/exchange/header_text.hpp"
#include "glstm/exchange/integer_network.hpp"
#include "glstm/exchange/text_template.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::header {

template <class Numbers>
std::vector<std::string> integer_texts(const Numbers& numbers) {
  std::vector<std::string> texts;
  for (const auto number : numbers) texts.push_back(std::to_string(number));
  return texts;
}

/// Adds the multipliers and shifts of factors as two tables.
inline void add_factors(const std::vector<integer::Factor>& factors, const std::string& before,
                        const std::string& comment, std::vector<Table>& tables) {
  std::vector<std::string> multipliers, shifts;
  for (const integer::Factor factor : factors) {
    multipliers.push_back(std::to_string(factor.multiplier));
    shifts.push_back(std::to_string(factor.shift));
  }
  tables.push_back({"int16_t", before + "multiplier", multipliers, comment});
  tables.push_back({"uint8_t", before + "shift", shifts, comment});
}

/// The weights of a layer in the order of the header: a row for each neuron, with the columns of
/// the hidden state and those of the input in pairs, which are filled up with zeros.
inline std::vector<std::string> weight_texts(const integer::LayerConstants& layer) {
  std::vector<std::string> texts;
  const Index columns = layer.neurons + layer.inputs;
  for (Index j = 0; j < layer.neurons; ++j) {
    const auto add_part = [&](Index begin, Index end) {
      for (Index k = begin; k < end; k += 2) {
        for (const Index half : {0, 2}) {
          for (Index n = k; n < k + 2; ++n) {
            for (Index gate = half; gate < half + 2; ++gate) {
              const auto place = static_cast<std::size_t>(4 * (j * columns + n) + gate);
              texts.push_back(n < end ? std::to_string(layer.w[place]) : "0");
            }
          }
        }
      }
    };
    add_part(0, layer.neurons);
    add_part(layer.neurons, columns);
  }
  return texts;
}

inline LayerContent layer_content(const integer::LayerConstants& layer) {
  LayerContent content{layer.inputs, layer.neurons, {}, {}};
  content.tables.push_back(weight_table(weight_texts(layer)));
  content.tables.push_back(
      {"int32_t", "bias", integer_texts(layer.bias), "[neurons][4], 12 bits after the point"});
  add_factors(layer.factors, "", "[neurons][2][4] of the weights", content.tables);
  if (layer.gated()) {
    content.tables.push_back({"moment", "opens", integer_texts(layer.opens), opens_comment});
    content.tables.push_back({"moment", "closes", integer_texts(layer.closes), "[neurons]"});
    content.tables.push_back({"uint16_t", "order", opening_order(layer.opens), order_comment});
    content.tables.push_back({"int16_t", "first_u", integer_texts(layer.first_u),
                              "[neurons] (opens - mu) / sigma, 13 bits after the point"});
    content.tables.push_back({"uint32_t", "slope", integer_texts(layer.slope),
                              "[neurons] 1 / sigma, 29 bits after the point"});
  }
  content.constants.push_back({"int", "cell_bits", std::to_string(layer.cell_bits)});
  return content;
}

/// The functions that convert real inputs and outputs: those of the user's data, before scaling.
inline std::string conversions(const DataDescription& data, const IntegerNetwork& integers,
                               const Content& content) {
  const auto list = [](Index count, auto&& number) {
    std::string text;
    for (Index n = 0; n < count; ++n) {
      text += (n > 0 ? ", " : "") + literal(static_cast<float>(number(n)));
    }
    return text;
  };
  const auto feature = [&](Index i) {
    return data.feature_scaling.empty() ? Scaling() : data.scaling_of_input(i);
  };
  const auto target = [&](Index o) {
    return data.target_scaling.empty() ? Scaling()
                                       : data.target_scaling[static_cast<std::size_t>(o)];
  };
  const double unit = std::ldexp(1.0, -integers.output_bits());
  const std::string scales = list(content.inputs, [&](Index i) {
    return integers.x_scale()[static_cast<std::size_t>(i)] / feature(i).scale;
  });
  return fill_template(
      quantize, {{"p", "@p@"},
                 {"scales", scales},
                 {"offsets", list(content.inputs, [&](Index i) { return feature(i).offset; })},
                 {"units", list(content.outputs, [&](Index o) { return unit * target(o).scale; })},
                 {"zeros", list(content.outputs, [&](Index o) { return target(o).offset; })},
                 {"inputs", std::to_string(content.inputs)},
                 {"outputs", std::to_string(content.outputs)}});
}

/// The content of a header that computes what `integers`, made of the network, does. `tick` is the
/// unit of its times.
template <TimeGate Gate>
Content integer_content(const Network<Gate>& network, const IntegerNetwork& integers, double tick) {
  Content content = content_of(network);
  content.types = {"int16_t", "int32_t", "int32_t", "int8_t", "int32_t"};
  content.numbers = text_of(
      "integers: quantize makes x of real inputs, real_output real outputs of y "
      "(times 2^",
      integers.output_bits(), ")");
  if (content.gated()) {
    content.numbers += tick == 1 && network.options().time_origin == 0
                           ? std::string(", t the time")
                           : ", t the time since " + literal(network.options().time_origin) +
                                 " in units of " + literal(tick);
  }
  content.numbers += data_text(network.data);
  content.tables.push_back({"int16_t", "tanh_table", integer_texts(integer::tanh_table())});
  if (content.gated()) {
    content.tables.push_back(
        {"uint16_t", "openness_table", integer_texts(integer::openness_table())});
    content.neuron = integer_openness;
  }
  content.includes = integer_includes;
  content.functions = integer_functions;
  content.neuron += integer_neuron;
  content.sums = integer_sums;
  if (content.gated()) content.sums += integer_listed_sums;
  content.fully_open = "32768";
  for (const integer::LayerConstants& layer : integers.layers()) {
    content.layers.push_back(layer_content(layer));
  }
  content.readout.push_back({"weight", "readout_w", texts_of(integers.readout().values, [](int w) {
                               return std::to_string(w);
                             })});
  content.readout.push_back({"int32_t", "readout_bias", integer_texts(integers.readout_bias())});
  add_factors(integers.readout().factors, "readout_", "", content.readout);
  const Index last = content.hidden.back();
  content.output =
      text_of("  for (int n = 0; n < ", content.outputs,
              "; ++n) {\n    const int32_t sum_n = @p@dot("
              "@p@readout_w + n * ",
              last, ", stream->h + ", content.first(content.depth() - 1), ", ", last,
              ");\n    y[n] = @p@readout_bias[n] + @p@rescale(sum_n, @p@readout_multiplier[n], "
              "@p@readout_shift[n]);\n  }\n");
  content.time = "int32_t";
  content.take_time = "  const @p@moment time = t;\n";
  content.never = "2147483647";
  content.last_time = "stream->time";
  content.next_time = "next";
  content.after = conversions(network.data, integers, content);
  return content;
}

}  // namespace detail::header
GLSTM_END_NAMESPACE
