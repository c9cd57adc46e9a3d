#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

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
using Json = nlohmann::ordered_json;

// ---- runs ------------------------------------------------------------------------------------

bool differ_by_seed_alone(const RecordedRun& a, const RecordedRun& b) {
  const auto without_seed = [](const RecordedRun& run) {
    Json json = to_json(run.settings);
    for (const char* key : {"seed", "max_steps", "epochs", "seconds", "reports", "threads"})
      json.erase(key);
    return json;
  };
  return without_seed(a) == without_seed(b);
}

/// Reads the runs by task. A run that differs from its group by more than its seed becomes a group
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

std::string table(const Runs& runs, const std::vector<TableColumn>& columns) {
  std::ostringstream out;
  out << "<table><tr><th>run<th>model<th>seed";
  for (const TableColumn& column : columns) out << "<th>" << html(column.name);
  out << "</tr>\n";
  for (const RecordedRun& run : runs) {
    out << "<tr><td>" << html(run.name) << "<td>" << run.settings.model << "<td>"
        << run.settings.seed;
    for (const TableColumn& column : columns) {
      const double value = run.metrics ? column.value(run) : std::nan("");
      out << "<td>" << (std::isnan(value) ? "-" : glstm::detail::fixed_text(value, column.digits));
    }
    out << "</tr>\n";
  }
  out << "</table>\n";
  return out.str();
}

/// Returns the values of a column for the finished runs of a group that have one.
std::vector<double> values_of(const Runs& runs, const std::string& group,
                              const TableColumn& column) {
  std::vector<double> values;
  for (const RecordedRun& run : runs) {
    const double value = run.metrics && run.group == group ? column.value(run) : std::nan("");
    if (!std::isnan(value)) values.push_back(value);
  }
  return values;
}

/// Returns CSV rows with the mean, the least and the largest value of each group and column.
std::string summary(const std::string& task, const Runs& runs,
                    const std::vector<TableColumn>& columns) {
  std::ostringstream out;
  for (const std::string& group : groups_of(runs)) {
    for (const TableColumn& column : columns) {
      const std::vector<double> values = values_of(runs, group, column);
      if (values.empty()) continue;
      const auto [least, largest] = std::minmax_element(values.begin(), values.end());
      double sum = 0;
      for (const double value : values) sum += value;
      out << csv_field(task) << ',' << csv_field(group) << ',' << csv_field(column.name) << ','
          << values.size() << ','
          << glstm::detail::fixed_text(sum / static_cast<double>(values.size()), column.digits + 1)
          << ',' << glstm::detail::fixed_text(*least, column.digits) << ','
          << glstm::detail::fixed_text(*largest, column.digits) << '\n';
    }
  }
  return out.str();
}

// ---- page ------------------------------------------------------------------------------------

constexpr const char* style = R"(<style>
body { font-family: sans-serif; max-width: 980px; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; font-size: 90%; }
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

/// Returns the pictures of one task that have something to show.
std::vector<Picture> pictures_of(const Runs& runs) {
  std::vector<Picture> pictures = {learning_curves(runs), costs(runs)};
  for (const std::string& group : groups_of(runs)) {
    const auto first = std::find_if(runs.begin(), runs.end(),
                                    [&](const RecordedRun& run) { return run.group == group; });
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
    html_ += "<h2>" + html(task) + "</h2>\n" + table(runs, columns);
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
