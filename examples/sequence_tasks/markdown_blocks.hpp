// Tables in Markdown files that a program writes, between comments.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "glstm/core/text.hpp"

namespace sequence_tasks {

/// What the comment in front of a table says: `KIND WORD... "HEADING": NAME... "LABEL"; ...`. All
/// but the kind may be missing.
struct BlockMarker {
  struct Row {
    std::vector<std::string> names;
    std::string label;
  };
  std::string kind;
  std::vector<std::string> words;
  std::string heading;
  std::vector<Row> rows;
};

/// A table in a Markdown file: all lines that start with "|", directly below the comment that
/// describes it. The comment may have several lines.
struct MarkdownBlock {
  BlockMarker marker;
  std::size_t marker_line = 0, first = 0, end = 0;  ///< [first, end) are the table's lines, from 0
};

/// Returns the lines of the table that a comment describes.
using BlockLines = std::function<std::vector<std::string>(const BlockMarker&)>;

/// A Markdown file and the blocks in it.
class MarkdownFile {
 public:
  /// Finds the blocks of the kinds `kinds`; other comments are left alone. Throws glstm::Error,
  /// naming the line, where a comment is damaged, or is of another kind and above a table.
  MarkdownFile(std::filesystem::path path, const std::vector<std::string>& kinds);

  const std::filesystem::path& path() const { return path_; }

  /// Returns the text of the file with the lines that `lines` returns in every block.
  std::string text(const BlockLines& lines) const;

  /// Returns which line of which block is not as `lines` returns it; an empty text if all are.
  std::string difference(const BlockLines& lines) const;

 private:
  std::vector<std::string> expected_lines(const MarkdownBlock& block,
                                          const BlockLines& lines) const;
  std::string where(std::size_t line) const;

  std::filesystem::path path_;
  std::vector<std::string> lines_;
  std::vector<MarkdownBlock> blocks_;
};

/// Returns the lines of a table in Markdown; the first row holds the headings.
std::vector<std::string> markdown_table(const glstm::detail::TableRows& rows);

}  // namespace sequence_tasks
