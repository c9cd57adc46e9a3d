// Writes a header of C or C++ text; header.hpp has the options.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "glstm/core/text.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/header_content.hpp"
#include "glstm/exchange/header_options.hpp"
#include "glstm/exchange/header_template.hpp"
#include "glstm/exchange/header_text.hpp"
#include "glstm/exchange/text_template.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::header {

class HeaderWriter {
 public:
  HeaderWriter(const Content& content, const std::string& name_space, HeaderLanguage language)
      : content_(content), name_space_(name_space), is_c_(language == HeaderLanguage::c) {
    if (is_c_) {
      prefix_ = name_space + "_";
      capitals_ = upper_case(prefix_);
    }
    add_introduction();
    const std::size_t body = text_.size();
    add_types();
    for (const Table& table : content.tables) add_table(table, "");
    add(content.functions);
    add_structs();
    add(content.sums);
    if (content.gated()) add(opening_and_closing);
    if (content.formula == GateFormula::phased) {
      const bool is_float = content.types.number == "float";
      add(phased_windows, {{"whole", is_float ? "8388608" : "4503599627370496"}});
    }
    add(content.neuron);
    if (content.gaussian()) add(gaussian_windows);
    add(content.gated() ? gated_layer : plain_layer, {{"one", content.fully_open}});
    for (std::size_t l = 0; l < content.depth(); ++l) add_layer(l);
    add(dot_product);
    for (const Table& table : content.readout) add_table(table, "");
    add_public_functions();
    if (is_c_) {
      add(c_ending);
    } else {
      add_model();
      text_.insert(body, "inline namespace network_" + hash_of(text_.substr(body)) + " {\n\n");
      add(cpp_ending);
    }
  }

  const std::string& text() const { return text_; }

 private:
  static std::string upper_case(std::string text) {
    for (char& c : text) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
  }

  /// The FNV-1a hash of a text, as a part of a name. It tells networks of the same namespace apart:
  /// a linker would merge their tables and classes, which are inline, without a word.
  static std::string hash_of(const std::string& text) {
    std::uint64_t hash = 14695981039346656037u;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    constexpr std::string_view digits = "0123456789abcdef";
    std::string name;
    for (int n = 0; n < 16; ++n, hash >>= 4) name += digits[hash & 15];
    return name;
  }

  /// Adds a template. Values that it has no placeholder for are left out; the names of the header
  /// are offered to all.
  void add(std::string_view text, std::map<std::string, std::string> values = {}) {
    values.insert({{"p", prefix_}, {"P", capitals_}, {"name_space", name_space_}});
    std::erase_if(
        values, [&](const auto& value) { return text.find("@" + value.first + "@") == text.npos; });
    const std::string filled = fill_template(text, values);
    text_ += is_c_ ? filled : cpp_casts(filled);
  }

  /// Turns casts of C, which templates write as (type)(expression), into those of C++.
  static std::string cpp_casts(std::string text) {
    for (const char* type :
         {"float", "double", "number", "moment", "sum", "int", "int8_t", "int16_t", "int32_t",
          "int64_t", "uint16_t", "uint32_t", "int8x4_t", "uint64_t", "size_t"}) {
      const std::string name = type;
      text = replace_all(std::move(text), "(" + name + ")(", "static_cast<" + name + ">(");
    }
    return text;
  }

  /// The name of a type, which may be one of NumberTypes.
  std::string type_name(const std::string& type) const {
    return type == "number" || type == "sum" || type == "moment" || type == "weight"
               ? prefix_ + type
               : type;
  }

  void add_table(const Table& table, const std::string& before) {
    add((is_c_ ? "@P@TABLE " : "inline constexpr ") + type_name(table.type) + " @p@" + before +
        table.name + "[] =\n");
    text_ += initializer({static_cast<Index>(table.values.size())}, table.values) + ";\n";
  }

  void add_introduction() {
    add(is_c_ ? c_introduction : cpp_introduction, {{"summary", content_.summary},
                                                    {"numbers", numbers()},
                                                    {"inputs", std::to_string(content_.inputs)},
                                                    {"outputs", std::to_string(content_.outputs)},
                                                    {"y", content_.types.output},
                                                    {"t", content_.gated() ? ", t" : ""},
                                                    {"at_time", at_time()},
                                                    {"includes", content_.includes}});
  }

  /// The lines about numbers, as the comment of the language goes on.
  std::string numbers() const {
    return is_c_ ? replace_all(content_.numbers, "\n//", "\n *") : content_.numbers;
  }

  void add_types() {
    const NumberTypes& names = content_.types;
    add(types, {{"number", names.number},
                {"sum", names.sum},
                {"weight", names.weight},
                {"output", names.output}});
    if (content_.gated()) add(moment_type, {{"moment", names.moment}});
    text_ += "\n";
  }

