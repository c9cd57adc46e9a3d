#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <map>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include "answer_pictures.hpp"
#include "answers.hpp"
#include "drawing.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/text.hpp"
#include "glstm/io/atomic_file.hpp"
#include "pictures.hpp"
#include "recorded_run.hpp"
#include "table_columns.hpp"
#include "window_pictures.hpp"

namespace sequence_tasks {
namespace {

namespace fs = std::filesystem;

// ---- runs ------------------------------------------------------------------------------------

/// Reads the runs by task. A run that differs from its group by more than its seeds becomes a group
/// of its own, named by its path.
std::map<std::string, Runs> read_runs(const std::vector<fs::path>& folders) {
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
  return tasks;
}

// ---- tables ----------------------------------------------------------------------------------

std::string html(const std::string& text) {
  std::string result;
  for (char c : text) {
    result += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
  }
  return result;
}

/// A row with the means of a group of several finished runs, and their range.
std::string mean_row(const Runs& runs, const std::string& group,
                     const std::vector<TableColumn>& columns) {
  std::ostringstream out;
  out << "<tr class=\"mean\"><td>" << html(group) << ": mean (least to greatest)<td><td><td>";
  std::size_t most = 0;
  for (const TableColumn& column : columns) {
    const std::optional<Spread> spread = spread_of(runs, group, column);
    out << "<td>";
    if (!spread) {
      out << "-";
      continue;
    }
    most = std::max(most, spread->count);
    const auto text = [&](double value) { return glstm::detail::fixed_text(value, column.digits); };
    out << text(spread->mean) << " (" << text(spread->least) << " to " << text(spread->largest)
        << ")";
  }
  out << "</tr>\n";
  return most < 2 ? "" : out.str();
}

std::string table(const Runs& runs, const std::vector<TableColumn>& columns) {
  std::ostringstream out;
  out << "<div class=\"wide\"><table><tr><th>run<th>model<th>seed<th>data seed";
  for (const TableColumn& column : columns) out << "<th>" << html(column.name);
  out << "</tr>\n";
  for (const RecordedRun& run : runs) {
    out << "<tr><td>" << html(run.name) << "<td>" << run.settings.model << "<td>"
        << run.settings.seed << "<td>" << run.settings.data_seed;
    for (const TableColumn& column : columns) {
      const double value = run.metrics ? column.value(run) : std::nan("");
      out << "<td>" << (std::isnan(value) ? "-" : glstm::detail::fixed_text(value, column.digits));
    }
    out << "</tr>\n";
  }
  for (const std::string& group : groups_of(runs)) out << mean_row(runs, group, columns);
  out << "</table></div>\n";
  return out.str();
}

/// What the runs of a task were trained and tested on, from the first of them.
std::string description(const RecordedRun& run) {
  const auto count = [&](const char* key) { return run.facts.value(key, 0.0); };
  std::string text = glstm::detail::text_of(
      count("training"), " training, ", count("held_out"), " held-out and ", count("test"),
      " test sequences of up to ", count("longest"), " steps, ", count("inputs"), " features, ",
      count("outputs"), run.has_labels ? " classes" : " numbers to predict");
  if (has_own_data(run.settings)) {
    text += "; data: " + fs::path(run.settings.data).filename().string();
    if (!run.settings.test_data.empty()) {
      text += ", tested on " + fs::path(run.settings.test_data).filename().string();
    }
  }
  if (run.metrics && run.metrics->contains("date")) {
    text += "; measured on " + run.metrics->at("date").get<std::string>() + " with glstm " +
            run.metrics->at("glstm").get<std::string>();
  }
  return "<p>" + html(text) + ".</p>\n";
}

/// The options that each group of runs was given.
std::string settings_text(const Runs& runs) {
  std::string text;
  for (const std::string& group : groups_of(runs)) {
    const auto first = std::find_if(runs.begin(), runs.end(),
                                    [&](const RecordedRun& run) { return run.group == group; });
    const Json given = to_json(first->given), defaults = to_json(Settings{});
    std::string options;
    for (const auto& [key, value] : given.items()) {
      if (value == defaults.at(key) || key == "max_steps" || key == "seed" || key == "data" ||
          key == "test_data") {
        continue;
      }
      std::string name = key;
      std::replace(name.begin(), name.end(), '_', '-');
      options += " --" + name + " " + (value.is_string() ? value.get<std::string>() : value.dump());
    }
    text += "<p>" + html(group) + ": <code>" + html(options) + "</code></p>\n";
  }
  return text;
}

/// Per-class scores of the first finished run of each group, where the data are the user's own.
std::string class_table(const Runs& runs) {
  std::ostringstream out;
  for (const std::string& group : groups_of(runs)) {
    const auto first = std::find_if(runs.begin(), runs.end(), [&](const RecordedRun& run) {
      return run.group == group && run.metrics && has_own_data(run.settings) &&
             run.metrics->at("test").contains("by_class");
    });
    if (first == runs.end()) continue;
    out << "<h3>Classes, " << html(first->name)
        << "</h3>\n<div class=\"wide\"><table><tr><th>class<th>test sequences<th>precision, %<th>"
           "recall, %<th>F1, %</tr>\n";
    for (const Json& one : first->metrics->at("test").at("by_class")) {
      out << "<tr><td>" << html(one.at("class").get<std::string>()) << "<td>"
          << one.at("count").get<double>();
      for (const char* key : {"precision", "recall", "f1"}) {
        const Json& value = one.at(key);
        out << "<td>"
            << (value.is_null() ? "-" : glstm::detail::fixed_text(100 * value.get<double>(), 1));
      }
      out << "</tr>\n";
    }
    out << "</table></div>\n";
  }
  return out.str();
}

/// Errors in the user's unit, of the first finished run of each group with numbers to predict.
std::string target_table(const Runs& runs) {
  std::ostringstream out;
  for (const std::string& group : groups_of(runs)) {
    const auto first = std::find_if(runs.begin(), runs.end(), [&](const RecordedRun& run) {
      return run.group == group && run.metrics && run.metrics->at("test").contains("by_target");
    });
    if (first == runs.end() || !has_own_data(first->settings)) continue;
    const Json& test = first->metrics->at("test");
    const auto cell = [](const Json& value) {
      return value.is_null() ? std::string("-")
                             : glstm::detail::text_of(std::setprecision(4), value.get<double>());
    };
    out << "<h3>Errors, " << html(first->name)
        << "</h3>\n<div class=\"wide\"><table><tr><th>target<th>root mean squared error<th>mean "
           "absolute error<th>R2</tr>\n";
    for (const Json& one : test.at("by_target")) {
      out << "<tr><td>" << html(one.at("target").get<std::string>()) << "<td>"
          << cell(one.at("rmse")) << "<td>" << cell(one.at("mae")) << "<td>" << cell(one.at("r2"))
          << "</tr>\n";
    }
    out << "<tr><td>all<td>" << cell(test.at("rmse")) << "<td>-<td>-</tr>\n";
    for (const Json& baseline : test.value("baselines", Json::array())) {
      out << "<tr><td>repeating the " << html(baseline.at("forecast").get<std::string>()) << "<td>"
          << cell(baseline.at("rmse")) << "<td>-<td>-</tr>\n";
    }
    out << "</table></div>\n";
  }
  return out.str();
}

/// Returns CSV rows with the mean, the least and the largest value of each group and column.
std::string summary(const std::string& task, const Runs& runs,
                    const std::vector<TableColumn>& columns) {
  std::ostringstream out;
  for (const std::string& group : groups_of(runs)) {
    for (const TableColumn& column : columns) {
      const std::optional<Spread> spread = spread_of(runs, group, column);
      if (!spread) continue;
      out << csv_field(task) << ',' << csv_field(group) << ',' << csv_field(column.name) << ','
          << spread->count << ',' << glstm::detail::fixed_text(spread->mean, column.digits + 1)
          << ',' << glstm::detail::fixed_text(spread->least, column.digits) << ','
          << glstm::detail::fixed_text(spread->largest, column.digits) << '\n';
    }
  }
  return out.str();
}

// ---- page ------------------------------------------------------------------------------------

constexpr const char* style = R"(<style>
body { font-family: sans-serif; max-width: 980px; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; font-size: 90%; }
.wide { overflow-x: auto; } .mean td { font-weight: bold; } code { font-size: 90%; }
th, td { border-bottom: 1px solid #ccc; padding: 0.25em 0.7em; text-align: right; vertical-align: bottom; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
figure { margin: 2em 0; } figcaption { margin-top: 0.5em; } svg { max-width: 100%; height: auto; }
</style>
)";

/// Adds a prefix to all names in a picture. gnuplot uses the same names in every picture; on one
/// page they must differ.
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

/// A name as a part of a file's name.
std::string file_name(std::string name) {
  for (char& c : name) c = c == '/' ? '-' : c;
  return name;
}

/// Pictures of single runs are drawn for the first run of so many groups.
constexpr std::size_t groups_with_pictures = 6;

/// Returns the pictures of one task that have something to show.
std::vector<Picture> pictures_of(const Runs& runs) {
  std::vector<Picture> pictures = {learning_curves(runs), costs(runs)};
  std::size_t shown = 0;
  for (const std::string& group : groups_of(runs)) {
    if (++shown > groups_with_pictures) break;
    const auto first = std::find_if(runs.begin(), runs.end(),
                                    [&](const RecordedRun& run) { return run.group == group; });
    pictures.push_back(confusion_matrix(*first));
    pictures.push_back(answers_against_targets(*first));
    append_window_pictures(*first, pictures);
  }
  pictures.push_back(updates_per_layer(runs));
  pictures.push_back(gradient_norms(runs));
  std::erase_if(pictures, [](const Picture& picture) { return picture.script.empty(); });
  return pictures;
}

/// The files of a report, which are complete before the first one is written.
class Page {
 public:
  void add_task(const std::string& task, const Runs& runs, std::optional<double> reach) {
    const std::vector<TableColumn> columns = table_columns(runs.front().has_labels, reach);
    html_ += "<h2>" + html(task) + "</h2>\n" + description(runs.front()) + table(runs, columns) +
             settings_text(runs) + class_table(runs) + target_table(runs);
    if (groups_of(runs).size() > groups_with_pictures) {
      html_ += glstm::detail::text_of("<p>Pictures of single runs: the first ",
                                      groups_with_pictures, " groups of runs.</p>\n");
    }
    summary_ += summary(task, runs, columns);
    const std::vector<Picture> pictures = pictures_of(runs);
    const std::vector<std::string> drawn = draw(pictures);
    for (std::size_t i = 0; i < pictures.size(); ++i) add_picture(task, pictures[i], drawn[i]);
  }

