#include "csv_task.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/random.hpp"
#include "glstm/core/text.hpp"
#include "glstm/data/csv_sequences.hpp"
#include "glstm/data/subset.hpp"

namespace sequence_tasks {
namespace {

using namespace glstm;
namespace fs = std::filesystem;

/// ": sitting, lying", or the first ten and "...".
std::string class_list(const std::vector<std::string>& names) {
  std::string list = ":";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i == 10) return list + ", ...";
    list += (i == 0 ? " " : ", ") + names[i];
  }
  return list;
}

/// Checks the sequences of a CSV file and describes them in `task`.
void describe_csv(const CsvSequences<float>& sequences, const std::string& source, Task& task) {
  using detail::require;
  const bool labels = sequences.classes() > 0;
  require(sequences.classes() <= 10'000, source, ": expected at most 10000 classes, got ",
          sequences.classes());
  task.from_file = true;
  task.inputs = sequences.features();
  task.outputs = labels ? sequences.classes() : sequences.targets();
  task.loss = labels ? Loss::softmax_cross_entropy : Loss::mean_squared_error;
  task.longest = sequences.longest();
  task.begin = sequences.first_time();
  task.end = sequences.last_time();
  require(task.duration() <= 1e30, source, ": expected timestamps that span at most 1e30, got ",
          task.duration());
  std::string features;
  for (const std::string& name : sequences.feature_names()) features += " " + name;
  task.details = detail::text_of(sequences.size(), " sequences of up to ", sequences.longest(),
                                 " steps, ", sequences.has_timestamps() ? "with" : "without",
                                 " timestamps; features:", features, "; ", task.outputs,
                                 labels ? " classes" : " targets",
                                 labels ? class_list(sequences.class_names()) : "");
  require(!labels || task.outputs >= 2, source,
          ": expected labels of at least two classes, got only \"", sequences.class_names()[0],
          "\"");
  require(sequences.size() >= 3, source,
          ": expected at least 3 sequences, one each for training, validation and test, got ",
          sequences.size());
}

/// Splits sequences at random into training, held-out and test sequences.
void split_csv(std::shared_ptr<const Data> sequences, const Settings& settings, Task& task) {
  const Index size = sequences->size(), tenth = std::max<Index>(1, size / 10);
  const Index tests = count_of(settings.test_sequences, tenth, size - 2, "--test-sequences");
  const Index held_out =
      count_of(settings.held_out, std::min<Index>(5000, tenth), size - 1 - tests, "--held-out");
  const Index rest = size - tests - held_out;
  const Index used = count_of(settings.training_sequences, rest, rest, "--training-sequences");
  Rng rng(settings.data_seed);
  const std::vector<Index> order = rng.permutation(size);
  const auto pick = [&](Index first, Index count) {
    return std::make_shared<Subset<float>>(
        sequences, std::vector<Index>(order.begin() + first, order.begin() + first + count));
  };
  task.training = pick(tests + held_out, used);
  task.held_out = pick(tests, held_out);
  task.test = pick(0, tests);
}

/// The number of sequences that start before one that started earlier has ended.
Index overlapping_sequences(const CsvSequences<float>& sequences) {
  std::vector<std::pair<double, double>> spans;
  for (Index s = 0; s < sequences.size(); ++s) {
    spans.emplace_back(sequences.begin_of(s), sequences.end_of(s));
  }
  std::sort(spans.begin(), spans.end());
  Index overlaps = 0;
  double end = spans.front().second;
  for (std::size_t s = 1; s < spans.size(); ++s) {
    overlaps += spans[s].first <= end ? 1 : 0;
    end = std::max(end, spans[s].second);
  }
  return overlaps;
}

/// Sets the clock of the sequences as --clock says, or as suits them. Returns what was done and
/// why.
std::string set_clock(CsvSequences<float>& sequences, const std::string& source,
                      const std::string& wanted) {
  std::string clock = wanted, reason = "as --clock says";
  if (clock == "own") {
    detail::require(sequences.has_timestamps(), source,
                    ": expected a column \"timestamp\" for --clock own, got none");
  }
  if (clock == "auto" && !sequences.has_timestamps()) {
    clock = "own";
    reason = "there are no timestamps, so step n is at time n";
  } else if (clock == "auto") {
    const Index overlaps = overlapping_sequences(sequences);
    const std::string count = detail::text_of(overlaps, " of ", sequences.size(),
                                              " sequences start before an earlier one ends");
    clock = 2 * overlaps >= sequences.size() - 1 ? "shared" : "own";
    reason = clock == "own" ? "they follow one another: only " + count : count;
  }
  if (clock == "own") sequences.count_time_from_first_steps();
  if (clock == "relative") sequences.count_time_as_fractions();
  return "clock: " + clock + " (" + reason + ")";
}

/// Spreads the windows over the time in which most sequences run: until 95 % of them have ended. If
/// they share a clock, over all their time, but for sequences that are far from the others. Returns
/// what was chosen.
std::string set_span(const CsvSequences<float>& sequences, Task& task) {
  const Index size = sequences.size(), few = size / 20;
  std::vector<double> begins, ends;
  for (Index s = 0; s < size; ++s) {
    begins.push_back(sequences.begin_of(s));
    ends.push_back(sequences.end_of(s));
  }
  std::sort(begins.begin(), begins.end());
  std::sort(ends.begin(), ends.end());
  const double first = begins.front(), last = ends.back();
  const double usual_first = begins[static_cast<std::size_t>(few)];
  const double usual_last = ends[static_cast<std::size_t>(size - 1 - few)];
  const bool same_begin = first == begins.back();
  const detail::TimeText text(first, last);
  const bool spread_out =
      same_begin ? usual_last < last : last - first > 2 * (usual_last - usual_first);
  if (!(usual_last > usual_first) || !spread_out) return "windows: " + text(first, last);
  task.begin = same_begin ? first : usual_first;
  task.end = usual_last;
  return "windows: " + text(task.begin, task.end) +
         ", in which 95 % of the sequences end; all data are " + text(first, last);
}

}  // namespace

void use_csv(const fs::path& file, const Settings& settings, Task& task) {
  detail::require(!settings.data.empty(), "--data: expected the CSV file, got none");
  const auto sequences = std::make_shared<CsvSequences<float>>(read_csv_sequences<float>(file));
  const std::string clock = set_clock(*sequences, file.string(), settings.clock);
  task.title = file.filename().string();
  describe_csv(*sequences, file.string(), task);
  task.details += "\n" + clock + "\n" + set_span(*sequences, task);
  split_csv(sequences, settings, task);
}

}  // namespace sequence_tasks
