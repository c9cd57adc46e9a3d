// The working memory of the backward pass of the scheduled path.
#pragma once

#include <vector>

#include "glstm/core/types.hpp"
#include "glstm/lstm/block_tape.hpp"
#include "glstm/lstm/scheduled_tape.hpp"

GLSTM_BEGIN_NAMESPACE
namespace scheduled {

/// The working memory of a backward pass, which is reused from call to call. In blocks (few
/// samples) h, dh and dc are [slots,B], and sum_dz is [4H,B].
template <class Scalar>
struct BackwardWorkspace {
  Matrix<Scalar> h;       ///< [stride,H] the state that frozen neurons had, going back in time
  Matrix<Scalar> dh, dc;  ///< [stride,H]
  Matrix<Scalar> sum_dz;  ///< [stride,4H] of the open neurons, over their steps so far
  Vector<Scalar> dpacked_weights;  ///< the gradient of the packed weights

  // Of the open neurons of one segment, compact. A chunk is some steps' lanes one after the other.
  Vector<Scalar> du;          ///< [stride, columns of [h | x] in groups of four]
  Vector<Scalar> dc_open;     ///< [stride, open]
  Vector<Scalar> dk;          ///< as BackwardStep gives it
  Vector<Scalar> dz;          ///< [chunk, 4 open]
  Vector<Scalar> rows;        ///< [columns of [h | x] in whole packets][chunk][packet]
  Vector<Scalar> transposed;  ///< WeightPanel of [h | x] by fours, and the gates of open neurons
  Vector<Scalar> dpanel;      ///< [columns of [h | x] in whole packets, 4 open]

  // Where neurons are in the lanes, also:
  Vector<Scalar> k;                   ///< as write_openness gives it, for times of their own
  Vector<Scalar> dk_lanes;            ///< [B or 1][blocks][packet]
  std::vector<const Scalar*> panels;  ///< [blocks] a column of each
  BlockBoundary block_boundary;

  // Of one boundary:
  Boundary boundary;
  std::vector<Index> columns;
  Matrix<Scalar> sum;      ///< [stride,4] a product
  Vector<Scalar> scratch;  ///< weights or their gradient; in blocks, dz summed over a segment

  /// At least `size` elements, of any value.
  static void reserve(Vector<Scalar>& memory, Index size) {
    if (memory.size() < size) memory.resize(size);
  }
};

}  // namespace scheduled
GLSTM_END_NAMESPACE
