// The tables of the report. A table whose topic was not measured is left out.
#pragma once

#include <ostream>
#include <string>

#include "markdown.hpp"
#include "results.hpp"

namespace glstm::bench {

/// Returns the median of `slow` divided by that of `fast`; empty text if one was not measured.
inline std::string ratio(const Measurement* slow, const Measurement* fast) {
  return slow == nullptr || fast == nullptr ? "" : short_number(slow->median() / fast->median());
}

inline std::string milliseconds(const Measurement* m) {
  return m == nullptr ? "" : short_number(m->milliseconds());
}

/// Prints all layers of a topic such as "training step", with the ratio to the best peer.
void print_sequences(const Results& results, const std::string& topic, std::ostream& out);

/// Prints a table for each layer of the topics "batches ...", one batch a line.
void print_batches(const Results& results, std::ostream& out);

/// Writes what bench/batch_plot.gp draws: for each topic "batches ..." and each layer a block with
/// a header and the lines batch, ms of glstm, ms of every peer; "?" where there is none.
void write_batches(const Results& results, std::ostream& out);

/// A layer without its batch: "1,110,784" of "1,110,784,128".
inline std::string layer_of(const std::string& workload) {
  return workload.substr(0, workload.rfind(','));
}
inline std::string batch_of(const std::string& workload) {
  return workload.substr(workload.rfind(',') + 1);
}

void print_shares(const Results& results, std::ostream& out);
void print_wide(const Results& results, std::ostream& out);
void print_clocks(const Results& results, std::ostream& out);
void print_one_sample(const Results& results, std::ostream& out);
void print_streaming(const Results& results, std::ostream& out);

}  // namespace glstm::bench
