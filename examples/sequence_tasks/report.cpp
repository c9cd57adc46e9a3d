#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <ostream>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include "fixed_text.hpp"
#include "glstm/core/error.hpp"
#include "glstm/io/atomic_file.hpp"
#include "recorded_run.hpp"

namespace sequence_tasks {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Runs = std::vector<RecordedRun>;

/// Okabe & Ito's colours, which colour-blind readers can tell apart.
const std::vector<std::string> colours = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                          "#E69F00", "#56B4E9", "#000000", "#8C6D31"};

struct Picture {
  std::string file, caption, script;
};

/// A string of gnuplot's commands; in double quotes it would run what is in backticks.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (char c : text) result += c == '\'' ? std::string("''") : std::string(1, c == '\n' ? ' ' : c);
  return result.append("'");
}

/// A string in gnuplot's data.
std::string quoted_field(std::string text) {
  for (char& c : text) c = c == '"' || c == '\n' ? ' ' : c;
  return glstm::detail::text_of('"', text, '"');
}

std::string html(const std::string& text) {
  std::string result;
  for (char c : text) {
    result += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
  }
  return result;
}

/// The groups of the runs, in order, each once.
std::vector<std::string> groups_of(const Runs& runs) {
  std::vector<std::string> groups;
  for (const RecordedRun& run : runs) {
    if (std::find(groups.begin(), groups.end(), run.group) == groups.end()) {
      groups.push_back(run.group);
    }
  }
  return groups;
}

std::string colour_of(const std::vector<std::string>& names, const std::string& name) {
  const auto place = std::find(names.begin(), names.end(), name) - names.begin();
  return colours[static_cast<std::size_t>(place) % colours.size()];
}

/// What a legend says of one line or kind of point: its title and how it is drawn.
using LegendEntry = std::pair<std::string, std::string>;

constexpr int legend_row = 22;  // pixels

int legend_rows(std::size_t entries, std::size_t columns) {
  return static_cast<int>((entries + columns - 1) / columns);
}

/// The start of a script for panels side by side above a legend of so many rows.
std::string panels_start(const std::string& title, int rows) {
  const int height = 400 + legend_row * rows;
  std::ostringstream out;
  out << "set terminal svg size 960," << height
      << " font 'sans-serif,14' background 'white' noenhanced\n"
         "set multiplot title "
      << quoted(title) << "\nset grid linecolor '#d0d0d0'\nset border 3\nset tics nomirror\n"
      << "set tmargin at screen " << 1 - 50.0 / height << "\nset bmargin at screen "
      << (70.0 + legend_row * rows) / height << "\nunset key\n";
  return out.str();
}

/// As many columns as names of that length leave room for.
std::size_t legend_columns(const std::vector<std::string>& names) {
  std::size_t longest = 1;
  for (const std::string& name : names) longest = std::max(longest, name.size());
  return std::clamp<std::size_t>(100 / (longest + 9), 1, 4);
}

/// The legend, below the panels and as wide as all of them.
std::string legend(const std::vector<LegendEntry>& entries, std::size_t columns) {
  const int rows = legend_rows(entries.size(), columns);
  std::ostringstream out;
  out << "unset border\nunset tics\nunset grid\nunset xlabel\nunset ylabel\nunset logscale\n"
      << "set xrange [0:1]\nset yrange [0:1] noreverse\nset lmargin at screen 0.02\n"
      << "set rmargin at screen 0.98\nset bmargin at screen 0.005\nset tmargin at screen "
      << static_cast<double>(legend_row * rows) / (400 + legend_row * rows)
      << "\nset key inside center center horizontal samplen 2 maxcols " << columns << "\nplot ";
  for (std::size_t i = 0; i < entries.size(); ++i) {
    out << (i == 0 ? "" : ", \\\n  ") << "NaN " << entries[i].second << " title "
        << quoted(entries[i].first);
  }
  out << "\n";
  return out.str();
}

/// The margins of panel `panel` of `panels`.
std::string panel_start(std::size_t panel, std::size_t panels) {
  const double width = 1.0 / static_cast<double>(panels), left = width * static_cast<double>(panel);
  std::ostringstream out;
  out << "set lmargin at screen " << left + 0.09 << "\nset rmargin at screen "
      << left + width - 0.02 << "\n";
  return out.str();
}

