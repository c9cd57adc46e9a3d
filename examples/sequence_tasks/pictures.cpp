#include "pictures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "glstm/core/error.hpp"
#include "glstm/core/text.hpp"

namespace sequence_tasks {
namespace {

/// The axis for results of runs of one task on a part of their data, "held_out" or "test".
ResultAxis axis_of(const Runs& runs, const char* part) {
  const Json& facts = runs.front().facts;
  return {runs.front().has_labels, facts.value(part, 0.0), facts.value("outputs", 1.0)};
}

// ---- learning curves -------------------------------------------------------------------------

/// The curves of all runs as gnuplot's data: epoch, seconds, place of the result.
struct Curves {
  std::string data, kept;  ///< of the kept epochs too
  std::vector<double> places;
  double least_seconds = std::numeric_limits<double>::infinity(), most_seconds = 0;
};

Curves curves_of(const Runs& runs, const ResultAxis& axis) {
  Curves curves;
  std::ostringstream out, kept;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const Table& log = runs[r].log;
    out << "$run" << r << " << END\n";
    const double best =
        runs[r].metrics ? runs[r].metrics->at("best_epoch").get<double>() : std::nan("");
    for (std::size_t row = 0; row < log.rows(); ++row) {
      const double place =
          axis.place(log.number("validation_accuracy", row), log.number("validation_loss", row));
      if (std::abs(log.number("epoch", row) - best) <= 1e-4 * best) {
        kept << log.text("epoch", row) << ' ' << log.text("seconds", row) << ' ' << place << '\n';
      }
      if (std::isfinite(place)) curves.places.push_back(place);
      out << log.text("epoch", row) << ' ' << log.text("seconds", row) << ' ' << place << '\n';
    }
    out << "END\n";
    if (log.rows() == 0) continue;
    const double seconds = log.number("seconds", log.rows() - 1);
    curves.least_seconds = std::min(curves.least_seconds, seconds);
    curves.most_seconds = std::max(curves.most_seconds, seconds);
  }
  curves.kept = kept.str();
  curves.data = out.str() + "$kept << END\n" + curves.kept + "END\n";
  return curves;
}

/// Plots all runs against a column of their data.
std::string plot_curves(const Runs& runs, const std::vector<std::string>& groups, int column,
                        bool with_kept) {
  std::ostringstream out;
  out << "plot ";
  for (std::size_t r = 0; r < runs.size(); ++r) {
    out << plot_separator(r) << "$run" << r << " using " << column
        << ":3 with linespoints pointtype 7 pointsize 0.3" << line_style(groups, runs[r].group);
  }
  if (with_kept) {
    out << ", \\\n  $kept using " << column
        << ":3 with points pointtype 6 pointsize 1.2 linewidth 2 linecolor rgb 'black'";
  }
  out << "\n";
  return out.str();
}

// ---- costs -----------------------------------------------------------------------------------

/// Returns the kind of network that a run trained: the model, and its layers where those differ
/// between runs.
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

/// Returns the kind of each run.
std::vector<std::string> kinds_of(const Runs& runs) {
  const bool with_layers = std::any_of(runs.begin(), runs.end(), [&](const RecordedRun& run) {
    return run.settings.hidden != runs.front().settings.hidden;
  });
  std::vector<std::string> kinds;
  for (const RecordedRun& run : runs) kinds.push_back(kind_of(run, with_layers));
  return kinds;
}

/// Writes a finished run as gnuplot's data: updates, MACs, milliseconds, place of the result, the
/// ends of its error bar, the updates as text. Returns the place.
double write_costs(const RecordedRun& run, const ResultAxis& axis, std::ostream& out) {
  const Json& metrics = *run.metrics;
  const double result = run.result(), place = axis.place(result, result);
  const double sequences = metrics.at("test").value("sequences", 0.0);
  // The standard error of a share of `sequences`; exact axes are for many.
  const double error =
      axis.is_linear() && sequences > 0 ? std::sqrt(result * (1 - result) / sequences) : 0;
  const double share = 100 * metrics.at("update_share").get<double>();
  out << share << ' ' << metrics.at("macs_per_sequence").get<double>() / 1e6 << ' '
      << metrics.at("inference_ms_per_sequence").get<double>() << ' ' << place << ' '
      << axis.place(result - error, result) << ' ' << axis.place(result + error, result) << ' '
      << quoted_field(glstm::detail::fixed_text(share, share < 9.95 ? 1 : 0) + " %") << '\n';
  return place;
}

/// Published results on sequential MNIST with an axis for updates and one for MACs: Skip LSTM and
/// Skip GRU (Campos et al. 2018). Columns: updates, MACs, place of the accuracy.
constexpr const char* skip_data = "$skip << END\n48.34 18.6 2.7\n50.13 14.4 2.4\nEND\n";
const std::vector<double> skip_places = {2.4, 2.7};
const std::string skip_style = "with points pointsize 1 linecolor rgb 'black' pointtype ";

std::string plot_skip(std::size_t column) {
  return glstm::detail::text_of(", \\\n  $skip using ", column, ":3 every ::0::0 ", skip_style, "9",
                                ", \\\n  $skip using ", column, ":3 every ::1::1 ", skip_style,
                                "8");
}

/// The three panels, with the published results in those that have them.
std::string plot_costs(const std::vector<LegendEntry>& kinds, bool with_skip, bool with_errors,
                       bool with_shares) {
  const char* axes[3] = {"neuron updates, % of all", "million MACs per sequence",
                         "inference, ms per sequence"};
  std::ostringstream out;
  for (std::size_t panel = 0; panel < 3; ++panel) {
    out << panel_start(panel, 3) << "set xlabel '" << axes[panel] << "'\nplot ";
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      out << plot_separator(k) << "$kind" << k << " using " << panel + 1 << ":4 "
          << kinds[k].second;
      if (with_errors) {
        out << ", '' using " << panel + 1 << ":5:(0):($6-$5) with vectors nohead linewidth 1.5 "
            << kinds[k].second.substr(kinds[k].second.find("linecolor"));
      }
      if (with_shares && panel > 0) {  // the first panel has them on its axis
        // Left of the point, where the axis ends with the dearest of them.
        out << ", '' using " << panel + 1 << ":4:7 with labels right offset -0.7,0.4 font ',11'";
      }
    }
    if (with_skip && panel < 2) out << plot_skip(panel + 1);
    out << "\nset ylabel ''\n";
  }
  return out.str();
}

