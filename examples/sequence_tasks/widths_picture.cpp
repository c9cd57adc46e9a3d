#include "widths_picture.hpp"

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "glstm/core/parse_number.hpp"
#include "glstm/core/text.hpp"

namespace sequence_tasks {
namespace {

namespace fs = std::filesystem;

/// The group of runs of each number of neurons, for each number of MACs.
using Budgets = std::map<double, std::map<int, std::string>>;

Budgets budgets_of(RunGroups& groups) {
  static const std::regex pattern("(macs-([0-9.]+)-([0-9]+))-s[0-9]+");
  Budgets budgets;
  for (const auto& entry : fs::directory_iterator(groups.folder())) {
    const std::string name = entry.path().filename().string();
    std::smatch match;
    if (!std::regex_match(name, match, pattern)) continue;
    const auto macs = glstm::detail::parse_number<double>(match[2].str());
    const auto neurons = glstm::detail::parse_number<int>(match[3].str());
    const Runs& runs = groups[match[1].str()];  // none if they are not finished
    if (!macs || !neurons || runs.empty() || !runs.front().has_labels) continue;
    budgets[*macs][*neurons] = match[1].str();
  }
  return budgets;
}

}  // namespace

Picture widths_picture(RunGroups& groups) {
  const Budgets budgets = budgets_of(groups);
  if (budgets.empty()) return {};
  const Json& facts = groups[budgets.begin()->second.begin()->second].front().facts;
  const ResultAxis axis(true, facts.value("test", 0.0), facts.value("outputs", 1.0));
  std::vector<std::string> names;
  for (const auto& [macs, widths] : budgets) {
    names.push_back(glstm::detail::text_of(macs, " million MACs"));
  }
  std::ostringstream data, plot;
  std::vector<double> places;
  std::vector<LegendEntry> entries;
  std::set<int> neurons;
  for (const auto& [macs, widths] : budgets) {
    const std::size_t number = entries.size();
    data << "$budget" << number << " << END\n";
    for (const auto& [width, group] : widths) {
      const Runs& runs = groups[group];
      places.push_back(axis.place(test_result(true).spread(runs)->mean / 100, 0));
      neurons.insert(width);
      data << width << ' ' << places.back() << ' '
           << quoted_field(figure_of("updates", true).mean(runs) + " %") << '\n';
    }
    data << "END\n";
    const std::string line =
        "with linespoints pointtype 7 pointsize 0.9" + line_style(names, names[number]);
    plot << plot_separator(number) << "$budget" << number << " using 1:2 " << line
         << ", '' using 1:2:3 with labels offset 0,0.8 font ',11'";
    entries.emplace_back(names[number], line);
  }
  std::ostringstream out;
  const int rows = legend_rows(entries.size(), 4);
  out << panels_start(
             "Accuracy at a fixed amount of computation (numbers at points: neuron updates)", rows)
      << data.str() << panel_start(0, 1) << panel_rows(0, 1, rows, one_row_of_panels)
      << "set logscale x\nset xtics (";
  const char* separator = "";
  for (const int width : neurons) {
    out << separator << width;
    separator = ", ";
  }
  out << ")\nset xrange [" << 0.8 * *neurons.begin() << ':' << 1.25 * *neurons.rbegin()
      << "]\nset xlabel 'neurons'\n"
      << axis.setup("the test set", places) << "plot " << plot.str() << "\n"
      << legend(entries, 4);
  return {"widths", "Accuracy over the number of neurons, a line for each number of MACs.",
          out.str()};
}

}  // namespace sequence_tasks