  /// The types of a layer's constants and of a stream's state.
  void add_structs() {
    const LayerContent& layer = content_.layers.front();
    std::string members;
    for (const Table& table : layer.tables) {
      members += "  const " + type_name(table.type) + "* " + table.name + "; /* " + table.comment +
                 " */\n";
    }
    for (const Constant& constant : layer.constants) {
      members += "  " + type_name(constant.type) + " " + constant.name + ";\n";
    }
    add(constants_struct, {{"members", members}});

    members.clear();
    const std::map<std::string, std::string> sizes = {
        {"neurons", std::to_string(content_.neurons())},
        {"layers", std::to_string(content_.depth())},
        {"widest",
         std::to_string(*std::max_element(content_.hidden.begin(), content_.hidden.end()))},
        {"inputs", std::to_string(content_.inputs)}};
    add(state_begin, sizes);
    if (content_.gated()) add(gated_state, sizes);
    if (content_.gated()) add(content_.gaussian() ? gaussian_state : phased_state, sizes);
    if (content_.input_skip) add("  @p@number x[@inputs@];\n", sizes);
    add(content_.state);
    add(state_end);
  }

  void add_layer(std::size_t l) {
    const LayerContent& layer = content_.layers[l];
    const std::string name = text_of("layer", l), before = name + "_";
    for (const Table& table : layer.tables) add_table(table, before);
    std::string members =
        text_of(l, ", ", content_.first(l), ", ", layer.neurons, ", ", layer.inputs);
    for (const Table& table : layer.tables) members += ",\n    " + prefix_ + before + table.name;
    for (const Constant& constant : layer.constants) members += ",\n    " + constant.value;
    add((is_c_ ? "static const @p@constants @p@" : "inline constexpr constants ") + name +
        " = {\n    " + members + "};\n\n");
  }

  std::string at_time() const { return content_.gated() ? " at time t" : ""; }

  std::string initial_statements() const {
    std::string text;
    for (std::size_t l = 0; l < content_.depth() && content_.learned_state; ++l) {
      for (const char* part : {"h", "c"}) {
        text += text_of("  memcpy(stream->", part, " + ", content_.first(l), ", @p@layer", l, "_",
                        part, "0, ", content_.hidden[l], " * sizeof *stream->", part, ");\n");
      }
    }
    return text;
  }

  std::string advance_statements() const {
    std::string text;
    if (content_.input_skip) text += "  memcpy(stream->x, x, sizeof stream->x);\n";
    if (content_.gated()) text += content_.take_time;
    for (std::size_t l = 0; l < content_.depth(); ++l) {
      const std::string x = l == 0 ? "x" : text_of("stream->h + ", content_.first(l - 1));
      text += text_of("  @p@run(&@p@layer", l, ", stream, ", x, content_.gated() ? ", time" : "",
                      ");\n");
    }
    if (content_.gaussian()) text += "  stream->time = time;\n";
    return text;
  }

  std::string with_prefix(std::string text) const {
    return replace_all(std::move(text), "@p@", prefix_);
  }

  void add_public_functions() {
    const bool gated = content_.gated();
    if (gated && content_.time == "double") add(is_finite);
    const std::string t = gated ? ", " + content_.time + " t" : "";
    const std::string x_read =
        content_.input_skip ? "" : " x [inputs] is not\n * read where nothing is open.";
    add(public_functions, {{"x_read", x_read},
                           {"initial", with_prefix(initial_statements())},
                           {"advance", with_prefix(advance_statements())},
                           {"output", with_prefix(content_.output)},
                           {"time_parameter", t},
                           {"time_argument", gated ? ", t" : ""},
                           {"at_time", at_time()}});
    if (content_.gaussian()) {
      std::string layers;
      for (std::size_t l = 0; l < content_.depth(); ++l) {
        layers += text_of(l > 0 ? ", &" : "&", prefix_, "layer", l);
      }
      add(next_event, {{"layers", layers},
                       {"time", content_.time},
                       {"never", content_.never},
                       {"last", content_.last_time},
                       {"next", content_.next_time},
                       {"correct", with_prefix(content_.correct_time)}});
    }
    add(content_.after);
  }

  void add_model() {
    std::string accessors;
    for (std::size_t l = 0; l < content_.depth(); ++l) {
      const std::string layer = text_of("layer", l);
      accessors += "  Layer " + layer + "() const { return {&::" + name_space_ + "::" + layer +
                   ", &state_}; }\n";
    }
    const bool gated = content_.gated();
    add(model_class,
        {{"inputs", std::to_string(content_.inputs)},
         {"outputs", std::to_string(content_.outputs)},
         {"layers", std::to_string(content_.depth())},
         {"neurons", std::to_string(content_.neurons())},
         {"at_time", at_time()},
         {"time_parameter", gated ? ", " + content_.time + " t" : ", double = 0"},
         {"time_argument", gated ? ", t" : ""},
         {"open_count", gated ? std::string(open_count_member) : ""},
         {"next_event", content_.gaussian()
                            ? fill_template(next_event_member,
                                            {{"name_space", name_space_}, {"time", content_.time}})
                            : ""},
         {"accessors", accessors}});
  }

  const Content& content_;
  const std::string& name_space_;
  bool is_c_;
  std::string prefix_, capitals_, text_;
};

}  // namespace detail::header
GLSTM_END_NAMESPACE
