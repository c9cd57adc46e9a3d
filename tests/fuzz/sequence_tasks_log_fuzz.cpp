// The tables of a run of sequence_tasks, as a report reads them: those with a column "when", such
// as gradients.csv, and those without, such as log.csv.
#include "fuzz.hpp"
#include "sequence_tasks/recorded_run.hpp"

namespace sequence_tasks_log_fuzz {

FUZZ_TARGET(sequence_tasks_log) {
  using namespace sequence_tasks;
  const std::string_view text = fuzz::text_of(data, size);
  const auto file = fuzz::file_of(text, "log.csv");
  std::vector<std::string> columns = {"epoch", "step", "training_loss"};
  if (text.starts_with("when")) columns = {"when", "step", "norm"};
  Table table;
  if (!fuzz::accepts([&] { table = read_table(file, columns, "when"); })) return 0;
  for (const std::string& column : columns) {
    fuzz::promise(table.columns.at(column).size() == table.rows(), "columns of one length");
    for (std::size_t row = 0; row < table.rows(); ++row) {
      table.number(column.c_str(), row);
      fuzz::promise(table.text(column.c_str(), row).size() <= size, "fields are from the file");
    }
  }
  return 0;
}

}  // namespace sequence_tasks_log_fuzz
