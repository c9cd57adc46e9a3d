// What a trained network must know of its data: names, scaling and clock.
#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// How the time of a step is counted, in the unit of the timestamps or in steps.
enum class ClockKind {
  shared,   ///< one clock for all sequences
  own,      ///< from each sequence's first step
  relative  ///< as a fraction of each sequence's duration: 0 at its first step, 1 at its last
};

/// How the values of a feature or a target are scaled: (value - offset) / scale.
struct Scaling {
  double offset = 0, scale = 1;
  bool operator==(const Scaling&) const = default;
};

/// How the numbers that a network reads and writes were made of somebody's data. It is saved with
/// the network, so that new data are read as the training data were. Empty lists: not known, or not
/// scaled.
///
/// F is the number of features. A step of the network has `frame` samples of the data, one after
/// the other, each with all features: I = frame * F inputs.
struct DataDescription {
  std::vector<std::string> feature_names = {};  ///< [F] in the order of the inputs
  std::vector<Scaling> feature_scaling = {};    ///< [F]
  std::vector<std::string> class_names = {};    ///< [O] where the outputs are classes
  std::vector<std::string> target_names = {};   ///< [O] where the outputs are numbers
  std::vector<Scaling> target_scaling = {};     ///< [O]
  ClockKind clock = ClockKind::shared;
  double first_time = 0, last_time = 0;  ///< the time over which the windows were spread
  Index frame = 1;                       ///< samples of the data in one step of the network
  /// Whether the data have timestamps; without, step n is at time n.
  std::optional<bool> timestamps = {};
  double sample_rate = 0;  ///< of recordings, in Hz; 0: the data are no recordings

  bool operator==(const DataDescription&) const = default;

  bool empty() const { return *this == DataDescription(); }
  /// The scaling of input i of the network; there must be one.
  const Scaling& scaling_of_input(Index i) const {
    return feature_scaling[static_cast<std::size_t>(i) % feature_scaling.size()];
  }
  bool has_scaling() const { return !feature_scaling.empty() || !target_scaling.empty(); }

  /// Throws Error unless every list is empty or has one entry for each of `inputs` or `outputs`,
  /// no feature and no class has the name of another, all numbers are finite, and no scale is 0.
  void check(Index inputs, Index outputs) const {
    const auto check_size = [](const auto& list, Index size, const char* what) {
      detail::require(list.empty() || static_cast<Index>(list.size()) == size, "expected ", size,
                      " ", what, " or none, got ", list.size());
    };
    detail::require(frame >= 1 && inputs % frame == 0, "expected frames of samples that fill ",
                    inputs, " inputs, got ", frame, " samples");
    check_size(feature_names, inputs / frame, "names of features");
    check_size(feature_scaling, inputs / frame, "scalings of features");
    check_size(class_names, outputs, "names of classes");
    check_size(target_names, outputs, "names of targets");
    check_size(target_scaling, outputs, "scalings of targets");
    detail::require(class_names.empty() || target_names.empty(),
                    "expected classes or targets, got both");
    for (const auto* names : {&feature_names, &class_names, &target_names}) {
      std::set<std::string> seen;
      for (const std::string& name : *names) {
        detail::require(seen.insert(name).second, "expected names that differ, got \"", name,
                        "\" twice");
      }
    }
    for (const auto* scalings : {&feature_scaling, &target_scaling}) {
      for (const Scaling& s : *scalings) {
        detail::require(std::isfinite(s.offset) && std::isfinite(s.scale) && s.scale != 0,
                        "expected a finite offset and scale, and no scale of 0, got ", s.offset,
                        " and ", s.scale);
      }
    }
    detail::require(std::isfinite(sample_rate) && sample_rate >= 0,
                    "expected a sample rate that is not negative, got ", sample_rate);
    detail::require(
        std::isfinite(first_time) && std::isfinite(last_time) && first_time <= last_time,
        "expected a span of time, got ", first_time, " to ", last_time);
  }
};

GLSTM_END_NAMESPACE
