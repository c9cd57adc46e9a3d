// A page with tables and pictures about runs.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <vector>

namespace sequence_tasks {

/// Writes a page about runs, finished or not, into the folder `out`: index.html, which needs no
/// other file, its pictures as SVG files, and summary.csv with the mean and the range over runs
/// that differ by their seed alone. With `reach`, an accuracy in percent or a loss, the tables say
/// when the held-out sequences first reached it. Without gnuplot the page has no pictures.
/// Throws glstm::Error, and writes nothing, if a run cannot be read.
void write_report(const std::vector<std::filesystem::path>& runs, const std::filesystem::path& out,
                  std::optional<double> reach, std::ostream& log);

}  // namespace sequence_tasks
