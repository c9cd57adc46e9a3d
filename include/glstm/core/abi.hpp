// The namespace that holds everything of glstm.
//
// Eigen aligns and packs memory by what the compiler may use of the processor. Objects of two
// translation units that were compiled with different -march therefore do not fit together. The
// inline namespace carries what they must agree on, so that such a program does not link:
// glstm::Network<...> is glstm::v0_packet32_align32_fma::Network<...> in one and
// glstm::v0_packet16_align16::Network<...> in the other.
#pragma once

#include <Eigen/Core>

#include "glstm/version.hpp"

#if defined(EIGEN_VECTORIZE_AVX512)
#define GLSTM_DETAIL_PACKET _packet64
#elif defined(EIGEN_VECTORIZE_AVX)
#define GLSTM_DETAIL_PACKET _packet32
#elif defined(EIGEN_VECTORIZE)
#define GLSTM_DETAIL_PACKET _packet16
#else
#define GLSTM_DETAIL_PACKET _scalar
#endif

#if EIGEN_MAX_ALIGN_BYTES >= 64
#define GLSTM_DETAIL_ALIGN _align64
#elif EIGEN_MAX_ALIGN_BYTES >= 32
#define GLSTM_DETAIL_ALIGN _align32
#elif EIGEN_MAX_ALIGN_BYTES >= 16
#define GLSTM_DETAIL_ALIGN _align16
#else
#define GLSTM_DETAIL_ALIGN _unaligned
#endif

#if defined(EIGEN_VECTORIZE_FMA)
#define GLSTM_DETAIL_FMA _fma
#else
#define GLSTM_DETAIL_FMA
#endif

#define GLSTM_DETAIL_JOIN(version, packet, align, fma) v##version##packet##align##fma
#define GLSTM_DETAIL_ABI(version, packet, align, fma) GLSTM_DETAIL_JOIN(version, packet, align, fma)

/// The name of the inline namespace.
#define GLSTM_ABI \
  GLSTM_DETAIL_ABI(GLSTM_VERSION_MAJOR, GLSTM_DETAIL_PACKET, GLSTM_DETAIL_ALIGN, GLSTM_DETAIL_FMA)

/// Between these two is namespace glstm.
#define GLSTM_BEGIN_NAMESPACE \
  namespace glstm {           \
  inline namespace GLSTM_ABI {
#define GLSTM_END_NAMESPACE \
  }                         \
  }

#define GLSTM_DETAIL_QUOTE(number) #number
#define GLSTM_DETAIL_TEXT(major, minor, patch) \
  GLSTM_DETAIL_QUOTE(major) "." GLSTM_DETAIL_QUOTE(minor) "." GLSTM_DETAIL_QUOTE(patch)

GLSTM_BEGIN_NAMESPACE

/// The version as text, such as "1.2.3".
inline constexpr const char* version_string =
    GLSTM_DETAIL_TEXT(GLSTM_VERSION_MAJOR, GLSTM_VERSION_MINOR, GLSTM_VERSION_PATCH);

GLSTM_END_NAMESPACE

#undef GLSTM_DETAIL_QUOTE
#undef GLSTM_DETAIL_TEXT
