#include "result_tables.hpp"

#include <optional>

#include "glstm/core/error.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/core/text.hpp"

namespace sequence_tasks {
namespace {

using glstm::detail::fixed_text;
using glstm::detail::require;
using glstm::detail::short_text;
using glstm::detail::TableRows;
using glstm::detail::text_of;
using Row = std::vector<std::string>;

/// Throws Error unless every row names `count` groups.
void check_names(const BlockMarker& marker, std::size_t count) {
  require(!marker.rows.empty(), "expected rows after a colon, got none");
  for (const BlockMarker::Row& row : marker.rows) {
    require(row.names.size() == count, "expected ", count, " names for \"", row.label, "\", got ",
            row.names.size());
  }
}

/// Whether the recorded runs of a table have an accuracy; nothing if none is recorded.
std::optional<bool> labels_of(const BlockMarker& marker, RunGroups& groups) {
  std::optional<bool> labels;
  for (const BlockMarker::Row& row : marker.rows) {
    const Runs& runs = groups[row.names.front()];
    if (runs.empty()) continue;
    require(!labels || *labels == runs.front().has_labels,
            "expected only runs with an accuracy or only runs with an error, got both");
    labels = runs.front().has_labels;
  }
  return labels;
}

/// A row of runs that are not recorded, `cells` in all.
Row not_run_row(const std::string& label, std::size_t cells) {
  Row row(cells, "-");
  row[0] = label;
  row[1] = not_run;
  return row;
}

std::string heading_or(const BlockMarker& marker, const char* heading) {
  return marker.heading.empty() ? heading : marker.heading;
}

/// Whole seconds, or a tenth below ten: "15 s", "8.1 s".
std::string seconds_text(const Runs& runs) {
  const double seconds = figure_of("training", true).spread(runs)->mean;
  return fixed_text(seconds, seconds < 9.95 ? 1 : 0) + " s";
}

std::string mean_text(const Figure& figure, const Runs& runs) {
  return figure.mean(runs) + figure.unit;
}

}  // namespace

TableRows runs_table(const BlockMarker& marker, RunGroups& groups) {
  check_names(marker, 1);
  const std::optional<bool> labels = labels_of(marker, groups);
  const std::string result = labels ? test_result(*labels).column.name : "test result";
  TableRows rows = {{heading_or(marker, "run"), "seeds", result, "updates, %", "M MACs",
                     "inference, ms", "epochs", "training, s"}};
  for (const BlockMarker::Row& row : marker.rows) {
    const Runs& runs = groups[row.names[0]];
    if (runs.empty()) {
      rows.push_back(not_run_row(row.label, rows[0].size()));
      continue;
    }
    rows.push_back({row.label, std::to_string(runs.size()), test_result(*labels).range(runs)});
    for (const char* name : {"updates", "macs", "inference", "epochs", "training"}) {
      rows.back().push_back(figure_of(name, *labels).mean(runs));
    }
  }
  return rows;
}

TableRows until_table(const BlockMarker& marker, RunGroups& groups) {
  check_names(marker, 1);
  require(marker.words.size() == 1 && glstm::detail::parse_number<double>(marker.words[0]),
          "expected one number after \"until\"");
  const std::string& reach = marker.words[0];
  const bool labels = labels_of(marker, groups).value_or(true);
  std::string heading =
      labels ? "until " + reach + " % held-out accuracy" : "until a held-out error of " + reach;
  if (!marker.heading.empty()) heading += ", " + marker.heading;
  TableRows rows = {{heading, "seeds", "epochs", "forward MACs, 10^12", "training, s"}};
  for (const BlockMarker::Row& row : marker.rows) {
    const Runs& runs = groups[row.names[0]];
    const auto reached = figure_of("epochs until " + reach, labels).spread(runs);
    if (runs.empty() || !reached) {
      rows.push_back(not_run_row(row.label, rows[0].size()));
      if (!runs.empty()) rows.back()[1] = text_of("0 of ", runs.size());
      continue;
    }
    std::string seeds = std::to_string(reached->count);
    if (reached->count < runs.size()) seeds += text_of(" of ", runs.size());
    rows.push_back({row.label, seeds});
    for (const char* name : {"epochs", "macs", "training"}) {
      rows.back().push_back(figure_of(name + (" until " + reach), labels).range(runs));
    }
  }
  return rows;
}

TableRows speed_table(const BlockMarker& marker, RunGroups& groups) {
  check_names(marker, 1);
  const Runs& reference = groups[marker.rows[0].names[0]];
  TableRows rows = {{heading_or(marker, "network"), "updates, %", "inference, ms", "times faster",
                     "training step, ms per sequence", "times faster"}};
  for (const BlockMarker::Row& row : marker.rows) {
    const Runs& runs = groups[row.names[0]];
    if (runs.empty()) {
      rows.push_back(not_run_row(row.label, rows[0].size()));
      continue;
    }
    rows.push_back({row.label, figure_of("updates", true).mean(runs)});
    for (const char* name : {"inference", "training step"}) {
      const Figure figure = figure_of(name, true);
      const double mean = figure.spread(runs)->mean;
      rows.back().push_back(figure.text(mean));
      rows.back().push_back(reference.empty() ? "-"
                                              : short_text(figure.spread(reference)->mean / mean));
    }
  }
  return rows;
}

TableRows pairs_table(const BlockMarker& marker, RunGroups& groups) {
  check_names(marker, 2);
  TableRows rows = {{heading_or(marker, "task"), "g-LSTM", "updates", "training", "LSTM"}};
  for (const BlockMarker::Row& row : marker.rows) {
    const Runs &gated = groups[row.names[0]], &plain = groups[row.names[1]];
    rows.push_back({row.label, not_run, "-", "-", not_run});
    if (!gated.empty()) {
      const bool labels = gated.front().has_labels;
      rows.back()[1] = mean_text(test_result(labels), gated);
      rows.back()[2] = mean_text(figure_of("updates", labels), gated);
      rows.back()[3] = seconds_text(gated);
    }
    if (!plain.empty()) {
      rows.back()[4] =
          mean_text(test_result(plain.front().has_labels), plain) + " in " + seconds_text(plain);
    }
  }
  return rows;
}

}  // namespace sequence_tasks
