#include "markdown_blocks.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <string_view>
#include <utility>

#include "glstm/core/error.hpp"

namespace sequence_tasks {
namespace {

using glstm::detail::require;

constexpr std::string_view comment_start = "<!-- ", comment_end = "-->";

/// Splits the text of a comment into words, quoted texts with their first quote, ":" and ";".
std::vector<std::string> tokens_of(const std::string& text, const std::string& where) {
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (std::isspace(static_cast<unsigned char>(text[at]))) {
      at = end;
      continue;
    }
    if (text[at] == '"') {
      end = text.find('"', at + 1);
      require(end != std::string::npos, where, ": expected a second quote, got none");
      tokens.push_back(text.substr(at, end - at));
      ++end;
    } else {
      if (text[at] != ':' && text[at] != ';') end = text.find_first_of(" \t\n:;\"", at);
      end = std::min(end, text.size());
      tokens.push_back(text.substr(at, end - at));
    }
    at = end;
  }
  return tokens;
}

BlockMarker marker_of(const std::string& text, const std::string& where) {
  const std::vector<std::string> tokens = tokens_of(text, where);
  BlockMarker marker;
  marker.kind = tokens.at(0);
  bool in_rows = false;
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    const std::string& token = tokens[i];
    if (token == (in_rows ? ";" : ":")) {
      in_rows = true;
      marker.rows.emplace_back();
    } else if (token[0] == '"') {
      (in_rows ? marker.rows.back().label : marker.heading) = token.substr(1);
    } else {
      (in_rows ? marker.rows.back().names : marker.words).push_back(token);
    }
  }
  if (in_rows && marker.rows.back().names.empty()) marker.rows.pop_back();  // a ";" at the end
  for (const BlockMarker::Row& row : marker.rows) {
    require(!row.names.empty() && !row.label.empty(), where,
            ": expected the name of runs and a label in quotes in every row, got \"", row.label,
            "\"");
  }
  return marker;
}

/// Returns the first word of the comment that starts on this line; an empty text for other lines.
std::string kind_on(const std::string& line) {
  if (!line.starts_with(comment_start)) return {};
  const std::string text = line.substr(comment_start.size());
  return text.substr(0, text.find_first_of(" :"));
}

bool is_table_row(const std::string& line) { return line.starts_with("|"); }

}  // namespace

MarkdownFile::MarkdownFile(std::filesystem::path path, const std::vector<std::string>& kinds)
    : path_(std::move(path)) {
  std::ifstream in(path_);
  for (std::string line; std::getline(in, line);) lines_.push_back(line);
  require(in.eof() && !in.bad(), path_.string(), ": cannot be read");
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (std::find(kinds.begin(), kinds.end(), kind_on(lines_[i])) == kinds.end()) {
      const bool before_table = i + 1 < lines_.size() && is_table_row(lines_[i + 1]);
      require(!before_table || lines_[i].find(comment_end) == std::string::npos, where(i),
              ": expected a comment that starts with the kind of the table, got \"", lines_[i],
              "\"");
      continue;
    }
    MarkdownBlock block;
    block.marker_line = i;
    std::string text = lines_[i].substr(comment_start.size());
    while (text.find(comment_end) == std::string::npos && ++i < lines_.size()) {
      text += "\n" + lines_[i];
    }
    require(i < lines_.size(), where(block.marker_line), ": expected a comment with its end, ",
            comment_end, ", got none");
    block.marker = marker_of(text.substr(0, text.find(comment_end)), where(block.marker_line));
    block.first = i + 1;
    const bool apart =
        i + 2 < lines_.size() && lines_[i + 1].empty() && is_table_row(lines_[i + 2]);
    require(!apart, where(i + 1), ": expected the table directly below its comment, got an empty ",
            "line");
    while (i + 1 < lines_.size() && is_table_row(lines_[i + 1])) ++i;
    block.end = i + 1;
    blocks_.push_back(block);
  }
}

std::string MarkdownFile::where(std::size_t line) const {
  return glstm::detail::text_of(path_.string(), ":", line + 1);
}

std::vector<std::string> MarkdownFile::expected_lines(const MarkdownBlock& block,
                                                      const BlockLines& lines) const {
  try {
    return lines(block.marker);
  } catch (const glstm::Error& error) {
    throw glstm::Error(where(block.marker_line) + ": " + error.what());
  }
}

std::string MarkdownFile::text(const BlockLines& lines) const {
  std::string text;
  std::size_t written = 0;
  const auto copy_until = [&](std::size_t end) {
    for (; written < end; ++written) text += lines_[written] + "\n";
  };
  for (const MarkdownBlock& block : blocks_) {
    copy_until(block.first);
    for (const std::string& line : expected_lines(block, lines)) text += line + "\n";
    written = block.end;
  }
  copy_until(lines_.size());
  return text;
}

std::string MarkdownFile::difference(const BlockLines& lines) const {
  for (const MarkdownBlock& block : blocks_) {
    const std::vector<std::string> expected = expected_lines(block, lines);
    const std::size_t count = block.end - block.first;
    for (std::size_t i = 0; i < std::max(count, expected.size()); ++i) {
      const std::string wanted = i < expected.size() ? expected[i] : "the end of the table";
      const std::string got = i < count ? lines_[block.first + i] : "the end of the table";
      if (wanted == got) continue;
      return glstm::detail::text_of(where(block.first + i), ": in the table \"", block.marker.kind,
                                    "\" of line ", block.marker_line + 1, ", expected \"", wanted,
                                    "\", got \"", got, "\"");
    }
  }
  return {};
}

std::vector<std::string> markdown_table(const glstm::detail::TableRows& rows) {
  std::vector<std::string> lines;
  for (const std::vector<std::string>& row : rows) {
    std::string line = "|";
    for (const std::string& cell : row) {
      require(cell.find('|') == std::string::npos, "expected a cell without |, got \"", cell, "\"");
      line += " " + cell + " |";
    }
    lines.push_back(line);
    if (lines.size() > 1) continue;
    std::string rule = "|";
    for (std::size_t i = 0; i < row.size(); ++i) rule += "---|";
    lines.push_back(rule);
  }
  return lines;
}

}  // namespace sequence_tasks