// ---- updates ---------------------------------------------------------------------------------

/// The bars of all layers as gnuplot's data: number, percent, colour, name.
struct Bars {
  std::string data;
  std::size_t count = 0, longest_name = 0;
  double most = 0;  // percent
};

Bars bars_of(const Runs& runs) {
  Bars bars;
  std::ostringstream out;
  for (const RecordedRun& run : runs) {
    if (!run.metrics) continue;
    const Json& layers = run.metrics->at("layers");
    for (std::size_t l = 0; l < layers.size(); ++l, ++bars.count) {
      std::string name = run.name;
      if (layers.size() > 1) name.append(glstm::detail::text_of(", layer ", l + 1));
      const double percent = 100 * layers[l].at("update_share").get<double>();
      bars.longest_name = std::max(bars.longest_name, name.size());
      bars.most = std::max(bars.most, percent);
      out << bars.count << ' ' << percent << ' ' << (l % 2 == 0 ? 0x0072B2 : 0x56B4E9) << ' '
          << quoted_field(name) << '\n';
    }
  }
  bars.data = out.str();
  return bars;
}

// ---- gradients -------------------------------------------------------------------------------

/// Writes the norms of moment `when`; a logarithmic axis has no place for zeros.
void write_norms(const Table& gradients, const std::string& when, std::ostream& out) {
  for (std::size_t row = 0; row < gradients.rows(); ++row) {
    if (gradients.text("when", row) != when || gradients.number("norm", row) <= 0) continue;
    out << gradients.text("step", row) << ' ' << gradients.text("norm", row) << '\n';
  }
}

}  // namespace

Picture learning_curves(const Runs& runs) {
  const std::vector<std::string> groups = groups_of(runs);
  const ResultAxis axis = axis_of(runs, "held_out");
  const Curves curves = curves_of(runs, axis);
  const bool with_kept = !curves.kept.empty();
  const std::string kept = "the epoch that was kept";
  std::vector<std::string> names = groups;
  if (with_kept) names.push_back(kept);
  const std::size_t columns = legend_columns(names);
  std::ostringstream out;
  out << panels_start("Learning", legend_rows(names.size(), columns)) << curves.data
      << axis.setup("held-out sequences", curves.places) << panel_start(0, 2)
      << "set xlabel 'epoch'\n"
      << plot_curves(runs, groups, 1, with_kept) << panel_start(1, 2)
      << "set xlabel 'seconds of training'\n";
  if (curves.most_seconds > 5 * curves.least_seconds) out << "set logscale x\n";
  out << plot_curves(runs, groups, 2, with_kept);
  std::vector<LegendEntry> entries;
  for (const std::string& group : groups) {
    entries.emplace_back(group, "with lines" + line_style(groups, group));
  }
  if (with_kept) {
    entries.emplace_back(kept,
                         "with points pointtype 6 pointsize 1.2 linewidth 2 linecolor rgb 'black'");
  }
  out << legend(entries, columns);
  return {"learning",
          "Learning, on sequences held out from training. One line per run; a circle marks the "
          "epoch whose network was kept.",
          out.str()};
}

