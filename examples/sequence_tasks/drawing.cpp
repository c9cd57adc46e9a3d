#include "drawing.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <system_error>

#include "glstm/core/error.hpp"

namespace sequence_tasks {
namespace {

namespace fs = std::filesystem;

/// The colours of Okabe and Ito, which colour-blind readers can tell apart.
const std::vector<std::string> colours = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                          "#E69F00", "#56B4E9", "#000000", "#8C6D31"};

constexpr int legend_row = 22;  // pixels

std::size_t place_of(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

/// Writes 0.002 as "2e-3", and ticks from 0.01 on as plain numbers.
std::string tick_label(int mantissa, int exponent, double tick) {
  if (tick < 0.01) return glstm::detail::text_of(mantissa, "e", exponent);
  return glstm::detail::text_of(tick);
}

/// Sets ticks that are labelled with accuracies at their distances from 100 %.
std::string accuracy_ticks(double least, double most) {
  std::vector<double> ticks = {10, 50, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9};
  if (most < 10 * least) {
    ticks = {10, 30, 50, 60, 70, 80, 90, 94, 96, 97, 98, 98.5, 99, 99.4, 99.7};
  }
  std::ostringstream out;
  out << "set ytics (";
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    out << (i == 0 ? "" : ", ") << "'" << ticks[i] << "' " << 100 - ticks[i];
  }
  out << ")\n";
  return out.str();
}

/// Runs gnuplot on one script in the current folder.
std::string draw_here(const std::string& script) {
  std::ofstream("picture.gnuplot") << "set output 'picture.svg'\n" << script << "unset multiplot\n";
  const int status =
      std::system("command -v gnuplot > /dev/null && gnuplot picture.gnuplot > /dev/null 2>&1");
  std::ostringstream svg;
  if (status == 0) svg << std::ifstream("picture.svg").rdbuf();
  return svg.str();
}

}  // namespace

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (char c : text) result += c == '\'' ? std::string("''") : std::string(1, c == '\n' ? ' ' : c);
  return result.append("'");
}

std::string quoted_field(std::string text) {
  for (char& c : text) c = c == '"' || c == '\n' ? ' ' : c;
  return glstm::detail::text_of('"', text, '"');
}

std::string colour_of(const std::vector<std::string>& names, const std::string& name) {
  return colours[place_of(names, name) % colours.size()];
}

std::string line_style(const std::vector<std::string>& groups, const std::string& group) {
  return glstm::detail::text_of(" linewidth 1.5 linecolor rgb '", colour_of(groups, group),
                                "' dashtype ", place_of(groups, group) / colours.size() + 1, " ");
}

const char* plot_separator(std::size_t i) { return i == 0 ? "" : ", \\\n  "; }

int legend_rows(std::size_t entries, std::size_t columns) {
  return static_cast<int>((entries + columns - 1) / columns);
}

std::size_t legend_columns(const std::vector<std::string>& names) {
  std::size_t longest = 1;
  for (const std::string& name : names) longest = std::max(longest, name.size());
  return std::clamp<std::size_t>(100 / (longest + 9), 1, 4);
}

std::string panels_start(const std::string& title, int rows, int panels_height) {
  const int height = panels_height + legend_row * rows;
  std::ostringstream out;
  out << "set terminal svg size 960," << height
      << " font 'sans-serif,14' background 'white' noenhanced\n"
         "set multiplot title "
      << quoted(title) << "\nset grid linecolor '#d0d0d0'\nset border 3\nset tics nomirror\n"
      << "set tmargin at screen " << 1 - 50.0 / height << "\nset bmargin at screen "
      << (70.0 + legend_row * rows) / height << "\nunset key\n";
  return out.str();
}

std::string panel_rows(std::size_t row, std::size_t rows, int legend_rows, int panels_height) {
  constexpr double title = 40, above = 25, below = 66;  // pixels
  const double height = panels_height + legend_row * legend_rows;
  const double each = (panels_height - title) / static_cast<double>(rows);
  const double top = height - title - each * static_cast<double>(row);
  std::ostringstream out;
  out << "set tmargin at screen " << (top - above) / height << "\nset bmargin at screen "
      << (top - each + below) / height << "\n";
  return out.str();
}

std::string panel_start(std::size_t panel, std::size_t panels) {
  const double width = 1.0 / static_cast<double>(panels), left = width * static_cast<double>(panel);
  std::ostringstream out;
  out << "set lmargin at screen " << left + 0.09 << "\nset rmargin at screen "
      << left + width - 0.02 << "\n";
  return out.str();
}