/// Ticks for a logarithmic axis over less than two decades, of which whole powers of ten would
/// label one or none. Empty for longer axes, which gnuplot labels well.
std::string log_ticks(char axis, double least, double most) {
  if (most >= 100 * least) return {};
  std::vector<int> mantissas = {1, 2, 5};
  if (most < 8 * least) mantissas = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::ostringstream out;
  out << "set " << axis << "tics (";
  const char* separator = "";
  const int first = static_cast<int>(std::floor(std::log10(least)));
  for (int exponent = first; exponent <= first + 2; ++exponent) {
    for (const int mantissa : mantissas) {
      const double tick = mantissa * std::pow(10.0, exponent);
      if (tick < least || tick > most) continue;
      out << separator << "'";
      if (tick < 0.01) {
        out << mantissa << "e" << exponent;
      } else {
        out << tick;
      }
      out << "' " << tick;
      separator = ", ";
    }
  }
  out << ")\n";
  return out.str();
}

/// The vertical axis of results. Accuracies are drawn by their distance from 100 %, on a
/// logarithmic axis that is labelled with the accuracy: 98 and 99 % are as far apart as 96 and 98
/// %.
/// `places` are those of the results.
std::string result_axis(bool labels, const std::string& sequences,
                        const std::vector<double>& places) {
  std::ostringstream out;
  double least = 1, most = 1;
  if (!places.empty()) {
    least = 0.8 * *std::min_element(places.begin(), places.end());
    most = 1.1 * *std::max_element(places.begin(), places.end());
  }
  if (most <= least) most = 2 * least;
  // The best is at the top, be it the most or the least.
  out << "set logscale y\nset yrange [" << (labels ? most : least) << ":" << (labels ? least : most)
      << "]\nset ylabel ";
  if (labels) {
    std::vector<double> ticks = {10, 50, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9};
    if (most < 10 * least)
      ticks = {10, 30, 50, 60, 70, 80, 90, 94, 96, 97, 98, 98.5, 99, 99.4, 99.7};
    out << quoted("accuracy on " + sequences + ", %") << "\nset ytics (";
    const char* separator = "";
    for (const double tick : ticks) {
      out << separator << "'" << tick << "' " << 100 - tick;
      separator = ", ";
    }
    out << ")\n";
  } else {
    out << quoted("squared error on " + sequences) << "\nset format y '%.0e'\n"
        << log_ticks('y', least, most);
  }
  return out.str();
}

/// Where a result is on that axis: `accuracy` is a share.
double result_place(bool labels, double accuracy, double loss) {
  return labels ? std::max(0.01, 100 - 100 * accuracy) : loss;
}

/// How the line of a group is drawn: by colour, and when those are used up by dashes.
std::string line_style(const std::vector<std::string>& groups, const std::string& group) {
  const auto place =
      static_cast<std::size_t>(std::find(groups.begin(), groups.end(), group) - groups.begin());
  return glstm::detail::text_of(" linewidth 1.5 linecolor rgb '", colours[place % colours.size()],
                                "' dashtype ", place / colours.size() + 1, " ");
}

// ---- pictures --------------------------------------------------------------------------------

