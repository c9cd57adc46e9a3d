// The command that writes the tables of recorded runs into Markdown files.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <vector>

namespace sequence_tasks {

/// Computes the marked tables in `documents` from the runs in `folder`, and draws
/// folder/claims.svg and folder/widths.svg. With `only_check` it writes nothing. Prints what it
/// did, or the first line that differs, to `log`. Returns whether all tables are as computed.
/// Throws glstm::Error if a document, a run or claims.json is damaged; then no document has
/// changed.
bool write_result_tables(const std::filesystem::path& folder,
                         const std::vector<std::filesystem::path>& documents, bool only_check,
                         std::ostream& log);

}  // namespace sequence_tasks
