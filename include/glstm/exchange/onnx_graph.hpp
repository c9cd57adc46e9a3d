// ONNX models as protocol buffers: messages and graphs.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

static_assert(std::endian::native == std::endian::little,
              "ONNX tensors are little-endian and glstm copies its numbers as they are, so it "
              "writes them on little-endian processors only");

namespace detail::onnx {

/// An encoded protocol buffer message: its fields one after the other, each preceded by its number.
/// A repeated field is written once for every value.
class Message {
 public:
  Message& integer(int field, std::int64_t value) {
    varint(static_cast<std::uint64_t>(field) << 3);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& text(int field, std::string_view bytes) {
    varint(static_cast<std::uint64_t>(field) << 3 | 2);
    varint(bytes.size());
    bytes_ += bytes;
    return *this;
  }
  Message& message(int field, const Message& content) { return text(field, content.bytes_); }

  const std::string& bytes() const { return bytes_; }

 private:
  /// Seven bits in each byte, the lowest first; the top bit is set in all bytes but the last.
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

// The field numbers of onnx.proto that are used here.
struct ModelField {
  static constexpr int ir_version = 1, producer_name = 2, graph = 7, opset_import = 8,
                       metadata_props = 14;
};
struct StringEntryField {
  static constexpr int key = 1, value = 2;
};
struct OperatorSetField {
  static constexpr int domain = 1, version = 2;
};
struct GraphField {
  static constexpr int node = 1, name = 2, initializer = 5, input = 11, output = 12;
};
struct NodeField {
  static constexpr int input = 1, output = 2, name = 3, op_type = 4, attribute = 5;
};
struct AttributeField {
  static constexpr int name = 1, i = 3, s = 4, g = 6, ints = 8, type = 20;
};
struct AttributeType {
  static constexpr int integer = 2, string = 3, graph = 5, integers = 7;
};
struct TensorField {
  static constexpr int dims = 1, data_type = 2, name = 8, raw_data = 9;
};
struct ValueInfoField {
  static constexpr int name = 1, type = 2, doc_string = 3;
};
struct TypeField {  // of TypeProto, its Tensor, the shape, and a dimension
  static constexpr int tensor_type = 1, elem_type = 1, shape = 2;
  static constexpr int dim = 1, dim_value = 1, dim_param = 2;
};

/// ONNX's number for the data type of a tensor.
template <class T>
constexpr int data_type() {
  if constexpr (std::is_same_v<T, float>) return 1;
  if constexpr (std::is_same_v<T, std::int32_t>) return 6;
  if constexpr (std::is_same_v<T, std::int64_t>) return 7;
  if constexpr (std::is_same_v<T, double>) return 11;
}

inline Message attribute_of(const char* name, int type) {
  Message attribute;
  attribute.text(AttributeField::name, name).integer(AttributeField::type, type);
  return attribute;
}
inline Message attribute(const char* name, Index value) {
  return attribute_of(name, AttributeType::integer).integer(AttributeField::i, value);
}
inline Message attribute(const char* name, const std::vector<Index>& values) {
  Message result = attribute_of(name, AttributeType::integers);
  for (const Index value : values) result.integer(AttributeField::ints, value);
  return result;
}
inline Message attribute(const char* name, const char* value) {
  return attribute_of(name, AttributeType::string).text(AttributeField::s, value);
}
inline Message attribute(const char* name, const Message& graph) {
  return attribute_of(name, AttributeType::graph).message(AttributeField::g, graph);
}

using Names = std::vector<std::string>;

/// A graph under construction. Values have names; nodes are added in an order in which they can
/// run.
class Graph {
 public:
  explicit Graph(std::string_view name) { message_.text(GraphField::name, name); }

  void node(const char* operation, const Names& inputs, const Names& outputs,
            const std::vector<Message>& attributes = {}) {
    Message node;
    for (const std::string& input : inputs) node.text(NodeField::input, input);
    for (const std::string& output : outputs) node.text(NodeField::output, output);
    for (const std::string& output : outputs) {  // the node is named after its first output
      if (output.empty()) continue;
      node.text(NodeField::name, output);
      break;
    }
    node.text(NodeField::op_type, operation);
    for (const Message& attribute : attributes) node.message(NodeField::attribute, attribute);
    message_.message(GraphField::node, node);
  }

  /// Adds a node with one output; returns the name of the output.
  std::string compute(const std::string& output, const char* operation, const Names& inputs,
                      const std::vector<Message>& attributes = {}) {
    node(operation, inputs, {output}, attributes);
    return output;
  }

  /// Adds a constant with values in row-major order; returns its name. An empty shape means a
  /// single number.
  template <class T>
  std::string tensor(const std::string& name, const std::vector<Index>& shape, const T* values) {
    Message tensor;
    std::size_t size = sizeof(T);
    for (const Index extent : shape) {
      tensor.integer(TensorField::dims, extent);
      size *= static_cast<std::size_t>(extent);
    }
    tensor.integer(TensorField::data_type, data_type<T>()).text(TensorField::name, name);
    tensor.text(TensorField::raw_data, {reinterpret_cast<const char*>(values), size});
    message_.message(GraphField::initializer, tensor);
    return name;
  }
  template <class T>
  std::string number(const std::string& name, T value) {
    return tensor(name, {}, &value);
  }
  /// Adds a list of sizes, indices or axes.
  std::string indices(const std::string& name, const std::vector<std::int64_t>& values) {
    return tensor(name, {static_cast<Index>(values.size())}, values.data());
  }

  /// Adds an input. A dimension is a number, or a name if it is free; an empty shape means any.
  void input(const std::string& name, int type, const Names& shape = {}, const char* doc = "") {
    message_.message(GraphField::input, value_info(name, type, shape, doc));
  }
  void output(const std::string& name, int type, const Names& shape = {}, const char* doc = "") {
    message_.message(GraphField::output, value_info(name, type, shape, doc));
  }

  const Message& message() const { return message_; }

 private:
  static Message value_info(const std::string& name, int type, const Names& shape,
                            const char* doc) {
    Message tensor, tensor_shape, type_of_value, info;
    for (const std::string& extent : shape) {
      Message dimension;
      if (extent.find_first_not_of("0123456789") == extent.npos) {
        dimension.integer(TypeField::dim_value, std::stoll(extent));
      } else {
        dimension.text(TypeField::dim_param, extent);
      }
      tensor_shape.message(TypeField::dim, dimension);
    }
    tensor.integer(TypeField::elem_type, type);
    if (!shape.empty()) tensor.message(TypeField::shape, tensor_shape);
    type_of_value.message(TypeField::tensor_type, tensor);
    info.text(ValueInfoField::name, name).message(ValueInfoField::type, type_of_value);
    if (*doc != '\0') info.text(ValueInfoField::doc_string, doc);
    return info;
  }

  Message message_;
};

}  // namespace detail::onnx
GLSTM_END_NAMESPACE