/// Loss or accuracy against epochs and against seconds.
Picture curves(const Runs& runs) {
  const bool labels = runs.front().has_labels;
  const std::vector<std::string> groups = groups_of(runs);
  std::ostringstream out;
  out << panels_start("Learning", legend_rows(groups.size(), legend_columns(groups)));
  std::vector<double> places;
  double least = std::numeric_limits<double>::infinity(), most = 0;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const Table& log = runs[r].log;
    out << "$run" << r << " << END\n";
    for (std::size_t row = 0; row < log.rows(); ++row) {
      const double place = result_place(labels, log.number("validation_accuracy", row),
                                        log.number("validation_loss", row));
      if (std::isfinite(place)) places.push_back(place);
      out << log.text("epoch", row) << ' ' << log.text("seconds", row) << ' ' << place << '\n';
    }
    out << "END\n";
    if (log.rows() == 0) continue;
    const double seconds = log.number("seconds", log.rows() - 1);
    least = std::min(least, seconds);
    most = std::max(most, seconds);
  }
  out << result_axis(labels, "held-out sequences", places);
  for (int panel = 0; panel < 2; ++panel) {
    out << panel_start(static_cast<std::size_t>(panel), 2) << "set xlabel "
        << (panel == 0 ? "'epoch'" : "'seconds of training'") << "\n";
    if (panel == 1 && most > 5 * least) out << "set logscale x\n";
    out << "plot ";
    for (std::size_t r = 0; r < runs.size(); ++r) {
      out << (r == 0 ? "" : ", \\\n  ") << "$run" << r << " using " << panel + 1
          << ":3 with linespoints pointtype 7 pointsize 0.3" << line_style(groups, runs[r].group);
    }
    out << "\n";
  }
  std::vector<LegendEntry> entries;
  for (const std::string& group : groups) {
    entries.emplace_back(group, "with lines" + line_style(groups, group));
  }
  out << legend(entries, legend_columns(groups));
  return {"learning", "Learning, on sequences held out from training. One line per run.",
          out.str()};
}

/// The rows of the windows' table for a moment, neurons in the order of their first opening.
struct Raster {
  struct Bar {
    std::size_t rank;
    double open, close, mu;
  };
  std::vector<Bar> bars;
  std::vector<double> widths;
  std::vector<std::size_t> layer_ends;
};

Raster raster_of(const Table& windows, const std::string& when) {
  struct Neuron {
    double place;
    std::vector<std::size_t> rows;
  };
  std::map<int, std::map<int, Neuron>> layers;
  Raster raster;
  for (std::size_t row = 0; row < windows.rows(); ++row) {
    if (windows.text("when", row) != when) continue;
    const int layer = static_cast<int>(windows.number("layer", row));
    const int j = static_cast<int>(windows.number("neuron", row));
    const double mu = windows.number("mu", row), open = windows.number("open", row);
    const auto [neuron, added] = layers[layer].try_emplace(
        j, Neuron{std::isnan(mu) ? (std::isnan(open) ? 1e300 : open) : mu, {}});
    neuron->second.rows.push_back(row);
    const double sigma = windows.number("sigma", row);
    if (added && std::isnormal(sigma)) raster.widths.push_back(std::abs(sigma));
  }
  std::size_t rank = 0;
  for (const auto& [layer, neurons] : layers) {
    std::vector<const Neuron*> order;
    for (const auto& [j, neuron] : neurons) order.push_back(&neuron);
    std::stable_sort(order.begin(), order.end(),
                     [](const Neuron* a, const Neuron* b) { return a->place < b->place; });
    for (const Neuron* neuron : order) {
      for (std::size_t row : neuron->rows) {
        raster.bars.push_back({rank, windows.number("open", row), windows.number("close", row),
                               windows.number("mu", row)});
      }
      ++rank;
    }
    raster.layer_ends.push_back(rank);
  }
  return raster;
}

