#include "result_pages.hpp"

#include <iterator>
#include <map>
#include <ostream>
#include <string>

#include "claims.hpp"
#include "claims_picture.hpp"
#include "glstm/core/error.hpp"
#include "glstm/io/atomic_file.hpp"
#include "markdown_blocks.hpp"
#include "result_tables.hpp"
#include "run_groups.hpp"
#include "widths_picture.hpp"

namespace sequence_tasks {
namespace {

namespace fs = std::filesystem;

using TableOf = glstm::detail::TableRows (*)(const BlockMarker&, RunGroups&);

/// The tables that need a marker and the runs alone.
const std::map<std::string, TableOf> tables = {
    {"runs", runs_table}, {"until", until_table}, {"speed", speed_table}, {"pairs", pairs_table}};

fs::path claims_file(const fs::path& folder) { return folder / "claims.json"; }

/// Draws a picture into the folder, unless it shows nothing.
void draw_into(const fs::path& folder, const Picture& picture, std::ostream& log) {
  if (picture.script.empty()) return;
  const std::string svg = draw({picture}).front();
  const fs::path file = folder / (picture.file + ".svg");
  if (svg.empty()) {
    log << file.string() << " was not drawn: gnuplot is not installed, or it failed.\n";
    return;
  }
  glstm::write_file_atomically(file, svg);
}

}  // namespace

bool write_result_tables(const fs::path& folder, const std::vector<fs::path>& documents,
                         bool only_check, std::ostream& log) {
  glstm::detail::require(fs::is_directory(folder), folder.string(), ": expected a folder of runs");
  RunGroups groups(folder);
  const BlockLines lines = [&](const BlockMarker& marker) {
    return markdown_table(marker.kind == "claims"
                              ? claims_table(read_claims(claims_file(folder)), groups)
                              : tables.at(marker.kind)(marker, groups));
  };
  std::vector<std::string> kinds = {"claims"};
  for (const auto& [kind, table] : tables) kinds.push_back(kind);
  std::vector<MarkdownFile> files;
  for (const fs::path& document : documents) files.emplace_back(document, kinds);
  std::string difference;  // computes all tables, so that an error leaves every document alone
  for (const MarkdownFile& file : files) {
    if (difference.empty() || !only_check) difference = file.difference(lines);
  }
  if (only_check) {
    if (!difference.empty()) log << difference << "\n";
    return difference.empty();
  }
  for (const MarkdownFile& file : files) file.write(lines);
  if (fs::exists(claims_file(folder))) {
    draw_into(folder, claims_picture(read_claims(claims_file(folder)), groups), log);
  }
  draw_into(folder, widths_picture(groups), log);
  return true;
}

}  // namespace sequence_tasks
