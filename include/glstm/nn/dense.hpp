// The linear readout.
#pragma once

#include <string>

#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Calls visit(name, rows, cols, role) for every parameter block of a Dense.
template <class Visit>
void for_each_dense_block(const std::string& prefix, Index inputs, Index outputs, Visit&& visit) {
  visit(prefix + "w", outputs, inputs, ParameterRole::weight);
  visit(prefix + "b", outputs, Index(1), ParameterRole::bias);
}

}  // namespace detail

/// y = h W^T + b, for the hidden state of one step or of every step. Like Layer it holds sizes
/// only. Blocks: w [O,H], b [O].
template <class Scalar>
class Dense {
 public:
  /// Adds the blocks to `layout`, their names starting with `prefix`. Throws Error if a size is not
  /// positive.
  Dense(ParameterLayout& layout, const std::string& prefix, Index inputs, Index outputs);

  Index inputs() const { return inputs_; }
  Index outputs() const { return outputs_; }

  /// h is [B, H*N], y [B, O*N]: N steps side by side.
  void forward(const Vector<Scalar>& parameters, const Matrix<Scalar>& h, Matrix<Scalar>& y) const;

  /// dh [B, H*N] is written, the parameters' gradient accumulates.
  void backward(const Vector<Scalar>& parameters, const Matrix<Scalar>& h, const Matrix<Scalar>& dy,
                Matrix<Scalar>& dh, Vector<Scalar>& gradient) const;

 private:
  Index inputs_, outputs_, w_ = 0, b_ = 0;
};

template <class Scalar>
Dense<Scalar>::Dense(ParameterLayout& layout, const std::string& prefix, Index inputs,
                     Index outputs)
    : inputs_(inputs), outputs_(outputs) {
  detail::require(inputs >= 1 && outputs >= 1, "a readout needs at least one input and output, ",
                  "got ", inputs, " and ", outputs);
  w_ = layout.size();
  b_ = w_ + outputs * inputs;
  detail::for_each_dense_block(prefix, inputs, outputs,
                               [&](const auto&... block) { layout.add(block...); });
}

template <class Scalar>
void Dense<Scalar>::forward(const Vector<Scalar>& parameters, const Matrix<Scalar>& h,
                            Matrix<Scalar>& y) const {
  const Eigen::Map<const Matrix<Scalar>> W(parameters.data() + w_, outputs_, inputs_);
  const Eigen::Map<const Vector<Scalar>> b(parameters.data() + b_, outputs_);
  const Index steps = h.cols() / inputs_;
  y.resize(h.rows(), outputs_ * steps);
  for (Index n = 0; n < steps; ++n) {
    auto y_n = y.middleCols(n * outputs_, outputs_);
    y_n.noalias() = h.middleCols(n * inputs_, inputs_) * W.transpose();
    y_n.rowwise() += b.transpose();
  }
}

template <class Scalar>
void Dense<Scalar>::backward(const Vector<Scalar>& parameters, const Matrix<Scalar>& h,
                             const Matrix<Scalar>& dy, Matrix<Scalar>& dh,
                             Vector<Scalar>& gradient) const {
  const Eigen::Map<const Matrix<Scalar>> W(parameters.data() + w_, outputs_, inputs_);
  Eigen::Map<Matrix<Scalar>> dW(gradient.data() + w_, outputs_, inputs_);
  Eigen::Map<Vector<Scalar>> db(gradient.data() + b_, outputs_);
  const Index steps = h.cols() / inputs_;
  dh.resize(h.rows(), h.cols());
  for (Index n = 0; n < steps; ++n) {
    const auto dy_n = dy.middleCols(n * outputs_, outputs_);
    // y = h W^T + b
    dh.middleCols(n * inputs_, inputs_).noalias() = dy_n * W;
    dW.noalias() += dy_n.transpose() * h.middleCols(n * inputs_, inputs_);
    db += dy_n.colwise().sum().transpose();
  }
}

GLSTM_END_NAMESPACE
