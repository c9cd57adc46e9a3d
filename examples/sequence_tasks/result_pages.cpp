#include "result_pages.hpp"

#include <iterator>
#include <map>
#include <optional>
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
  std::optional<Claims> claims;  // read before anything is written
  if (fs::exists(claims_file(folder))) claims = read_claims(claims_file(folder));
  const BlockLines lines = [&](const BlockMarker& marker) {
    if (marker.kind != "claims") return markdown_table(tables.at(marker.kind)(marker, groups));
    glstm::detail::require(claims.has_value(), claims_file(folder).string(),
                           ": expected the claims, found no file");
    return markdown_table(claims_table(*claims, groups));
  };
  std::vector<std::string> kinds = {"claims"};
  for (const auto& [kind, table] : tables) kinds.push_back(kind);
  std::vector<MarkdownFile> files;
  for (const fs::path& document : documents) files.emplace_back(document, kinds);
  const auto tell_missing = [&] {
    const std::string names = groups.names_without_runs();
    if (!names.empty()) log << folder.string() << " has no finished runs named " << names << "\n";
  };
  if (only_check) {
    std::string difference;
    for (const MarkdownFile& file : files) {
      if (difference.empty()) difference = file.difference(lines);
    }
    if (!difference.empty()) log << difference << "\n";
    tell_missing();
    return difference.empty();
  }
  std::vector<std::string> texts;  // all, before the first is written
  for (const MarkdownFile& file : files) texts.push_back(file.text(lines));
  tell_missing();
  for (std::size_t i = 0; i < files.size(); ++i) {
    glstm::write_file_atomically(files[i].path(), texts[i]);
  }
  if (claims) draw_into(folder, claims_picture(*claims, groups), log);
  draw_into(folder, widths_picture(groups), log);
  return true;
}

}  // namespace sequence_tasks
