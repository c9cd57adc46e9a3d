// The network of a finished run.
#pragma once

#include <filesystem>

#include "glstm/io/network_file.hpp"
#include "run_folder.hpp"

namespace sequence_tasks {

/// Calls use(network) with the network that a finished run has kept: the best one, or the last one
/// if no epoch was eligible; after a temporal curriculum, the plain LSTM. Its data are as in
/// training: see glstm::LoadedScaling::apart.
template <class Use>
void with_finished_network(const RunFolder& folder, const Settings& settings, Use use) {
  using namespace glstm;
  const bool best = read_metrics(folder).at("best_is_eligible").get<bool>();
  const std::filesystem::path file = best ? folder.best() : folder.last();
  constexpr LoadedScaling apart = LoadedScaling::apart;
  if (!settings.widen.empty()) {
    use(load_network<Lstm<float>>(folder.lstm(), apart));
  } else if (settings.model == "lstm") {
    use(load_network<Lstm<float>>(file, apart));
  } else if (settings.model == "phased") {
    use(load_network<PhasedLstm<float>>(file, apart));
  } else {
    use(load_network<GLstm<float>>(file, apart));
  }
}

}  // namespace sequence_tasks
