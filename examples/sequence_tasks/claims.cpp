#include "claims.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <regex>

#include "glstm/core/error.hpp"
#include "glstm/core/parse_number.hpp"
#include "result_tables.hpp"
#include "run_folder.hpp"

namespace sequence_tasks {
namespace {

using glstm::detail::parse_number;
using glstm::detail::require;
using glstm::detail::TableRows;
using glstm::detail::text_of;

/// Calls `function`, and puts `place` in front of the message of an Error.
template <class Function>
void with_place(const std::string& place, const Function& function) {
  try {
    function();
  } catch (const glstm::Error& error) {
    throw glstm::Error(place + ": " + error.what());
  }
}

// ---- claims.json -----------------------------------------------------------------------------

/// Throws Error if `json` has other members than `keys`.
void check_keys(const Json& json, const std::vector<std::string>& keys, const std::string& where) {
  require(json.is_object(), where, ": expected an object");
  for (const auto& [key, value] : json.items()) {
    const bool known = std::find(keys.begin(), keys.end(), key) != keys.end();
    require(known, where, ": unknown member \"", key, "\"");
  }
}

std::string text_at(const Json& json, const char* key, const std::string& where) {
  require(json.contains(key) && json.at(key).is_string(), where, ": expected a text \"", key, "\"");
  return json.at(key).get<std::string>();
}

std::optional<double> number_at(const Json& json, const char* key, const std::string& where) {
  if (!json.contains(key)) return std::nullopt;
  require(json.at(key).is_number(), where, ": expected a number \"", key, "\"");
  return json.at(key).get<double>();
}

Limit limit_of(const std::string& figure, const Json& value) {
  figure_of(figure, figure != "error");  // throws if there is none
  static const std::regex form(
      "(>=|<=|>|<) *(?:([0-9][0-9.e-]*)(?: *\\* "
      "*([A-Za-z][A-Za-z0-9._-]*))?|([A-Za-z][A-Za-z0-9._-]*))"
      "(?: ([+-]) ([0-9][0-9.e-]*))?");
  std::smatch parts;
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  require(std::regex_match(text, parts, form), "\"", figure,
          "\": expected a limit such as \">= 98.5\" or \"<= 0.2 * mnist-lstm\", got \"", text,
          "\"");
  const std::optional<double> offset = parse_number<double>(parts[6].str());
  require(offset || !parts[6].matched, "expected a number, got ", parts[6].str());
  Limit limit{figure, parts[1], parse_number<double>(parts[2].str()),
              parts[3].str() + parts[4].str(), offset.value_or(0)};
  if (parts[5] == "-") limit.offset = -limit.offset;
  require(limit.factor || !parts[2].matched, "expected a number, got ", parts[2].str());
  return limit;
}

Published published_of(const Json& json, const std::string& where) {
  check_keys(json, {"text", "source", "accuracy", "macs"}, where);
  const Published published{text_at(json, "text", where), text_at(json, "source", where),
                            number_at(json, "accuracy", where), number_at(json, "macs", where)};
  require(published.accuracy || !published.macs, where,
          ": expected an \"accuracy\" beside \"macs\"");
  return published;
}

Claim claim_of(const Json& json, const std::string& file) {
  Claim claim;
  claim.text = text_at(json, "claim", file);
  const std::string where = file + ": \"" + claim.text + "\"";
  check_keys(json, {"claim", "runs", "lstm", "wanted", "published"}, where);
  claim.runs = text_at(json, "runs", where);
  if (json.contains("lstm")) claim.lstm = text_at(json, "lstm", where);
  const Json wanted = json.value("wanted", Json::object());
  with_place(where, [&] {
    for (const auto& [figure, value] : wanted.items()) {
      claim.limits.push_back(limit_of(figure, value));
    }
  });
  if (json.contains("published")) claim.published = published_of(json["published"], where);
  return claim;
}

// ---- the table -------------------------------------------------------------------------------

/// Returns the bound of a limit; nothing if the runs that it refers to are not recorded. If
/// none of them reached a result, it took infinitely long; else those count that reached it.
std::optional<double> bound_of(const Limit& limit, const Figure& figure, RunGroups& groups) {
  if (limit.runs.empty()) return *limit.factor + limit.offset;
  const Runs& runs = groups[limit.runs];
  if (runs.empty()) return std::nullopt;
  const std::optional<Spread> spread = figure.spread(runs);
  const double value = spread ? spread->mean : std::numeric_limits<double>::infinity();
  return limit.factor.value_or(1) * value + limit.offset;
}

bool holds(double value, const std::string& comparison, double bound) {
  const double rounding = std::isfinite(bound) ? 1e-9 * std::abs(bound) : 0;  // of a mean
  if (comparison == ">=") return value >= bound - rounding;
  if (comparison == "<=") return value <= bound + rounding;
  return comparison == ">" ? value > bound : value < bound;
}

const char* words_of(const std::string& comparison) {
  if (comparison == ">=") return " at least ";
  if (comparison == "<=") return " at most ";
  return comparison == ">" ? " above " : " below ";
}

/// "updates at most 5 %", "training at most 0.2 times that of our LSTM".
std::string wanted_text(const Limit& limit, const Claim& claim, const Figure& figure) {
  std::string text = limit.figure + words_of(limit.comparison);
  if (limit.runs.empty()) return text + text_of(*limit.factor + limit.offset) + figure.unit;
  if (limit.factor) text += text_of(*limit.factor, " times ");
  text += "that of " + (limit.runs == claim.lstm ? "our LSTM" : limit.runs);
  if (limit.offset != 0) {
    text += text_of(limit.offset > 0 ? " plus " : " minus ", std::abs(limit.offset));
  }
  return text;
}

/// "reached", or which figures are missing or missed.
std::string verdict(const Claim& claim, const Runs& ours, RunGroups& groups) {
  std::string missed, absent;
  for (const Limit& limit : claim.limits) {
    const Figure figure = figure_of(limit.figure, ours.front().has_labels);
    const std::optional<double> bound = bound_of(limit, figure, groups);
    if (!bound) {
      absent += (absent.empty() ? "" : "; ") + limit.runs + " " + not_run;
      continue;
    }
    const std::optional<Spread> spread = figure.spread(ours);
    if (spread && spread->count == ours.size() && holds(spread->mean, limit.comparison, *bound)) {
      continue;
    }
    missed += (missed.empty() ? "" : "; ") + limit.figure;
    if (const std::size_t count = spread ? spread->count : 0; count < ours.size()) {
      missed += text_of(": reached by ", count, " of ", ours.size(), " runs");
    } else {
      missed += " " + figure.text(spread->mean) + " instead of" + words_of(limit.comparison) +
                figure.text(*bound);
    }
  }
  if (!missed.empty()) return "**missed**: " + missed + (absent.empty() ? "" : "; " + absent);
  if (!absent.empty()) return absent;
  return claim.limits.empty() ? "-" : "reached";
}

/// Whether a figure has no column of its own.
bool is_extra(const std::string& figure) {
  return figure != "accuracy" && figure != "error" && figure != "updates" && figure != "macs" &&
         figure != "training";
}

/// The figures with limits that have no column: "; epochs 2.0".
std::string extra_figures(const Claim& claim, const Runs& runs) {
  std::string text;
  for (const Limit& limit : claim.limits) {
    if (!is_extra(limit.figure)) continue;
    const Figure figure = figure_of(limit.figure, runs.front().has_labels);
    const std::optional<Spread> spread = figure.spread(runs);
    text += "; " + limit.figure + ": " + (spread ? figure.text(spread->mean) : "never") +
            (spread ? figure.unit : "");
  }
  return text;
}

/// "98.64 % (98.51 to 98.80)", or how few runs there are.
std::string result_text(const Runs& runs) {
  const Figure figure = test_result(runs.front().has_labels);
  const Spread spread = *figure.spread(runs);
  std::string text = figure.text(spread.mean) + figure.unit;
  if (runs.size() == 1) return text + " (1 run)";
  return text + " (" + figure.text(spread.least) + " to " + figure.text(spread.largest) + ")";
}

std::string plain_cell(const Claim& claim, RunGroups& groups) {
  if (claim.lstm.empty()) return "-";
  const Runs& plain = groups[claim.lstm];
  if (plain.empty()) return not_run;
  const Figure training = figure_of("training", plain.front().has_labels);
  return result_text(plain) + " in " + training.mean(plain) + " s" + extra_figures(claim, plain);
}

std::vector<std::string> claim_row(const Claim& claim, RunGroups& groups) {
  const Runs& ours = groups[claim.runs];
  std::string wanted;
  for (const Limit& limit : claim.limits) {
    const bool labels = ours.empty() ? limit.figure != "error" : ours.front().has_labels;
    wanted +=
        (wanted.empty() ? ": " : ", ") + wanted_text(limit, claim, figure_of(limit.figure, labels));
  }
  std::vector<std::string> row = {
      claim.text + wanted, not_run, plain_cell(claim, groups), "-", "-", "-", "-", not_run};
  if (claim.published) row[3] = "[" + claim.published->text + "](" + claim.published->source + ")";
  if (ours.empty()) return row;
  row[1] = result_text(ours) + extra_figures(claim, ours);
  const char* const columns[] = {"updates", "macs", "training"};
  for (std::size_t i = 0; i < 3; ++i) {
    row[4 + i] = figure_of(columns[i], ours.front().has_labels).mean(ours);
  }
  row[7] = verdict(claim, ours, groups);
  return row;
}

}  // namespace

Claims read_claims(const std::filesystem::path& file) {
  const Json json = read_json(file);
  const std::string where = file.string();
  check_keys(json, {"tasks", "claims"}, where);
  require(json.contains("claims") && json["claims"].is_array(), where,
          ": expected a list \"claims\"");
  Claims claims;
  const Json tasks = json.value("tasks", Json::object());
  for (const auto& [task, title] : tasks.items())
    claims.titles[task] = text_at(tasks, task.c_str(), where);
  for (const Json& entry : json["claims"]) claims.entries.push_back(claim_of(entry, where));
  return claims;
}

TableRows claims_table(const Claims& claims, RunGroups& groups) {
  TableRows rows = {{"claim", "ours", "our LSTM", "published", "updates, %", "M MACs",
                     "training, s", "reached?"}};
  for (const Claim& claim : claims.entries) {
    with_place("the claim \"" + claim.text + "\"",
               [&] { rows.push_back(claim_row(claim, groups)); });
  }
  return rows;
}

}  // namespace sequence_tasks
