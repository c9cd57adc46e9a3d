// What we claim about our networks, and whether the recorded runs reach it.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/text.hpp"
#include "run_groups.hpp"

namespace sequence_tasks {

/// What a figure of our runs must reach: a number, or the figure of other runs, times a factor,
/// plus an offset. In claims.json: ">= 98.5", "< 0.00167", ">= mnist-lstm", "<= 0.2 * mnist-lstm",
/// ">= mnist-lstm - 0.3".
struct Limit {
  std::string figure;      ///< see figure_of
  std::string comparison;  ///< >=, <=, > or <
  std::optional<double> factor;
  std::string runs;  ///< the name of a group; empty: `factor` is the bound
  double offset = 0;
};

/// A published result.
struct Published {
  std::string text, source;              ///< what it is, and the address of where it stands
  std::optional<double> accuracy, macs;  ///< percent and millions per sequence, for the picture
};

/// One entry of claims.json.
struct Claim {
  std::string text, runs;
  std::string lstm;  ///< the name of our LSTM's runs; may be empty
  std::vector<Limit> limits;
  std::optional<Published> published;
};

/// The file claims.json.
struct Claims {
  std::vector<Claim> entries;
  std::map<std::string, std::string> titles;  ///< of tasks, for the picture
};

/// Reads claims.json. Throws glstm::Error, naming the file and the claim, if it is damaged.
Claims read_claims(const std::filesystem::path& file);

/// One row per claim: ours, our LSTM, the best published result, costs, and whether all limits are
/// reached.
glstm::detail::TableRows claims_table(const Claims& claims, RunGroups& groups);

}  // namespace sequence_tasks
