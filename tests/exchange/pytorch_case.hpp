// What PyTorch answered, and what glstm answers with the same weights.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "glstm/exchange/pytorch.hpp"

/// A case that pytorch_check.py has made with a model of an nn.LSTM and an nn.Linear: its weights,
/// the inputs x [B,T,I], their lengths [B], and its answers last_step [B,O] and every_step [B,T,O].
template <class Scalar>
class PyTorchCase {
 public:
  explicit PyTorchCase(const glstm::Safetensors& file) : file_(file) {
    const std::vector<glstm::Index>& shape = file.find("x").shape;
    input_ = glstm::SequenceBatch<Scalar>::zeros(shape.at(0), shape.at(1), shape.at(2));
    input_.values = rows("x");
    input_.timing.lengths = file.find("lengths").as<glstm::Index>();
  }

  glstm::Lstm<Scalar> network(glstm::Readout readout) const {
    return glstm::from_pytorch<glstm::Lstm<Scalar>>(file_,
                                                    {.readout = readout, .ignore_others = true});
  }

  /// How far the network's answers to the valid steps are from PyTorch's, relative to those that
  /// are larger than 1.
  double difference(const glstm::Lstm<Scalar>& network, glstm::Path path) const {
    const bool every_step = network.options().readout == glstm::Readout::every_step;
    const glstm::Matrix<Scalar> expected = rows(every_step ? "every_step" : "last_step");
    typename glstm::Lstm<Scalar>::Tape tape;
    const glstm::Matrix<Scalar>& actual = network.predict(input_, tape, path);
    if (actual.rows() != expected.rows() || actual.cols() != expected.cols()) {
      return std::numeric_limits<double>::infinity();
    }
    const glstm::Index O = network.options().outputs;
    double largest = 0;
    for (glstm::Index b = 0; b < input_.batch(); ++b) {
      const glstm::Index valid = every_step ? input_.timing.length(b) * O : O;
      for (glstm::Index i = 0; i < valid; ++i) {
        const double right = static_cast<double>(expected(b, i));
        const double off = std::abs(static_cast<double>(actual(b, i)) - right);
        if (!std::isfinite(off)) return std::numeric_limits<double>::infinity();
        largest = std::max(largest, off / std::max(1.0, std::abs(right)));
      }
    }
    return largest;
  }

  const glstm::SequenceBatch<Scalar>& input() const { return input_; }

 private:
  /// A tensor [B,...] as a matrix of B rows.
  glstm::Matrix<Scalar> rows(const char* name) const {
    const std::vector<Scalar> values = file_.find(name).as<Scalar>();
    const glstm::Index B = file_.find(name).shape.at(0);
    using RowMajor = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    return Eigen::Map<const RowMajor>(values.data(), B,
                                      static_cast<glstm::Index>(values.size()) / B);
  }

  glstm::Safetensors file_;
  glstm::SequenceBatch<Scalar> input_;
};