  void write(const fs::path& out, std::ostream& log) const {
    std::error_code error;
    fs::create_directories(out, error);
    glstm::detail::require(!error, out.string(), ": cannot create the folder: ", error.message());
    for (const auto& [name, svg] : svgs_) glstm::write_file_atomically(out / name, svg);
    glstm::write_file_atomically(out / "summary.csv", summary_);
    glstm::write_file_atomically(out / "index.html", html_ + "</body></html>\n");
    if (missing_) log << "Some pictures are missing: gnuplot is not installed, or it failed.\n";
    log << "Report: " << (out / "index.html").string() << ", " << svgs_.size() << " pictures\n";
  }

 private:
  void add_picture(const std::string& task, const Picture& picture, const std::string& svg) {
    missing_ |= svg.empty();
    if (svg.empty()) return;
    svgs_.emplace_back(file_name(task + "-" + picture.file) + ".svg", svg);
    html_ += "<figure>" + with_names(svg, std::to_string(svgs_.size()) + "-") + "<figcaption>" +
             html(picture.caption) + "</figcaption></figure>\n";
  }

  std::string html_ = std::string(
                          "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                          "<title>Runs</title>\n")
                          .append(style)
                          .append("</head><body>\n<h1>Runs of sequence_tasks</h1>\n");
  std::string summary_ = "task,runs,figure,count,mean,least,largest\n";
  std::vector<std::pair<std::string, std::string>> svgs_;  // names and contents
  bool missing_ = false;
};

}  // namespace

void write_report(const std::vector<fs::path>& folders, const fs::path& out,
                  std::optional<double> reach, std::ostream& log) {
  Page page;
  for (const auto& [task, runs] : read_runs(folders)) page.add_task(task, runs, reach);
  page.write(out, log);
}

}  // namespace sequence_tasks
