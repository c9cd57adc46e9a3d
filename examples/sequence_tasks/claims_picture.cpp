#include "claims_picture.hpp"

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/text.hpp"

namespace sequence_tasks {
namespace {

/// The kinds of points, in the order of the legend, with gnuplot's styles.
const std::vector<LegendEntry> point_kinds = {
    {"g-LSTM", "with points pointtype 7 pointsize 0.9 linecolor rgb '#0072B2'"},
    {"our LSTM", "with points pointtype 7 pointsize 0.9 linecolor rgb '#D55E00'"},
    {"our Phased LSTM", "with points pointtype 7 pointsize 0.9 linecolor rgb '#009E73'"},
    {"published", "with points pointtype 8 pointsize 1.1 linewidth 2 linecolor rgb 'black'"},
    {"published, without a count of MACs",
     "with lines dashtype 3 linewidth 2 linecolor rgb 'black'"}};
constexpr std::size_t plain_kind = 1, phased_kind = 2, published_kind = 3, level_kind = 4;

std::size_t kind_of(const RecordedRun& run) {
  if (run.settings.model == "phased") return phased_kind;
  return run.settings.model == "lstm" ? plain_kind : 0;
}

struct Point {
  std::size_t kind;
  double macs, place;  ///< millions per sequence; a place on the axis of results
  std::string updates;
};

/// The points of one task.
struct Panel {
  std::string title;
  ResultAxis axis;
  std::vector<Point> points;
  std::set<std::string> groups;  ///< that have a point

  void add(const Runs& runs) {
    if (!groups.insert(runs.front().group).second) return;
    const double updates = figure_of("updates", true).spread(runs)->mean;
    const std::size_t kind = kind_of(runs.front());
    std::string text;
    if (kind != plain_kind)
      text = glstm::detail::fixed_text(updates, updates < 9.95 ? 1 : 0) + " %";
    const double accuracy = test_result(true).spread(runs)->mean / 100;
    points.push_back(
        {kind, figure_of("macs", true).spread(runs)->mean, axis.place(accuracy, 0), text});
  }

  void add(const Published& published) {
    if (!published.accuracy) return;
    const bool has_macs = published.macs.has_value();
    points.push_back({has_macs ? published_kind : level_kind, published.macs.value_or(0),
                      axis.place(*published.accuracy / 100, 0), ""});
  }
};

/// The panels of all tasks that have something to compare, in the order of the claims.
std::vector<Panel> panels_of(const Claims& claims, RunGroups& groups) {
  std::vector<Panel> panels;
  std::vector<std::string> tasks;
  for (const Claim& claim : claims.entries) {
    const Runs& ours = groups[claim.runs];
    if (ours.empty() || !ours.front().has_labels) continue;
    if (!ours.front().settings.widen.empty()) continue;  // its claim is the time of training
    const std::string& task = ours.front().task;
    const auto found = std::find(tasks.begin(), tasks.end(), task);
    const auto index = static_cast<std::size_t>(found - tasks.begin());
    if (found == tasks.end()) {
      tasks.push_back(task);
      const Json& facts = ours.front().facts;
      const auto title = claims.titles.find(task);
      panels.push_back({title == claims.titles.end() ? task : title->second,
                        {true, facts.value("test", 0.0), facts.value("outputs", 1.0)},
                        {},
                        {}});
    }
    panels[index].add(ours);
    std::vector<std::string> others = {claim.lstm};
    for (const Limit& limit : claim.limits) others.push_back(limit.runs);
    for (const std::string& other : others) {
      if (!other.empty() && !groups[other].empty() && groups[other].front().task == task) {
        panels[index].add(groups[other]);
      }
    }
    if (claim.published) panels[index].add(*claim.published);
  }
  std::erase_if(panels, [](const Panel& panel) { return panel.points.size() < 2; });
  return panels;
}

/// The points of a kind in a panel as gnuplot's data: MACs, place, updates.
std::string points_of(const Panel& panel, std::size_t kind) {
  std::ostringstream out;
  for (const Point& point : panel.points) {
    if (point.kind != kind) continue;
    out << point.macs << ' ' << point.place << ' ' << quoted_field(point.updates) << '\n';
  }
  return out.str();
}

/// The commands that draw one panel, and which kinds of points it has.
std::string panel_script(const Panel& panel, std::size_t number, std::set<std::size_t>& used) {
  std::ostringstream data, plot;
  std::vector<double> places;
  for (const Point& point : panel.points) places.push_back(point.place);
  std::size_t plotted = 0;
  for (std::size_t kind = 0; kind < point_kinds.size(); ++kind) {
    const std::string points = points_of(panel, kind);
    if (points.empty()) continue;
    used.insert(kind);
    const std::string name = glstm::detail::text_of("$points", number, "_", kind);
    data << name << " << END\n" << points << "END\n";
    plot << plot_separator(plotted++) << name;
    if (kind == level_kind) {  // from the left end of the axis to the right
      plot << " using (least):2:(most-least):(0) with vectors nohead dashtype 3 linewidth 2 "
              "linecolor rgb 'black'";
      continue;
    }
    plot << " using 1:2 " << point_kinds[kind].second
         << ", '' using 1:2:3 with labels center offset 0,"
         << "0.8 font ',11'";
  }
  return data.str() + panel.axis.setup("the test set", places) + "set title " +
         quoted(panel.title) + " offset 0,-0.5\nplot " + plot.str() +
         "\nunset arrow\nunset label\n";
}

}  // namespace

Picture claims_picture(const Claims& claims, RunGroups& groups) {
  const std::vector<Panel> panels = panels_of(claims, groups);
  if (panels.empty()) return {};
  double least = 1e300, most = 0;
  for (const Panel& panel : panels) {
    for (const Point& point : panel.points) {
      if (point.kind == level_kind) continue;
      least = std::min(least, point.macs / 2);
      most = std::max(most, 2 * point.macs);
    }
  }
  constexpr std::size_t across = 2;
  constexpr int row_height = 320;
  const std::size_t high = (panels.size() + across - 1) / across;
  const int height = row_height * static_cast<int>(high) + 60,
            rows_of_legend = legend_rows(point_kinds.size(), 2);
  std::ostringstream out;
  out << panels_start("Accuracy and computation (numbers at points: neuron updates)",
                      rows_of_legend, height)
      << "least = " << least << "\nmost = " << most
      << "\nset logscale x\nset format x '%g'\nset xrange [least:most]\n";
  std::set<std::size_t> used;
  for (std::size_t p = 0; p < panels.size(); ++p) {
    const std::size_t row = p / across;
    out << panel_start(p % across, across) << panel_rows(row, high, rows_of_legend, height)
        << "set xlabel " << quoted(row + 1 == high ? "million MACs per sequence" : "") << "\n"
        << panel_script(panels[p], p, used);
  }
  std::vector<LegendEntry> entries;
  for (const std::size_t kind : used) entries.push_back(point_kinds[kind]);
  out << "unset title\n" << legend(entries, 2, height);
  return {"claims", "Accuracy over computation, a point per group of runs.", out.str()};
}

}  // namespace sequence_tasks