Picture costs(const Runs& runs) {
  Runs finished = runs;
  std::erase_if(finished, [](const RecordedRun& run) { return !run.metrics; });
  if (finished.size() < 2) return {};
  const ResultAxis axis = axis_of(finished, "test");
  const bool with_shares = finished.size() <= 12;
  const bool with_skip = finished.front().settings.task == "mnist";
  const std::vector<std::string> kind_of_run = kinds_of(finished), kinds = each_once(kind_of_run);

  std::vector<double> places;
  if (with_skip) places = skip_places;
  std::ostringstream out;
  out << panels_start("What a result costs", legend_rows(kinds.size() + (with_skip ? 2 : 0), 2));
  std::vector<LegendEntry> entries;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    out << "$kind" << k << " << END\n";
    for (std::size_t r = 0; r < finished.size(); ++r) {
      if (kind_of_run[r] == kinds[k]) places.push_back(write_costs(finished[r], axis, out));
    }
    out << "END\n";
    entries.emplace_back(kinds[k], "with points pointtype 7 pointsize 0.6 linecolor rgb '" +
                                       colour_of(kinds, kinds[k]) + "'");
  }
  out << skip_data << "set logscale x\nset format x '%g'\n"
      << axis.setup("the test set", places)
      << plot_costs(entries, with_skip, axis.is_linear(), with_shares);
  if (with_skip) {
    entries.emplace_back("Skip LSTM (Campos et al. 2018)", skip_style + "9");
    entries.emplace_back("Skip GRU (Campos et al. 2018)", skip_style + "8");
  }
  out << legend(entries, 2);
  std::string caption = "What a result costs: one point per run, on the test set.";
  if (with_shares) caption += " Numbers at points are their updates.";
  if (axis.is_linear()) caption += " Bars are standard errors, from the number of test sequences.";
  return {"pareto", caption, out.str()};
}

Picture updates_per_layer(const Runs& runs) {
  const Bars bars = bars_of(runs);
  if (bars.count == 0) return {};
  std::ostringstream out;
  out << "set terminal svg size 960," << 150 + 24 * bars.count
      << " font 'sans-serif,14' background 'white' noenhanced\n"
      << "set title 'Neuron updates of each layer'\nset xlabel 'updates, % of all'\n"
      << "set xrange [0:" << 1.12 * bars.most << "]\nset yrange [" << bars.count
      << " - 0.5:-0.5]\nunset key\nset border 3\n"
      << "set tics nomirror\nset grid x linecolor '#d0d0d0'\nset lmargin " << bars.longest_name + 3
      << "\nset style fill solid 0.9\n$data << END\n"
      << bars.data << "END\n"
      << "plot $data using (0):1:(0):2:($1-0.35):($1+0.35):3:ytic(4) with boxxyerror linecolor rgb "
         "variable, '' using 2:1:(sprintf('  %.2f', $2)) with labels left\n";
  return {"updates", "The fraction of neuron updates that each layer computes on the test set.",
          out.str()};
}

Picture gradient_norms(const Runs& all) {
  Runs runs = all;
  std::erase_if(runs, [](const RecordedRun& run) { return run.gradients.rows() == 0; });
  if (runs.empty()) return {};
  const std::vector<std::string> groups = groups_of(runs);
  std::ostringstream out;
  out << panels_start("How far back the gradient reaches", legend_rows(2 * runs.size(), 2));
  for (std::size_t r = 0; r < runs.size(); ++r) {
    for (const char* when : {"before", "after"}) {
      out << "$" << when << r << " << END\n";
      write_norms(runs[r].gradients, when, out);
      out << "END\n";
    }
  }
  out << panel_start(0, 1) << "set logscale y\nset format y '%.0e'\nset xlabel 'step'\n"
      << "set ylabel 'norm of the gradient'\nplot ";
  std::vector<LegendEntry> entries;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const std::string style =
        "with lines linewidth 2 linecolor rgb '" + colour_of(groups, runs[r].group) + "'";
    entries.emplace_back(runs[r].name + ", before training", style + " dashtype 2");
    entries.emplace_back(runs[r].name + ", after training", style);
    out << plot_separator(r) << "$before" << r << " using 1:2 " << style
        << " dashtype 2, \\\n  $after" << r << " using 1:2 " << style;
  }
  out << "\n" << legend(entries, 2);
  return {"gradients",
          "The norm of the gradient of the loss with respect to the state, at each step back in "
          "time.",
          out.str()};
}

}  // namespace sequence_tasks