void append_windows_pictures(const RecordedRun& run, std::vector<Picture>& pictures) {
  const Raster rasters[2] = {raster_of(run.windows, "before"), raster_of(run.windows, "after")};
  if (rasters[0].bars.empty()) return;
  double first = std::numeric_limits<double>::infinity(), last = -first, widest = 0;
  for (const Raster& raster : rasters) {
    for (const auto& bar : raster.bars) {
      if (std::isnan(bar.open)) continue;
      first = std::min(first, bar.open);
      last = std::max(last, bar.close);
    }
    for (double width : raster.widths) widest = std::max(widest, width);
  }
  const std::string title = "Open windows of " + run.group;
  std::ostringstream out;
  out << "set terminal svg size 960,640 font 'sans-serif,14' background 'white' noenhanced\n"
      << "set multiplot layout 1,2 title " << quoted(title)
      << "\nset xlabel 'time'\nset ylabel 'neuron, sorted by centre'\nset xrange [" << first << ":"
      << last << "]\nset yrange [-1:" << rasters[0].layer_ends.back() << "]\nunset key\n"
      << "set tics nomirror\nset border 3\n";
  for (int moment = 0; moment < 2; ++moment) {
    const Raster& raster = rasters[moment];
    const char* when = moment == 0 ? "before training" : "after training";
    out << "set title '" << when << (raster.bars.empty() ? " (not finished)" : "")
        << "'\n$bars << END\n";
    for (const auto& bar : raster.bars) {
      if (!std::isnan(bar.open)) {
        out << bar.open << ' ' << bar.rank << ' ' << bar.close - bar.open << '\n';
      }
    }
    out << "END\n$centres << END\n";
    for (const auto& bar : raster.bars) {
      if (!std::isnan(bar.mu)) out << bar.mu << ' ' << bar.rank << '\n';
    }
    out << "END\nunset arrow\n";
    for (std::size_t l = 0; l + 1 < raster.layer_ends.size(); ++l) {
      const double y = static_cast<double>(raster.layer_ends[l]) - 0.5;
      out << "set arrow from graph 0,first " << y << " to graph 1,first " << y
          << " nohead linewidth 2 linecolor '#D55E00'\n";
    }
    out << "plot $bars using 1:2:3:(0) with vectors nohead linewidth 3 linecolor rgb '#0072B2'";
    if (!raster.widths.empty()) {
      out << ", $centres using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb 'black'";
    }
    out << "\n";
  }
  pictures.push_back({"windows-" + run.group,
                      title + ": a bar is the time in which a neuron updates, a dot the centre of "
                              "its gate; a line parts two layers.",
                      out.str()});
  if (rasters[0].widths.empty()) return;

  // Widths may differ a thousandfold: the bins are equally wide on a logarithmic axis.
  constexpr int bins = 30;
  double narrowest = widest;
  for (const Raster& raster : rasters) {
    for (double width : raster.widths) narrowest = std::min(narrowest, width);
  }
  narrowest /= 1.1;
  const double bin = std::log(1.1 * widest / narrowest) / bins;
  const auto edge = [&](int b) { return narrowest * std::exp(bin * b); };
  out.str("");
  out << panels_start("Widths of " + run.group, 1) << panel_start(0, 1)
      << "set xlabel 'width sigma'\nset ylabel 'neurons'\nset yrange [0:*]\nset logscale x\n"
      << "set xrange [" << edge(0) << ":" << edge(bins)
      << "]\nset style fill transparent solid 0.4\n"
      << log_ticks('x', edge(0), edge(bins));
  for (int moment = 0; moment < 2; ++moment) {
    std::vector<int> counts(bins);
    for (double width : rasters[moment].widths) {
      const double place = std::log(width / narrowest) / bin;
      ++counts[static_cast<std::size_t>(std::clamp(place, 0.0, bins - 1.0))];
    }
    out << "$counts" << moment << " << END\n";
    for (int b = 0; b < bins; ++b) {
      const int count = counts[static_cast<std::size_t>(b)];
      if (count > 0) out << edge(b) << ' ' << edge(b + 1) << ' ' << count << '\n';
    }
    out << "END\n";
  }
  const std::string before = "with boxxyerror linecolor rgb '#E69F00'",
                    after = "with boxxyerror linecolor rgb '#0072B2'";
  const std::string columns = " using 1:(0):1:2:(0):3 ";
  out << "plot $counts0" << columns << before << ", $counts1" << columns << after << "\n"
      << legend({{"before training", before}, {"after training", after}}, 2);
  pictures.push_back({"widths-" + run.group,
                      "Widths of the gates of " + run.group + " before and after training.",
                      out.str()});
}

