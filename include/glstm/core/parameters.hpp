// One flat parameter vector per network, and the named blocks that layers see of it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// What a block of parameters is for. Time-gate parameters are measured in units of time, so an
/// optimiser gives them a learning rate of their own; biases are not decayed.
enum class ParameterRole { weight, bias, time_gate };

/// A named [rows, cols] column-major matrix inside the flat parameter vector.
struct ParameterBlock {
  std::string name;
  Index offset = 0, rows = 0, cols = 0;
  ParameterRole role = ParameterRole::weight;

  Index size() const { return rows * cols; }
};

/// The blocks of a flat parameter vector, in order and without gaps. A gradient is a vector of
/// the same layout.
class ParameterLayout {
 public:
  /// Appends a block and returns its position.
  Index add(std::string name, Index rows, Index cols, ParameterRole role) {
    blocks_.push_back({std::move(name), size_, rows, cols, role});
    size_ += rows * cols;
    return static_cast<Index>(blocks_.size()) - 1;
  }

  const std::vector<ParameterBlock>& blocks() const { return blocks_; }
  Index size() const { return size_; }

  /// Throws Error unless `flat`, called `what` in the message, has this layout's size.
  template <class Scalar>
  void check(const Vector<Scalar>& flat, const char* what) const {
    detail::require(flat.size() == size_, what, " must have ", size_, " elements, got ",
                    flat.size());
  }

  /// The block that holds the flat position `index`.
  const ParameterBlock& block_of(Index index) const {
    for (const ParameterBlock& block : blocks_) {
      if (index >= block.offset && index < block.offset + block.size()) return block;
    }
    detail::fail(detail::text_of("no parameter block holds position ", index, " of ", size_));
  }

  /// The block called `name`.
  const ParameterBlock& find(const std::string& name) const {
    for (const ParameterBlock& block : blocks_) {
      if (block.name == name) return block;
    }
    detail::fail("no parameter block is called \"" + name + "\"");
  }

 private:
  std::vector<ParameterBlock> blocks_;
  Index size_ = 0;
};

/// The block as a [rows, cols] matrix view of `flat`; valid as long as `flat` is.
template <class Scalar>
Eigen::Map<const Matrix<Scalar>> block_view(const Vector<Scalar>& flat,
                                            const ParameterBlock& block) {
  return {flat.data() + block.offset, block.rows, block.cols};
}
/// Likewise, to be written to.
template <class Scalar>
Eigen::Map<Matrix<Scalar>> block_view(Vector<Scalar>& flat, const ParameterBlock& block) {
  return {flat.data() + block.offset, block.rows, block.cols};
}

GLSTM_END_NAMESPACE
