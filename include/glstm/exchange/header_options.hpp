// How a network becomes a header.
#pragma once

#include <string>

#include "glstm/core/abi.hpp"
#include "glstm/io/weight_storage.hpp"

GLSTM_BEGIN_NAMESPACE

/// The language of a header: C++17, or C99.
enum class HeaderLanguage { cpp, c };

/// How a network becomes a header.
struct HeaderOptions {
  /// The namespace of the header, which may be nested ("my::model"). In C an identifier with which
  /// all names begin: "model" gives model_step.
  std::string name_space = "model";
  WeightStorage storage = WeightStorage::full;  ///< how the weight matrices are stored
  HeaderLanguage language = HeaderLanguage::cpp;
};

/// How a network becomes a header that computes in integers.
struct IntegerHeaderOptions {
  std::string name_space = "model";  ///< as in HeaderOptions
  HeaderLanguage language = HeaderLanguage::cpp;
  double tick = 1;  ///< the unit of the times of steps, in that of the timestamps
};

GLSTM_END_NAMESPACE