/// One bar per run and layer.
Picture updates_per_layer(const Runs& runs) {
  std::ostringstream out, data;
  std::size_t bars = 0, longest = 0;
  double most = 0;
  for (const RecordedRun& run : runs) {
    if (!run.metrics) continue;
    const Json& layers = run.metrics->at("layers");
    for (std::size_t l = 0; l < layers.size(); ++l, ++bars) {
      std::string name = run.name;
      if (layers.size() > 1) name.append(glstm::detail::text_of(", layer ", l + 1));
      longest = std::max(longest, name.size());
      const double percent = 100 * layers[l].at("update_share").get<double>();
      most = std::max(most, percent);
      data << bars << ' ' << percent << ' ' << (l % 2 == 0 ? 0x0072B2 : 0x56B4E9) << ' '
           << quoted_field(name) << '\n';
    }
  }
  if (bars == 0) return {};
  out << "set terminal svg size 960," << 110 + 24 * bars
      << " font 'sans-serif,14' background 'white' noenhanced\n"
      << "set title 'Neuron updates of each layer'\nset xlabel 'updates, % of all'\n"
      << "set xrange [0:" << 1.12 * most << "]\nset yrange [" << bars
      << " - 0.5:-0.5]\nunset key\nset border 3\n"
      << "set tics nomirror\nset grid x linecolor '#d0d0d0'\nset lmargin " << longest + 3
      << "\nset style fill solid 0.9\n$data << END\n"
      << data.str() << "END\n"
      << "plot $data using (0):1:(0):2:($1-0.35):($1+0.35):3:ytic(4) with boxxyerror linecolor rgb "
         "variable, '' using 2:1:(sprintf('  %.2f', $2)) with labels left\n";
  return {"updates", "The share of neuron updates that each layer computes, on the test set.",
          out.str()};
}

/// What kind of network a run trained: the model, and its layers where they are not all the same.
std::string kind_of(const RecordedRun& run, bool with_layers) {
  const std::string& model = run.settings.model;
  std::string kind = model == "glstm"    ? "g-LSTM"
                     : model == "lstm"   ? "LSTM"
                     : model == "phased" ? "Phased LSTM"
                                         : "random windows";
  for (std::size_t l = 0; with_layers && l < run.settings.hidden.size(); ++l) {
    kind += glstm::detail::text_of(l == 0 ? ", " : " + ", run.settings.hidden[l]);
  }
  if (run.settings.shift > 0) kind += ", shifted images";
  return kind;
}

/// The result against what it cost, one point per finished run.
Picture pareto(const Runs& runs) {
  Runs finished;
  for (const RecordedRun& run : runs) {
    if (run.metrics) finished.push_back(run);
  }
  if (finished.size() < 2) return {};
  const bool labels = !finished.front().metrics->at("test").at("accuracy").is_null();
  const bool reference = finished.front().settings.task == "mnist";
  std::vector<double> places;
  if (reference) places = {2.4, 2.7};  // Skip GRU's and Skip LSTM's
  const bool with_layers =
      std::any_of(finished.begin(), finished.end(), [&](const RecordedRun& run) {
        return run.settings.hidden != finished.front().settings.hidden;
      });
  std::vector<std::string> kinds;
  for (const RecordedRun& run : finished) {
    const std::string kind = kind_of(run, with_layers);
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.push_back(kind);
  }
  const std::size_t entries_in_all = kinds.size() + (reference ? 2 : 0);
  std::ostringstream out;
  out << panels_start("What a result costs", legend_rows(entries_in_all, 2));
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    out << "$kind" << k << " << END\n";
    for (const RecordedRun& run : finished) {
      if (kind_of(run, with_layers) != kinds[k]) continue;
      const Json& m = *run.metrics;
      const double result = result_place(labels, run.result(), run.result());
      places.push_back(result);
      out << 100 * m.at("update_share").get<double>() << ' '
          << m.at("macs_per_sequence").get<double>() / 1e6 << ' '
          << m.at("inference_ms_per_sequence").get<double>() << ' ' << result << '\n';
    }
    out << "END\n";
  }
  out << "$skip << END\n48.34 18.6 2.7\n50.13 14.4 2.4\nEND\n"
      << "set logscale x\nset format x '%g'\n"
      << result_axis(labels, "the test set", places);
  const char* axes[3] = {"neuron updates, % of all", "million MACs per sequence",
                         "inference, ms per sequence"};
  std::vector<LegendEntry> entries;
  for (const std::string& kind : kinds) {
    entries.emplace_back(
        kind, glstm::detail::text_of("with points pointtype 7 pointsize 0.6 linecolor rgb '",
                                     colour_of(kinds, kind), "'"));
  }
  const std::string triangle = "with points pointsize 1 linecolor rgb 'black' pointtype ";
  for (std::size_t panel = 0; panel < 3; ++panel) {
    out << panel_start(panel, 3) << "set xlabel '" << axes[panel] << "'\nplot ";
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      out << (k == 0 ? "" : ", \\\n  ") << "$kind" << k << " using " << panel + 1 << ":4 "
          << entries[k].second;
    }
    if (reference && panel < 2) {
      out << ", \\\n  $skip using " << panel + 1 << ":3 every ::0::0 " << triangle << "9"
          << ", \\\n  $skip using " << panel + 1 << ":3 every ::1::1 " << triangle << "8";
    }
    out << "\nset ylabel ''\n";
  }
  if (reference) {
    entries.emplace_back("Skip LSTM (Campos et al. 2018)", triangle + "9");
    entries.emplace_back("Skip GRU (likewise)", triangle + "8");
  }
  out << legend(entries, 2);
  return {"pareto", "What a result costs: one point per run, on the test set.", out.str()};
}

