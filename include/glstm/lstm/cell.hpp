// One step of a time-gated LSTM, dense and masked: the specification of the model.
//
// Products are lazyProduct, Eigen's plain loops: slower than its blocked product, but this path
// need not be fast, and the blocked product would take longer to compile than all the rest.
#pragma once

#include "glstm/core/types.hpp"
#include "glstm/lstm/activations.hpp"

GLSTM_BEGIN_NAMESPACE

/// The hidden and cell state of a layer, both [B,H].
template <class Scalar>
struct State {
  Matrix<Scalar> h, c;

  static State zeros(Index batch, Index hidden) {
    return {Matrix<Scalar>::Zero(batch, hidden), Matrix<Scalar>::Zero(batch, hidden)};
  }
};

/// Views of the weights of one layer; the 4H rows are the gates i, f, g, o in this order.
template <class Scalar>
struct LstmWeights {
  Eigen::Map<const Matrix<Scalar>> Wx;  ///< [4H,I]
  Eigen::Map<const Matrix<Scalar>> Wh;  ///< [4H,H]
  Eigen::Map<const Vector<Scalar>> b;   ///< [4H]

  Index inputs() const { return Wx.cols(); }
  Index hidden() const { return Wh.cols(); }
};

/// Views into a gradient vector, to accumulate into; shapes as in LstmWeights.
template <class Scalar>
struct LstmGradients {
  Eigen::Map<Matrix<Scalar>> dWx, dWh;
  Eigen::Map<Vector<Scalar>> db;
  Eigen::Map<Matrix<Scalar>> dgate;  ///< [H,P] of the time gate's parameters
};

/// What one step leaves for its backward pass: x is [B,I], the rest [B,H].
template <class Scalar>
struct CellTape {
  Matrix<Scalar> x, h_prev, c_prev, k, i, f, g, o, c_proposed, h_proposed;
};

/// One step forward (arXiv:1901.07334). x is [B,I]; k [B,H] is the openness of the time
/// gates, 0 where closed; `state` is in and out. Writes `tape`.
template <class Scalar>
void cell_forward(const LstmWeights<Scalar>& weights, const ConstMatrixRef<Scalar>& x,
                  const ConstMatrixRef<Scalar>& k, State<Scalar>& state, CellTape<Scalar>& tape) {
  const Index H = weights.hidden();
  Matrix<Scalar> z =
      x.lazyProduct(weights.Wx.transpose()) + state.h.lazyProduct(weights.Wh.transpose());
  z.rowwise() += weights.b.transpose();

  tape.x = x;
  tape.k = k;
  tape.h_prev = state.h;
  tape.c_prev = state.c;
  tape.i = sigmoid(z.leftCols(H).array());
  tape.f = sigmoid(z.middleCols(H, H).array());
  tape.g = z.middleCols(2 * H, H).array().tanh();
  tape.o = sigmoid(z.rightCols(H).array());
  tape.c_proposed = tape.f.cwiseProduct(tape.c_prev) + tape.i.cwiseProduct(tape.g);
  tape.h_proposed = tape.o.array() * tape.c_proposed.array().tanh();

  // Where k is 0 the state stays as it is to the bit.
  const auto gate = tape.k.array();
  state.c = gate * tape.c_proposed.array() + (Scalar(1) - gate) * tape.c_prev.array();
  state.h = gate * tape.h_proposed.array() + (Scalar(1) - gate) * tape.h_prev.array();
}

/// The same step backward. `dstate` holds dh, dc of the new state on entry and of the previous
/// state on return; dk [B,H] gets the gradient of the openness; dx, when not null, is a [B,I]
/// block that gets the gradient of x. Weight gradients accumulate.
template <class Scalar>
void cell_backward(const LstmWeights<Scalar>& weights, const CellTape<Scalar>& tape,
                   State<Scalar>& dstate, Matrix<Scalar>& dk, MatrixRef<Scalar>* dx,
                   LstmGradients<Scalar>& gradients) {
  const Index H = weights.hidden();
  const auto dh = dstate.h.array();
  const auto dc = dstate.c.array();
  const auto k = tape.k.array();
  const auto i = tape.i.array(), f = tape.f.array(), g = tape.g.array(), o = tape.o.array();
  const Matrix<Scalar> tanh_c_values = tape.c_proposed.array().tanh();
  const auto tanh_c = tanh_c_values.array();

  // h = k h~ + (1 - k) h_prev;  c = k c~ + (1 - k) c_prev
  dk = (tape.h_proposed - tape.h_prev).array() * dh + (tape.c_proposed - tape.c_prev).array() * dc;
  const Matrix<Scalar> dh_proposed = k * dh;
  // h~ = o tanh(c~)
  const Matrix<Scalar> dc_proposed =
      k * dc + dh_proposed.array() * o * tanh_derivative_from_output(tanh_c);

  // i, f, o = sigmoid(z);  g = tanh(z);  c~ = f c_prev + i g
  Matrix<Scalar> dz(dk.rows(), 4 * H);
  dz.leftCols(H) = dc_proposed.array() * g * sigmoid_derivative_from_output(i);
  dz.middleCols(H, H) =
      dc_proposed.array() * tape.c_prev.array() * sigmoid_derivative_from_output(f);
  dz.middleCols(2 * H, H) = dc_proposed.array() * i * tanh_derivative_from_output(g);
  dz.rightCols(H) = dh_proposed.array() * tanh_c * sigmoid_derivative_from_output(o);

  dstate.c = ((Scalar(1) - k) * dc + dc_proposed.array() * f).matrix().eval();
  // z = x Wx^T + h_prev Wh^T + b
  dstate.h = ((Scalar(1) - k) * dh).matrix() + dz.lazyProduct(weights.Wh);
  if (dx != nullptr) dx->noalias() = dz.lazyProduct(weights.Wx);
  gradients.dWx.noalias() += dz.transpose().lazyProduct(tape.x);
  gradients.dWh.noalias() += dz.transpose().lazyProduct(tape.h_prev);
  gradients.db += dz.colwise().sum().transpose();
}

GLSTM_END_NAMESPACE
