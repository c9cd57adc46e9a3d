#include "answer_pictures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "glstm/core/error.hpp"

namespace sequence_tasks {

Picture confusion_matrix(const RecordedRun& run) {
  if (!run.metrics || !run.metrics->at("test").contains("confusion")) return {};
  const auto& counts = run.metrics->at("test").at("confusion");
  const auto& classes = run.metrics->at("test").at("by_class");
  const std::size_t size = counts.size();
  if (size > 30) return {};
  std::ostringstream data, ticks;
  std::size_t longest = 1;
  for (std::size_t c = 0; c < size; ++c) {
    const std::string name = classes[c].at("class").get<std::string>();
    longest = std::max(longest, name.size());
    ticks << (c == 0 ? "" : ", ") << quoted(name) << ' ' << c;
    const double all = std::max(1.0, classes[c].at("count").get<double>());
    for (std::size_t answer = 0; answer < size; ++answer) {
      const double count = counts[c][answer].get<double>();
      data << answer << ' ' << c << ' ' << 100 * count / all << ' ' << count << '\n';
    }
  }
  const std::size_t cell = std::clamp<std::size_t>(640 / size, 24, 80);
  const bool steep = longest * 9 > cell;  // names below the columns would touch each other
  const std::size_t left = 60 + 9 * longest, below = steep ? 60 + 8 * longest : 70;
  const std::string title = "Answers of " + run.name;
  std::ostringstream out;
  out << "set terminal svg size " << left + cell * size + 110 << ',' << below + cell * size + 60
      << " font 'sans-serif,14' background 'white' noenhanced\nset title " << quoted(title)
      << "\nset xlabel 'answer'\nset ylabel 'right class'\nset xrange [-0.5:" << size << "-0.5]\n"
      << "set yrange [" << size << "-0.5:-0.5]\nset xtics scale 0 "
      << (steep ? "rotate by -60 " : "") << "(" << ticks.str() << ")\nset ytics scale 0 ("
      << ticks.str() << ")\nset cbrange [0:100]\nset cblabel '% of the right class'\n"
      << "set palette defined (0 '#ffffff', 100 '#0072B2')\nunset key\n$cells << END\n"
      << data.str() << "END\n"
      << "plot $cells using 1:2:3 with image pixels, '' using 1:2:($4 > 0 ? sprintf('%d', $4) : '')"
         " with labels font ',"
      << (cell < 36 ? 10 : 13) << "'\n";
  return {"confusion-" + run.name,
          title + " to the test sequences: how often each class got each answer.", out.str()};
}

Picture answers_against_targets(const RecordedRun& run) {
  if (run.answers.rows() == 0) return {};
  const std::vector<std::string> targets = each_once(run.answers.columns.at("target"));
  std::ostringstream data;
  const std::size_t shown = std::min<std::size_t>(3, targets.size());
  std::vector<std::string> ticks;
  for (std::size_t t = 0; t < shown; ++t) {
    data << "$target" << t << " << END\n";
    double least = std::numeric_limits<double>::infinity(), most = -least;
    for (std::size_t row = 0; row < run.answers.rows(); ++row) {
      if (run.answers.text("target", row) != targets[t]) continue;
      for (const char* column : {"right", "answer"}) {
        least = std::min(least, run.answers.number(column, row));
        most = std::max(most, run.answers.number(column, row));
      }
      data << run.answers.text("right", row) << ' ' << run.answers.text("answer", row) << '\n';
    }
    data << "END\n";
    ticks.push_back(few_ticks('x', least, most) + few_ticks('y', least, most));
  }
  const std::string title = "Answers of " + run.name;
  std::ostringstream out;
  out << panels_start(title, 1) << data.str();
  for (std::size_t t = 0; t < shown; ++t) {
    out << panel_start(t, shown) << ticks[t] << "set xlabel " << quoted("right " + targets[t])
        << "\nset ylabel " << quoted(t == 0 ? "answer" : "") << "\nplot $target" << t
        << " using 1:2 with points pointtype 7 pointsize 0.3 linecolor rgb '#0072B2', x with lines "
           "linecolor rgb '#808080' dashtype 2\n";
  }
  out << legend(
      {{"a test sequence", "with points pointtype 7 pointsize 0.6 linecolor rgb '#0072B2'"},
       {"right", "with lines linecolor rgb '#808080' dashtype 2"}},
      2);
  std::string caption = title + " to the test sequences, against the right numbers.";
  if (shown < targets.size()) {
    caption += glstm::detail::text_of(" The first ", shown, " of ", targets.size(), " targets.");
  }
  return {"answers-" + run.name, caption, out.str()};
}

}  // namespace sequence_tasks
