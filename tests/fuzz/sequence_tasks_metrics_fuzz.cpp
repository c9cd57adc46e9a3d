// metrics.json of a run of sequence_tasks, and what a report and the terminal make of it.
#include <sstream>

#include "fuzz.hpp"
#include "sequence_tasks/recorded_run.hpp"
#include "sequence_tasks/results_table.hpp"
#include "sequence_tasks/run_folder.hpp"

namespace sequence_tasks_metrics_fuzz {

FUZZ_TARGET(sequence_tasks_metrics) {
  using namespace sequence_tasks;
  const RunFolder run{fuzz::folder().path()};
  fuzz::file_of(fuzz::text_of(data, size), "metrics.json");
  RecordedRun recorded;
  if (!fuzz::accepts([&] { recorded.metrics = read_metrics(run); })) return 0;
  std::ostringstream out;
  print_results({run}, out);
  recorded.result();
  for (std::size_t l = 0; l < recorded.metrics->at("layers").size(); ++l) {
    recorded.metrics->at("layers")[l].at("update_share").get<double>();
  }
  return 0;
}

}  // namespace sequence_tasks_metrics_fuzz