Picture gradient_norms(const Runs& runs) {
  Runs with;
  for (const RecordedRun& run : runs) {
    if (run.gradients.rows() > 0) with.push_back(run);
  }
  if (with.empty()) return {};
  const std::vector<std::string> groups = groups_of(with);
  std::ostringstream out;
  out << panels_start("How far back the gradient reaches", legend_rows(2 * with.size(), 2));
  for (std::size_t r = 0; r < with.size(); ++r) {
    for (const char* when : {"before", "after"}) {
      out << "$" << when << r << " << END\n";
      const Table& gradients = with[r].gradients;
      for (std::size_t row = 0; row < gradients.rows(); ++row) {
        if (gradients.text("when", row) != when || gradients.number("norm", row) <= 0) continue;
        out << gradients.text("step", row) << ' ' << gradients.text("norm", row) << '\n';
      }
      out << "END\n";
    }
  }
  out << panel_start(0, 1) << "set logscale y\nset format y '%.0e'\nset xlabel 'step'\n"
      << "set ylabel 'norm of the gradient'\nplot ";
  std::vector<LegendEntry> entries;
  for (std::size_t r = 0; r < with.size(); ++r) {
    const std::string style =
        "with lines linewidth 2 linecolor rgb '" + colour_of(groups, with[r].group) + "'";
    entries.emplace_back(with[r].name + ", before training", style + " dashtype 2");
    entries.emplace_back(with[r].name + ", after training", style);
    out << (r == 0 ? "" : ", \\\n  ") << "$before" << r << " using 1:2 " << style
        << " dashtype 2, \\\n  $after" << r << " using 1:2 " << style;
  }
  out << "\n" << legend(entries, 2);
  return {"gradients",
          "The norm of the gradient of the loss with respect to the state, at each step back in "
          "time.",
          out.str()};
}

// ---- page ------------------------------------------------------------------------------------

bool differ_by_seed_alone(const RecordedRun& a, const RecordedRun& b) {
  const auto without_seed = [](const RecordedRun& run) {
    Json json = to_json(run.settings);
    for (const char* key : {"seed", "max_steps", "epochs", "seconds", "reports", "threads"})
      json.erase(key);
    return json;
  };
  return without_seed(a) == without_seed(b);
}

/// A name as a part of a file's name.
std::string file_name(std::string name) {
  for (char& c : name) c = c == '/' ? '-' : c;
  return name;
}

/// The SVG files of gnuplot scripts; empty where gnuplot is missing or fails.
std::vector<std::string> draw(const std::vector<Picture>& pictures) {
  std::random_device random;
  const fs::path folder =
      fs::temp_directory_path() / ("sequence-tasks-" + std::to_string(random()));
  fs::create_directories(folder);
  std::vector<std::string> drawn;
  const fs::path here = fs::current_path();
  fs::current_path(folder);  // no path of the user's in a shell command
  for (const Picture& picture : pictures) {
    std::ofstream("picture.gnuplot") << "set output 'picture.svg'\n"
                                     << picture.script << "unset multiplot\n";
    const bool done =
        std::system("command -v gnuplot > /dev/null && gnuplot picture.gnuplot > /dev/null 2>&1") ==
        0;
    std::ostringstream svg;
    if (done) svg << std::ifstream("picture.svg").rdbuf();
    drawn.push_back(svg.str());
  }
  fs::current_path(here);
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return drawn;
}

/// One figure of finished runs: its name, and how to get it; not a number where there is none.
struct Figure {
  std::string name;
  int digits;
  std::function<double(const RecordedRun&)> value;
};

