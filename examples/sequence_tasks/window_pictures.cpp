#include "window_pictures.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>

namespace sequence_tasks {
namespace {

/// The windows of a network at one moment. Neurons are ranked, layer by layer, by the order in
/// which they open first.
struct Raster {
  struct Bar {
    std::size_t rank;
    double open, close, mu;
  };
  std::vector<Bar> bars;
  std::vector<double> widths;
  std::vector<std::size_t> layer_ends;
};

using Rasters = std::array<Raster, 2>;  // before and after training

/// A neuron's rows in the table of windows, and the time by which it is sorted.
struct Neuron {
  double place;
  std::vector<std::size_t> rows;
};

using Layer = std::map<int, Neuron>;

double sort_key(double mu, double open) {
  if (!std::isnan(mu)) return mu;
  return std::isnan(open) ? 1e300 : open;
}

/// Appends the neurons of a layer to a raster, which `rank` counts.
void append_layer(const Layer& neurons, const Table& windows, std::size_t& rank, Raster& raster) {
  std::vector<const Neuron*> order;
  for (const auto& [j, neuron] : neurons) order.push_back(&neuron);
  std::stable_sort(order.begin(), order.end(),
                   [](const Neuron* a, const Neuron* b) { return a->place < b->place; });
  for (const Neuron* neuron : order) {
    for (const std::size_t row : neuron->rows) {
      raster.bars.push_back({rank, windows.number("open", row), windows.number("close", row),
                             windows.number("mu", row)});
    }
    ++rank;
  }
  raster.layer_ends.push_back(rank);
}

/// Reads the rows of the windows' table that were written at the moment `when`.
Raster raster_of(const Table& windows, const std::string& when) {
  std::map<int, Layer> layers;
  Raster raster;
  for (std::size_t row = 0; row < windows.rows(); ++row) {
    if (windows.text("when", row) != when) continue;
    const int layer = static_cast<int>(windows.number("layer", row));
    const int j = static_cast<int>(windows.number("neuron", row));
    const double key = sort_key(windows.number("mu", row), windows.number("open", row));
    const auto [neuron, added] = layers[layer].try_emplace(j, Neuron{key, {}});
    neuron->second.rows.push_back(row);
    const double sigma = windows.number("sigma", row);
    if (added && std::isnormal(sigma)) raster.widths.push_back(std::abs(sigma));
  }
  std::size_t rank = 0;
  for (const auto& [layer, neurons] : layers) append_layer(neurons, windows, rank, raster);
  return raster;
}

/// Writes the panel of one moment: bars for windows, dots for centres, lines between layers.
void write_panel(const Raster& raster, const char* title, std::ostream& out) {
  out << "set title '" << title << (raster.bars.empty() ? " (not finished)" : "")
      << "'\n$bars << END\n";
  for (const auto& bar : raster.bars) {
    if (std::isnan(bar.open)) continue;
    out << bar.open << ' ' << bar.rank << ' ' << bar.close - bar.open << '\n';
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

Picture open_windows(const RecordedRun& run, const Rasters& rasters) {
  double first = std::numeric_limits<double>::infinity(), last = -first;
  for (const Raster& raster : rasters) {
    for (const auto& bar : raster.bars) {
      if (std::isnan(bar.open)) continue;
      first = std::min(first, bar.open);
      last = std::max(last, bar.close);
    }
  }
  const std::string title = "Open windows of " + run.group;
  std::ostringstream out;
  out << "set terminal svg size 960,640 font 'sans-serif,14' background 'white' noenhanced\n"
      << "set multiplot layout 1,2 title " << quoted(title)
      << "\nset xlabel 'time'\nset ylabel 'neuron, sorted by centre'\nset xrange [" << first << ":"
      << last << "]\nset yrange [-1:" << rasters[0].layer_ends.back() << "]\nunset key\n"
      << "set tics nomirror\nset border 3\n"
      << few_ticks('x', first, last);
  write_panel(rasters[0], "before training", out);
  write_panel(rasters[1], "after training", out);
  return {"windows-" + run.group,
          title +
              ". A bar is the time in which a neuron updates, a dot the centre of its gate. "
              "Lines separate the layers.",
          out.str()};
}

/// Bins for widths. Widths may differ a thousandfold, so the bins are equally wide on a logarithmic
/// axis.
class WidthBins {
 public:
  static constexpr int count = 30;

  WidthBins(double narrowest, double widest)
      : low_(narrowest / 1.1), step_(std::log(1.1 * widest / low_) / count) {}

  double edge(int bin) const { return low_ * std::exp(step_ * bin); }

  /// Writes, for each bin with widths in it, its edges and how many there are.
  void write_counts(const std::vector<double>& widths, std::ostream& out) const {
    std::vector<int> counts(count);
    for (const double width : widths) {
      const double place = std::log(width / low_) / step_;
      ++counts[static_cast<std::size_t>(std::clamp(place, 0.0, count - 1.0))];
    }
    for (int bin = 0; bin < count; ++bin) {
      const int widths_in_bin = counts[static_cast<std::size_t>(bin)];
      if (widths_in_bin == 0) continue;
      out << edge(bin) << ' ' << edge(bin + 1) << ' ' << widths_in_bin << '\n';
    }
  }

 private:
  double low_, step_;
};

Picture gate_widths(const RecordedRun& run, const Rasters& rasters) {
  std::vector<double> all;
  for (const Raster& raster : rasters) {
    all.insert(all.end(), raster.widths.begin(), raster.widths.end());
  }
  const auto [narrowest, widest] = std::minmax_element(all.begin(), all.end());
  const WidthBins bins(*narrowest, *widest);
  const double low = bins.edge(0), high = bins.edge(WidthBins::count);
  std::ostringstream out;
  out << panels_start("Widths of " + run.group, 1) << panel_start(0, 1)
      << "set xlabel 'width sigma'\nset ylabel 'neurons'\nset yrange [0:*]\nset logscale x\n"
      << "set xrange [" << low << ":" << high << "]\nset style fill transparent solid 0.4\n"
      << log_ticks('x', low, high);
  for (std::size_t moment = 0; moment < 2; ++moment) {
    out << "$counts" << moment << " << END\n";
    bins.write_counts(rasters[moment].widths, out);
    out << "END\n";
  }
  const std::string before = "with boxxyerror linecolor rgb '#E69F00'",
                    after = "with boxxyerror linecolor rgb '#0072B2'";
  const std::string columns = " using 1:(0):1:2:(0):3 ";
  out << "plot $counts0" << columns << before << ", $counts1" << columns << after << "\n"
      << legend({{"before training", before}, {"after training", after}}, 2);
  return {"widths-" + run.group,
          "Widths of the gates of " + run.group + " before and after training.", out.str()};
}

}  // namespace

void append_window_pictures(const RecordedRun& run, std::vector<Picture>& pictures) {
  const Rasters rasters = {raster_of(run.windows, "before"), raster_of(run.windows, "after")};
  if (rasters[0].bars.empty()) return;
  pictures.push_back(open_windows(run, rasters));
  if (!rasters[0].widths.empty()) pictures.push_back(gate_widths(run, rasters));
}

}  // namespace sequence_tasks
