// What a header says: the part that differs between floating point and integers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/text.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/exported_gate.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::header {

/// A table of constants.
struct Table {
  std::string type, name;  ///< the type may be one of those that Content names, such as "number"
  std::vector<std::string> values;
  std::string comment = {};  ///< of tables that are members of a layer: the shape, and what it is
};

/// A number that is a member of a layer.
struct Constant {
  std::string type, name, value;
};

/// The members of a layer, in their order. All layers have the same.
struct LayerContent {
  Index inputs, neurons;
  std::vector<Table> tables;
  std::vector<Constant> constants;
};

/// The names of types in C.
struct NumberTypes {
  std::string number, sum, moment, weight, output;
};

/// Texts are templates, whose names have the prefix @p@.
struct Content {
  std::string summary, numbers;  ///< lines of the introduction
  Index inputs = 0, outputs = 0;
  std::vector<Index> hidden;
  GateFormula formula = GateFormula::none;
  bool learned_state = false, input_skip = false;
  NumberTypes types;
  std::string includes;       ///< beside those of all headers
  std::vector<Table> tables;  ///< that the functions need
  std::string functions;      ///< of numbers: `load` of a weight, and what `neuron` needs
  std::string sums;           ///< the products with weights
  std::string neuron;         ///< `update`, and `openness` of a Gaussian gate
  std::string fully_open;     ///< the openness of a neuron without a gate
  std::vector<LayerContent> layers;
  std::vector<Table> readout;
  std::string state;                        ///< members of a stream's state, beside the usual ones
  std::string output;                       ///< the statements that compute y from `stream`
  std::string time;                         ///< the type of a time that the user gives
  std::string take_time;                    ///< the statements that make `time`, a moment, of `t`
  std::string never, last_time, next_time;  ///< expressions of next_event
  std::string correct_time;                 ///< statements that mend the rounding of next_time
  std::string after;                        ///< functions at the end

  std::size_t depth() const { return hidden.size(); }
  bool gated() const { return formula != GateFormula::none; }
  bool gaussian() const { return formula == GateFormula::gaussian; }
  /// The number of neurons in the layers before layer l.
  Index first(std::size_t l) const {
    const auto end = hidden.begin() + static_cast<std::ptrdiff_t>(l);
    return std::accumulate(hidden.begin(), end, Index(0));
  }
  Index neurons() const { return first(depth()); }
};

/// Fills in what does not depend on how the network computes.
template <TimeGate Gate>
Content content_of(const Network<Gate>& network) {
  using Exported = ExportedGate<Gate>;
  const NetworkOptions<Gate>& sizes = network.options();
  Content content;
  content.inputs = sizes.inputs;
  content.outputs = sizes.outputs;
  content.hidden = sizes.hidden;
  content.formula = Exported::formula;
  content.learned_state = sizes.learned_state;
  content.input_skip = sizes.input_skip;
  content.summary =
      text_of(Exported::network_name, "; inputs: ", sizes.inputs, "; neurons of its layers:");
  for (std::size_t l = 0; l < content.depth(); ++l) {
    content.summary += text_of(l > 0 ? ", " : " ", sizes.hidden[l]);
  }
  content.summary += text_of("; outputs: ", sizes.outputs);
  return content;
}

/// Returns text_for(number) for the numbers of a matrix in row-major order.
template <class Derived, class TextFor>
std::vector<std::string> texts_of(const Eigen::MatrixBase<Derived>& values, TextFor&& text_for) {
  std::vector<std::string> result;
  for (Index r = 0; r < values.rows(); ++r) {
    for (Index c = 0; c < values.cols(); ++c) result.push_back(text_for(values(r, c)));
  }
  return result;
}

inline constexpr const char* opens_comment = "[neurons] the first and the last time in the window";
inline constexpr const char* order_comment = "[neurons] by the time at which they open";

inline Table weight_table(std::vector<std::string> values) {
  return {"weight", "w", std::move(values), "of the hidden state and the input: see weights_of"};
}

/// The neurons in the order in which they open.
template <class Times>
std::vector<std::string> opening_order(const Times& opens) {
  std::vector<std::size_t> order(static_cast<std::size_t>(opens.size()));
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return opens.data()[a] < opens.data()[b]; });
  std::vector<std::string> texts;
  for (const std::size_t j : order) texts.push_back(std::to_string(j));
  return texts;
}

}  // namespace detail::header
GLSTM_END_NAMESPACE