/// The columns of the tables, for runs of one task.
std::vector<Figure> figures(bool labels, std::optional<double> reach) {
  const auto metric = [](const char* key, double scale) {
    return [=](const RecordedRun& run) { return scale * run.metrics->at(key).get<double>(); };
  };
  std::vector<Figure> all = {
      {labels ? "test accuracy, %" : "test squared error", labels ? 2 : 5,
       [labels](const RecordedRun& run) { return (labels ? 100 : 1) * run.result(); }},
      {"neuron updates, %", 2, metric("update_share", 100)},
      {"million MACs per sequence", 3, metric("macs_per_sequence", 1e-6)},
      {"inference, ms per sequence", 4, metric("inference_ms_per_sequence", 1)},
      {"training at the end, ms per sequence", 4, metric("training_ms_per_sequence", 1)},
      {"training, s", 1, metric("training_seconds", 1)},
      {"epochs", 1, metric("epochs", 1)}};
  if (!reach) return all;
  const auto when_reached = [=](auto value) {  // value(run, row of the log)
    return [=](const RecordedRun& run) {
      for (std::size_t row = 0; row < run.log.rows(); ++row) {
        // A curriculum's network is a plain LSTM at its end only.
        const auto& widen = run.settings.widen;
        if (!widen.empty() && run.log.number("epoch", row) < widen[1]) continue;
        const bool there = labels ? 100 * run.log.number("validation_accuracy", row) >= *reach
                                  : run.log.number("validation_loss", row) <= *reach;
        if (there) return value(run, row);
      }
      return std::numeric_limits<double>::quiet_NaN();
    };
  };
  const std::string reaching = glstm::detail::text_of(" of reaching ", *reach);
  all.push_back({"epoch" + reaching, 1, when_reached([](const RecordedRun& run, std::size_t row) {
                   return run.log.number("epoch", row);
                 })});
  all.push_back({"forward MACs, 10^12," + reaching, 2,
                 when_reached([](const RecordedRun& run, std::size_t row) {
                   const double dense = run.metrics->at("dense_macs_per_sequence").get<double>() *
                                        static_cast<double>(*run.settings.batch);
                   double macs = 0, steps = 0;
                   for (std::size_t i = 0; i <= row; ++i) {
                     const double until = run.log.number("step", i);
                     macs += (until - steps) * dense * run.log.number("mac_share", i);
                     steps = until;
                   }
                   return 1e-12 * macs;
                 })});
  all.push_back({"seconds" + reaching, 1, when_reached([](const RecordedRun& run, std::size_t row) {
                   return run.log.number("seconds", row);
                 })});
  return all;
}

std::string table(const Runs& runs, const std::vector<Figure>& columns) {
  std::ostringstream out;
  out << "<table><tr><th>run<th>model<th>seed";
  for (const Figure& column : columns) out << "<th>" << html(column.name);
  out << "</tr>\n";
  for (const RecordedRun& run : runs) {
    out << "<tr><td>" << html(run.name) << "<td>" << run.settings.model << "<td>"
        << run.settings.seed;
    for (const Figure& column : columns) {
      const double value = run.metrics ? column.value(run) : std::nan("");
      out << "<td>" << (std::isnan(value) ? "-" : fixed(value, column.digits));
    }
    out << "</tr>\n";
  }
  out << "</table>\n";
  return out.str();
}

/// A field of a CSV file.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string result = "\"";
  for (char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result.append("\"");
}

/// CSV rows: for every group of finished runs the mean, least and largest of each figure, over the
/// runs that have it.
std::string summary(const std::string& task, const Runs& runs, const std::vector<Figure>& columns) {
  std::ostringstream out;
  for (const std::string& group : groups_of(runs)) {
    for (const Figure& column : columns) {
      double sum = 0, least = std::numeric_limits<double>::infinity(), largest = -least;
      int count = 0;
      for (const RecordedRun& run : runs) {
        const double value = run.metrics && run.group == group ? column.value(run) : std::nan("");
        if (std::isnan(value)) continue;
        sum += value;
        least = std::min(least, value);
        largest = std::max(largest, value);
        ++count;
      }
      if (count == 0) continue;
      out << csv_field(task) << ',' << csv_field(group) << ',' << csv_field(column.name) << ','
          << count << ',' << fixed(sum / count, column.digits + 1) << ','
          << fixed(least, column.digits) << ',' << fixed(largest, column.digits) << '\n';
    }
  }
  return out.str();
}