std::string legend(const std::vector<LegendEntry>& entries, std::size_t columns,
                   int panels_height) {
  const int rows = legend_rows(entries.size(), columns);
  std::ostringstream out;
  out << "unset arrow\nunset label\nunset border\nunset tics\nunset grid\nunset xlabel\nunset "
         "ylabel\nunset logscale\n"
      << "set xrange [0:1]\nset yrange [0:1] noreverse\nset lmargin at screen 0.02\n"
      << "set rmargin at screen 0.98\nset bmargin at screen 0.005\nset tmargin at screen "
      << static_cast<double>(legend_row * rows) / (panels_height + legend_row * rows)
      << "\nset key inside center center horizontal samplen 2 maxcols " << columns << "\nplot ";
  for (std::size_t i = 0; i < entries.size(); ++i) {
    out << plot_separator(i) << "NaN " << entries[i].second << " title "
        << quoted(entries[i].first);
  }
  out << "\n";
  return out.str();
}

std::string few_ticks(char axis, double least, double most) {
  const double quarter = (most - least) / 4;
  if (!(quarter > 0) || !std::isfinite(quarter)) return {};
  const double unit = std::pow(10.0, std::floor(std::log10(quarter)));
  double step = 10 * unit;
  for (const int mantissa : {5, 2, 1}) {
    if (mantissa * unit >= quarter) step = mantissa * unit;
  }
  std::ostringstream out;
  out << "set " << axis << "tics " << step << "\nset format " << axis << " '%.10g'\n";
  return out.str();
}

std::string log_ticks(char axis, double least, double most) {
  if (most >= 1e4 * least) return {};  // powers of ten are enough
  std::vector<int> mantissas = {1, 2, 5};
  if (most >= 100 * least) mantissas = {1};
  if (most < 8 * least) mantissas = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::ostringstream out;
  out << "set " << axis << "tics (";
  const char* separator = "";
  const int first = static_cast<int>(std::floor(std::log10(least)));
  for (int exponent = first; exponent <= first + 5; ++exponent) {
    for (const int mantissa : mantissas) {
      const double tick = mantissa * std::pow(10.0, exponent);
      if (tick < least || tick > most) continue;
      out << separator << "'" << tick_label(mantissa, exponent, tick) << "' " << tick;
      separator = ", ";
    }
  }
  out << ")\n";
  return out.str();
}

std::string ResultAxis::setup(const std::string& sequences,
                              const std::vector<double>& places) const {
  double least = 1, most = 1;
  if (!places.empty()) {
    least = *std::min_element(places.begin(), places.end());
    most = *std::max_element(places.begin(), places.end());
  }
  std::ostringstream out;
  if (linear_) {
    const double bottom = std::max(0.0, std::min(least, chance_) - 8);
    out << "unset logscale y\nset yrange [" << bottom << ":108]\nset ytics "
        << (bottom < 50 ? 10 : 5) << "\nset ylabel " << quoted("accuracy on " + sequences + ", %")
        << "\nset arrow from graph 0,first " << chance_ << " to graph 1,first " << chance_
        << " nohead dashtype 3 linecolor rgb '#808080'\nset label 'chance' at graph 0.98,first "
        << chance_ << " right offset 0,0.5 font ',11' textcolor rgb '#606060'\n";
    return out.str();
  }
  least *= 0.8;
  most *= 1.1;
  if (most <= least) most = 2 * least;
  out << "set logscale y\nset yrange [" << most << ":" << least << "]\nset ylabel ";
  if (labels_) {
    out << quoted("accuracy on " + sequences + ", %") << "\n" << accuracy_ticks(least, most);
  } else {
    out << quoted("squared error on " + sequences) << "\nset format y '%.0e'\n"
        << log_ticks('y', least, most);
  }
  return out.str();
}

double ResultAxis::place(double accuracy, double loss) const {
  if (linear_) return 100 * accuracy;
  return labels_ ? std::max(0.01, 100 - 100 * accuracy) : loss;
}

std::vector<std::string> draw(const std::vector<Picture>& pictures) {
  std::random_device random;
  const fs::path folder =
      fs::temp_directory_path() / ("sequence-tasks-" + std::to_string(random()));
  fs::create_directories(folder);
  std::vector<std::string> drawn;
  const fs::path here = fs::current_path();
  fs::current_path(folder);  // keeps the user's paths out of the shell command
  for (const Picture& picture : pictures) drawn.push_back(draw_here(picture.script));
  fs::current_path(here);
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return drawn;
}

}  // namespace sequence_tasks
