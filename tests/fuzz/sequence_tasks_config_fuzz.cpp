// config.json of a run of sequence_tasks.
#include <fstream>
#include <iterator>

#include "examples/completed_settings.hpp"
#include "fuzz.hpp"
#include "sequence_tasks/run_folder.hpp"

namespace sequence_tasks_config_fuzz {

namespace {

using namespace sequence_tasks;

std::string config_with(const Settings& given) {
  const RunFolder run{fuzz::folder().path()};
  write_config(run, completed(given), given, {{"labels", true}, {"inputs", 1}});
  std::ifstream file(run.config(), std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

const fuzz::ValidInput defaults("sequence_tasks_config", [] { return config_with({}); });
const fuzz::ValidInput lists("sequence_tasks_config", [] {
  Settings settings;
  settings.hidden = {3, 2};
  settings.target_share = 0.5;
  return config_with(settings);
});

}  // namespace

FUZZ_TARGET(sequence_tasks_config) {
  const RunFolder run{fuzz::folder().path()};
  fuzz::file_of(fuzz::text_of(data, size), "config.json");
  const auto check_round_trip = [](const Settings& settings) {
    const auto json = to_json(settings);
    fuzz::promise(to_json(from_json(json, "what was read")) == json, "settings come back");
  };
  Settings settings;
  if (fuzz::accepts([&] { settings = read_settings(run); })) check_round_trip(settings);
  if (fuzz::accepts([&] { settings = read_given_settings(run); })) check_round_trip(settings);
  nlohmann::ordered_json facts;
  if (fuzz::accepts([&] { facts = read_data_facts(run); })) facts.dump();
  return 0;
}

}  // namespace sequence_tasks_config_fuzz