constexpr const char* style = R"(<style>
body { font-family: sans-serif; max-width: 980px; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; font-size: 90%; }
th, td { border-bottom: 1px solid #ccc; padding: 0.25em 0.7em; text-align: right; vertical-align: bottom; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
figure { margin: 2em 0; } figcaption { margin-top: 0.5em; } svg { max-width: 100%; height: auto; }
</style>
)";

/// gnuplot names its parts alike in every picture; on one page the names must differ.
std::string with_names(std::string svg, const std::string& prefix) {
  const std::size_t begin = svg.find("<svg");
  svg = begin == std::string::npos ? svg : svg.substr(begin);
  for (const std::string name : {"id='", "id=\"", "href='#", "href=\"#", "url(#"}) {
    for (std::size_t at = 0; (at = svg.find(name, at)) != std::string::npos;) {
      at += name.size();
      svg.insert(at, prefix);
    }
  }
  return svg;
}

}  // namespace

void write_report(const std::vector<fs::path>& folders, const fs::path& out,
                  std::optional<double> reach, std::ostream& log) {
  std::map<std::string, Runs> tasks;
  std::set<fs::path> seen;
  for (const fs::path& folder : folders) {
    RecordedRun run = read_run(folder);
    glstm::detail::require(seen.insert(fs::canonical(folder)).second, folder.string(),
                           ": expected every run once, got it again");
    Runs& others = tasks[run.task];
    const bool mixed = std::any_of(others.begin(), others.end(), [&](const RecordedRun& other) {
      return other.group == run.group && !differ_by_seed_alone(other, run);
    });
    if (mixed) run.name = run.group = folder.lexically_normal().string();
    others.push_back(std::move(run));
  }
  std::ostringstream page;
  page << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Runs</title>\n"
       << style << "</head><body>\n<h1>Runs of sequence_tasks</h1>\n";
  std::vector<std::pair<fs::path, std::string>> files;
  std::string summaries = "task,runs,figure,count,mean,least,largest\n";
  bool missing = false;
  for (const auto& [task, runs] : tasks) {
    std::vector<Picture> pictures = {curves(runs), pareto(runs)};
    std::vector<std::string> drawn_groups;
    for (const RecordedRun& run : runs) {
      if (std::find(drawn_groups.begin(), drawn_groups.end(), run.group) != drawn_groups.end()) {
        continue;
      }
      drawn_groups.push_back(run.group);
      append_windows_pictures(run, pictures);
    }
    pictures.push_back(updates_per_layer(runs));
    pictures.push_back(gradient_norms(runs));
    std::erase_if(pictures, [](const Picture& picture) { return picture.script.empty(); });

    const std::vector<Figure> columns = figures(runs.front().has_labels, reach);
    page << "<h2>" << html(task) << "</h2>\n" << table(runs, columns);
    summaries += summary(task, runs, columns);
    const std::vector<std::string> drawn = draw(pictures);
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      missing |= drawn[i].empty();
      if (drawn[i].empty()) continue;
      const std::string name = file_name(task + "-" + pictures[i].file);
      files.emplace_back(out / (name + ".svg"), drawn[i]);
      page << "<figure>" << with_names(drawn[i], std::to_string(files.size()) + "-")
           << "<figcaption>" << html(pictures[i].caption) << "</figcaption></figure>\n";
    }
  }
  page << "</body></html>\n";

  std::error_code error;
  fs::create_directories(out, error);
  glstm::detail::require(!error, out.string(), ": cannot be made: ", error.message());
  for (const auto& [path, svg] : files) glstm::write_file_atomically(path, svg);
  glstm::write_file_atomically(out / "summary.csv", summaries);
  glstm::write_file_atomically(out / "index.html", page.str());
  if (missing) log << "Some pictures are missing: gnuplot is not installed, or failed.\n";
  log << "Report: " << (out / "index.html").string() << ", " << files.size() << " pictures\n";
}

}  // namespace sequence_tasks
