#include "predicting.hpp"

#include <algorithm>
#include <iostream>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "answers.hpp"
#include "finished_network.hpp"
#include "glstm/core/flush_to_zero.hpp"
#include "glstm/core/text.hpp"
#include "glstm/data/batch_order.hpp"
#include "glstm/data/prepare_sequences.hpp"
#include "glstm/io/atomic_file.hpp"
#include "own_data.hpp"

namespace sequence_tasks {
namespace {

using namespace glstm;

/// The network with an answer after every step.
template <TimeGate Gate>
Network<Gate> with_every_step(const Network<Gate>& network) {
  NetworkOptions<Gate> options = network.options();
  options.readout = Readout::every_step;
  Network<Gate> result(options);
  result.parameters = network.parameters;
  result.data = network.data;
  return result;
}

template <TimeGate Gate>
Answers answers_of(const Network<Gate>& network, const Dataset<float>& data) {
  const FlushToZero flush;
  Answers answers(network.data, network.options().loss, network.options().outputs);
  typename Network<Gate>::Tape tape;
  detail::for_each_batch(data, 100,
                         [&](std::span<const Index> samples, const LabelledBatch<float>& batch) {
                           answers.add(samples, batch, network.predict(batch.input, tape));
                         });
  return answers;
}

/// Says how good the answers are, if the right ones are known.
void write_scores(const Answers& answers, std::ostream& log) {
  const Json json = scores(answers);
  if (json.is_null()) return;
  if (!answers.has_classes) {
    if (!json.at("rmse").is_null()) {
      log << "root mean squared error " << json.at("rmse").get<double>() << "\n";
    }
    return;
  }
  double right = 0, known = 0;
  for (const auto& of_class : json.at("by_class")) {
    const double count = of_class.at("count");
    known += count;
    if (count > 0) right += of_class.at("recall").get<double>() * count;
  }
  if (known == 0) return;
  log << "accuracy " << detail::percent_text(right, known) << " of the " << known
      << " answers that are known\n";
}

/// Throws glstm::Error if the answers would overwrite their data or a file of the run.
void check_output(const RunFolder& folder, const PredictOptions& options) {
  namespace fs = std::filesystem;
  std::error_code error;
  detail::require(!fs::equivalent(options.out, options.data, error), options.out.string(),
                  ": expected a file for the answers, got that of the data");
  const fs::path parent = fs::absolute(options.out).parent_path();
  detail::require(!fs::equivalent(parent, folder.path, error) || !fs::exists(options.out),
                  options.out.string(), ": expected a new file, got one of the run");
}

}  // namespace

void predict_run(const RunFolder& folder, const PredictOptions& options, std::ostream& log) {
  if (options.out != "-") check_output(folder, options);
  const FolderLock lock(folder);
  const Settings settings = read_settings(folder);
  detail::require(has_own_data(settings), folder.path.string(),
                  ": expected a run of a task with your own data, csv, ts or wav, got one of the "
                  "task ",
                  settings.task);
  with_finished_network(folder, settings, [&](const auto& trained) {
    Sequences original;  // with the times as they were read
    Sequences data = read_like(options.data, settings, trained.data, original);
    if (!original.left_out.empty()) log << "left out: " << original.left_out << "\n";
    const bool network_steps = trained.options().readout == Readout::every_step;
    const bool every_step = options.every_step || network_steps;
    if (network_steps) repeat_answers(data);
    if (every_step != data.every_step) {  // no targets that fit
      data.labels.clear();
      data.targets.clear();
    }
    data.every_step = every_step;
    const SequenceDataset<float> dataset(std::move(data));
    const Answers answers =
        answers_of(every_step && !network_steps ? with_every_step(trained) : trained, dataset);
    std::ostringstream csv;
    const bool framed = trained.data.frame > 1;  // steps are frames, with the times of those
    write_answers(answers, framed ? dataset.sequences() : original, every_step,
                  options.probabilities, csv);
    if (options.out == "-") {
      std::cout << csv.str() << std::flush;
    } else {
      write_file_atomically(options.out, csv.str());
      log << options.out.string() << ": " << answers.size() << " answers\n";
    }
    write_scores(answers, log);
  });
}

}  // namespace sequence_tasks
