// The namespace that holds everything of glstm, and what the compiler and Eigen must offer.
//
// Eigen aligns and packs memory by what the compiler may use of the processor. Two translation
// units that were compiled for vector registers of different widths therefore disagree about
// objects of Eigen and glstm. Two inline namespaces carry what they must agree on (and FMA, which
// changes the rounding), so that a program whose units share such an object does not link:
// glstm::Network<...> is glstm::v0_packet32_fma::align32::Network<...> in one and
// glstm::v0_packet16::align16::Network<...> in the other.
#pragma once

// A header that does not exist is the one error at which every compiler stops. After #error it
// would go on and report hundreds of errors.
#if __cplusplus < 202002L && (!defined(_MSVC_LANG) || _MSVC_LANG < 202002L)
#include "glstm needs C++20: compile with -std=c++20"
#endif

#include <Eigen/Core>
#include <cfloat>

// The x87 registers keep more digits until a number is stored: what is open would then depend on
// the optimiser. -msse2 alone does not change where g++ computes.
#if FLT_EVAL_METHOD == 1 || FLT_EVAL_METHOD == 2
#include "glstm needs float and double without excess precision, SSE2 on 32-bit x86: compile with -msse2 -mfpmath=sse"
#endif

#if EIGEN_WORLD_VERSION == 3 && EIGEN_MAJOR_VERSION < 4
#include "glstm needs Eigen 3.4 or newer: the compiler found an older one"
#endif

#include "glstm/version.hpp"

/// The names of the two inline namespaces.
#if defined(EIGEN_VECTORIZE_AVX512)
#define GLSTM_ABI v0_packet64
#elif defined(EIGEN_VECTORIZE_AVX) && defined(EIGEN_VECTORIZE_FMA)
#define GLSTM_ABI v0_packet32_fma
#elif defined(EIGEN_VECTORIZE_AVX)
#define GLSTM_ABI v0_packet32
#elif defined(EIGEN_VECTORIZE) && defined(EIGEN_VECTORIZE_FMA)
#define GLSTM_ABI v0_packet16_fma
#elif defined(EIGEN_VECTORIZE)
#define GLSTM_ABI v0_packet16
#else
#define GLSTM_ABI v0_scalar
#endif
#if GLSTM_VERSION_MAJOR != 0
#error "GLSTM_ABI must begin with the major version"
#endif

#if EIGEN_MAX_ALIGN_BYTES >= 64
#define GLSTM_ABI_ALIGN align64
#elif EIGEN_MAX_ALIGN_BYTES >= 32
#define GLSTM_ABI_ALIGN align32
#elif EIGEN_MAX_ALIGN_BYTES >= 16
#define GLSTM_ABI_ALIGN align16
#else
#define GLSTM_ABI_ALIGN unaligned
#endif

/// Between these two is namespace glstm.
#define GLSTM_BEGIN_NAMESPACE  \
  namespace glstm {            \
  inline namespace GLSTM_ABI { \
  inline namespace GLSTM_ABI_ALIGN {
#define GLSTM_END_NAMESPACE \
  }                         \
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
