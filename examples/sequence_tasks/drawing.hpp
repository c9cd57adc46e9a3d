// Parts of gnuplot scripts that several pictures share, and the call of gnuplot.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sequence_tasks {

/// A picture of a report. A picture with an empty script has nothing to show.
struct Picture {
  std::string file, caption, script;
};

/// Returns `text` as a string in a gnuplot command. Single quotes, since gnuplot runs what stands
/// in backticks between double quotes.
std::string quoted(const std::string& text);

/// Returns `text` as a string in gnuplot's data.
std::string quoted_field(std::string text);

/// Returns the colour of `name`, one of `names`.
std::string colour_of(const std::vector<std::string>& names, const std::string& name);

/// Returns how the line of a group is drawn: by its colour, then, when all colours are in use, by
/// its dashes.
std::string line_style(const std::vector<std::string>& groups, const std::string& group);

/// Returns the separator before item `i` of a plot command.
const char* plot_separator(std::size_t i);

// ---- panels above a legend -------------------------------------------------------------------

/// An entry of a legend: its title and how gnuplot draws it.
using LegendEntry = std::pair<std::string, std::string>;

int legend_rows(std::size_t entries, std::size_t columns);

/// Returns the number of legend columns that leaves room for the longest of `names`.
std::size_t legend_columns(const std::vector<std::string>& names);

/// The pixels of one row of panels with its title.
inline constexpr int one_row_of_panels = 400;

/// Starts a script for panels above a legend of `rows` rows. `height` is that of the picture in
/// pixels, without the legend.
std::string panels_start(const std::string& title, int rows, int height = one_row_of_panels);

/// Sets the margins of row number `row` of `rows` rows of panels above a legend of `legend_rows`
/// rows.
std::string panel_rows(std::size_t row, std::size_t rows, int legend_rows, int height);

/// Sets the margins of panel number `panel` of `panels`.
std::string panel_start(std::size_t panel, std::size_t panels);

/// Draws the legend below the panels, as wide as all of them.
std::string legend(const std::vector<LegendEntry>& entries, std::size_t columns,
                   int height = one_row_of_panels);

// ---- axes ------------------------------------------------------------------------------------

/// Sets about four ticks on a linear axis, whose labels leave room for each other.
std::string few_ticks(char axis, double least, double most);

/// Sets ticks on a logarithmic axis that covers less than four decades. Returns an empty text for
/// longer axes, which gnuplot labels well.
std::string log_ticks(char axis, double least, double most);

/// The vertical axis of results, with the best at the top. Accuracies on 1,000 sequences or more
/// are drawn by their distance from 100 % on a logarithmic axis that is labelled with the accuracy:
/// 98 and 99 % are as far apart as 96 and 98 %. Those on fewer sequences, which no one can tell so
/// exactly, are drawn on a linear axis with the level of chance.
class ResultAxis {
 public:
  /// For accuracies on so many sequences of so many classes, or, without `labels`, for errors.
  ResultAxis(bool labels, double sequences, double classes)
      : labels_(labels), linear_(labels && sequences < 1000), chance_(100 / classes) {}

  bool is_linear() const { return linear_; }

  /// The position of a result. `accuracy` is a fraction.
  double place(double accuracy, double loss) const;

  /// Sets up the axis for results at `places`, which were measured on `sequences`, such as "the
  /// test set".
  std::string setup(const std::string& sequences, const std::vector<double>& places) const;

 private:
  bool labels_, linear_;
  double chance_;  // percent
};

// ---- gnuplot ---------------------------------------------------------------------------------

/// Runs gnuplot on each script and returns the SVG files. A file is empty where gnuplot is missing
/// or fails.
std::vector<std::string> draw(const std::vector<Picture>& pictures);

}  // namespace sequence_tasks
