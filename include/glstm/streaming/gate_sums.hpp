// The sums of a streaming step: one packet of neurons for each of the four gates, in registers.
#pragma once

#include "glstm/core/types.hpp"
#include "glstm/kernels/packet_math.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Sums for the four gates of one block of neurons. They have names instead of indices, so that
/// every compiler keeps them in registers.
template <class Scalar>
struct GateSums {
  using P = kernels::Packet<Scalar>;
  static constexpr Index packet = kernels::packet_size<Scalar>;
  P i, f, g, o;

  EIGEN_ALWAYS_INLINE static GateSums load(const Scalar* values) {
    using Eigen::internal::pload;
    return {pload<P>(values), pload<P>(values + packet), pload<P>(values + 2 * packet),
            pload<P>(values + 3 * packet)};
  }
  EIGEN_ALWAYS_INLINE static GateSums zero() {
    const P nothing = Eigen::internal::pset1<P>(Scalar(0));
    return {nothing, nothing, nothing, nothing};
  }

  EIGEN_ALWAYS_INLINE void add(const GateSums& other) {
    using Eigen::internal::padd;
    i = padd(i, other.i);
    f = padd(f, other.f);
    g = padd(g, other.g);
    o = padd(o, other.o);
  }
  /// Every sum += value times its column of weights.
  EIGEN_ALWAYS_INLINE void add_product(const Scalar& value, const Scalar* column) {
    using Eigen::internal::pload, Eigen::internal::pmadd;
    P u = Eigen::internal::pset1<P>(value);
#if EIGEN_COMP_GNUC_STRICT
    EIGEN_OPTIMIZATION_BARRIER(u)  // g++ would load the value once for every multiply-add
#endif
    i = pmadd(u, pload<P>(column), i);
    f = pmadd(u, pload<P>(column + packet), f);
    g = pmadd(u, pload<P>(column + 2 * packet), g);
    o = pmadd(u, pload<P>(column + 3 * packet), o);
  }
};

}  // namespace detail
GLSTM_END_NAMESPACE
