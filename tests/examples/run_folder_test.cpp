// The files of a run of sequence_tasks, read back, damaged in every way.
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "examples/completed_settings.hpp"
#include "sequence_tasks/recorded_run.hpp"
#include "sequence_tasks/run_folder.hpp"
#include "temporary_folder.hpp"

namespace run_folder_test {

namespace {

using namespace sequence_tasks;
using Json = nlohmann::ordered_json;

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string text_in(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

const Json good_metrics = {{"update_share", 0.5},
                           {"macs_per_sequence", 100},
                           {"dense_macs_per_sequence", 200},
                           {"inference_ms_per_sequence", 0.1},
                           {"training_ms_per_sequence", 0.2},
                           {"training_seconds", 3},
                           {"epochs", 2.5},
                           {"best_epoch", 2},
                           {"best_is_eligible", true},
                           {"test", {{"loss", 0.25}, {"accuracy", 0.75}}},
                           {"layers", {{{"hidden", 3}, {"update_share", 0.5}}}},
                           {"lstm", nullptr}};

/// The folder of a finished run with two layers.
struct Run {
  TemporaryFolder temporary;
  RunFolder folder{temporary.path()};
  Settings used;

  Run() {
    Settings given;
    given.hidden = {3, 2};
    given.data_seed = 5;
    used = completed(given);
    write_config(folder, used, given, {{"labels", true}});
    write_json(folder.metrics(), good_metrics);
  }

  /// What reading the run throws after `change` to config.json.
  template <class Change>
  std::string error_after(Change change) const {
    const std::string before = text_in(folder.config());
    Json json = read_json(folder.config());
    change(json);
    write_json(folder.config(), json);
    const std::string message = error_of([&] { read_run(folder.path); });
    write(folder.config(), before);
    check_mentions(message, {folder.config().string()});
    return message;
  }
};

}  // namespace

TEST_CASE("the files of a run come back") {
  const Run run;
  write(run.folder.log(),
        "epoch,step,seconds,training_loss,training_accuracy,validation_loss,validation_accuracy,"
        "update_share,mac_share,budget,budget_weight\n1,550,1.5,0.5,,0.25,,1,1,1,0\n2,1100,3");
  write(run.folder.windows(),
        "when,layer,neuron,mu,sigma,open,close\nbefore,0,1,2,3,4,5\nafter,1,0,1,1,,\n");
  write(run.folder.gradients(), "when,step,norm\nbefore,0,1e-30\n");
  const RecordedRun read = read_run(run.folder.path);
  CHECK(to_json(read.settings) == to_json(run.used));
  CHECK(read.has_labels);
  CHECK(read.result() == 0.75);
  CHECK(read.log.rows() == 1);  // the line without an end is being written
  CHECK(read.log.number("step", 0) == 550);
  CHECK(std::isnan(read.log.number("training_accuracy", 0)));
  CHECK(read.windows.text("when", 1) == "after");
  CHECK(read.windows.number("close", 0) == 5);
  CHECK(read.gradients.number("norm", 0) == 1e-30);
}

TEST_CASE("a damaged config.json is an error that names it") {
  const Run run;
  const std::string file = run.folder.config().string();
  const auto set = [](const char* key, const Json& value) {
    return [=](Json& json) { json[key] = value; };
  };
  const auto error_for = [&](const char* key, const Json& value) {
    return run.error_after(set(key, value));
  };

  SECTION("kinds of values") {
    struct Case {
      const char* key;
      Json value;
      const char* found;
    };
    const std::vector<Case> cases = {
        {"steps", "1000", "\"1000\""},
        {"steps", 1000.5, "1000.5"},
        {"steps", true, "true"},
        {"steps", std::uint64_t{1} << 63, "9223372036854775808"},
        {"data_seed", -1, "-1"},
        {"threshold", "0.5", "\"0.5\""},
        {"threshold", true, "true"},
        {"threshold", Json::array({0.5}), "[0.5]"},
        {"hidden", 110, "110"},
        {"hidden", {{"a", 110}}, "{\"a\":110}"},
        {"hidden", {110, 0.5}, "0.5"},
        {"hidden", {1e300}, "1e+300"},
        {"hidden", {std::uint64_t{1} << 63}, "9223372036854775808"},
        {"centres", {0, false}, "false"},
        {"task", 1, "number"},
        {"max_steps", Json::object(), "{}"},
    };
    for (const Case& bad : cases) {
      CAPTURE(bad.key, bad.found);
      check_mentions(error_for(bad.key, bad.value),
                     {"\"" + std::string(bad.key) + "\"", bad.found});
    }
  }
  SECTION("values out of range") {
    check_mentions(error_for("hidden", Json::array()), {"--hidden"});
    check_mentions(error_for("hidden", {110, -1}), {"--hidden", "-1"});
    check_mentions(error_for("task", "chess"), {"--task", "chess"});
    check_mentions(error_for("max_steps", 0), {"max_steps", "got 0"});
    check_mentions(error_for("batch", nullptr), {"\"batch\"", "null"});
  }
  SECTION("more or less than the settings") {
    check_mentions(error_for("speed", 3), {"settings of a run"});
    for (const char* key : {"given", "data_facts"}) {
      check_mentions(run.error_after([&](Json& json) { json.erase(key); }), {"settings of a run"});
    }
    check_mentions(run.error_after([](Json& json) { json.erase("steps"); }), {"\"steps\""});
    for (const Json& facts : {Json(3), Json::array(), Json::object(), Json{{"labels", 1}}}) {
      check_mentions(error_for("data_facts", facts), {"data_facts", "labels"});
    }
    check_mentions(error_of([&] {
                     write(run.folder.config(), R"({"given":[],"data_facts":{"labels":true}})");
                     read_given_settings(run.folder);
                   }),
                   {file, "settings of a run"});
  }
  SECTION("no JSON") {
    for (const char* text : {"", "{", "[]", "3", "null", "{\"a\":1e999}", "{\"\xff\":1}"}) {
      CAPTURE(text);
      write(run.folder.config(), text);
      check_mentions(error_of([&] { read_run(run.folder.path); }), {file, "expected"});
    }
  }
  SECTION("a NUL byte") {
    write(run.folder.config(), text_in(run.folder.config()) + std::string("\0{", 2));
    check_mentions(error_of([&] { read_run(run.folder.path); }), {file, "NUL byte"});
  }
  SECTION("nested without end") {
    // What copies or prints such a value needs a stack as deep.
    const std::size_t depth = 1'000'000;
    const std::string lists = std::string(depth, '[') + std::string(depth, ']');
    write(run.folder.config(), R"({"given":{},"data_facts":)" + lists + "}");
    check_mentions(error_of([&] { read_data_facts(run.folder); }), {file, "levels"});
    write(run.folder.config(), R"({"given":{"task":)" + lists + R"(},"data_facts":{}})");
    check_mentions(error_of([&] { read_given_settings(run.folder); }), {file, "levels"});
  }
  SECTION("cut anywhere") {
    const std::string whole = text_in(run.folder.config());
    REQUIRE(whole.ends_with("}\n"));
    for (std::size_t size = 0; size + 1 < whole.size(); ++size) {
      CAPTURE(size);
      write(run.folder.config(), whole.substr(0, size));
      check_mentions(error_of([&] { read_run(run.folder.path); }), {file, "expected"});
    }
  }
}

TEST_CASE("a damaged metrics.json is an error that names it") {
  const Run run;
  const std::string file = run.folder.metrics().string();
  const auto error_with = [&](const char* key, const Json& value) {
    Json json = good_metrics;
    json[key] = value;
    write_json(run.folder.metrics(), json);
    return error_of([&] { read_run(run.folder.path); });
  };
  for (const auto& [key, value] : good_metrics.items()) {
    CAPTURE(key);
    Json json = good_metrics;
    json.erase(key);
    write_json(run.folder.metrics(), json);
    check_mentions(error_of([&] { read_run(run.folder.path); }), {file, "expected"});
    if (value.is_number()) check_mentions(error_with(key.c_str(), "1"), {file, "\"" + key + "\""});
  }
  check_mentions(error_with("best_is_eligible", 1), {file, "best_is_eligible"});
  for (const Json& test : {Json(3), Json(nullptr), Json::array(), Json{{"loss", 1}},
                           Json{{"loss", "1"}, {"accuracy", 1}}}) {
    check_mentions(error_with("test", test), {file, "expected"});
  }
  check_mentions(error_with("test", {{"loss", 1}, {"accuracy", "1"}}), {file, "accuracy"});
  check_mentions(error_with("lstm", 3), {file, "loss"});
  // By name, by which a report does not find them.
  check_mentions(error_with("layers", {{"a", {{"update_share", 1}}}}), {file, "metrics of a run"});
  for (const Json& layers : {Json(3), Json("abc"), Json(nullptr)}) {
    check_mentions(error_with("layers", layers), {file, "metrics of a run"});
  }
  check_mentions(error_with("layers", {1}), {file, "update_share"});
  const std::string whole = good_metrics.dump();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    write(run.folder.metrics(), whole.substr(0, size));
    check_mentions(error_of([&] { read_run(run.folder.path); }), {file, "expected"});
  }
}

TEST_CASE("a damaged table of a run is an error that names it and the line") {
  const Run run;
  const auto error_for = [&](const std::string& text) {
    write(run.folder.gradients(), text);
    return error_of([&] { read_run(run.folder.path); });
  };
  const std::string file = run.folder.gradients().string(), header = "when,step,norm\n";
  check_mentions(error_for("when,norm,step\n"), {file + ":1", "column step", "\"norm\""});
  check_mentions(error_for("when,step\n"), {file + ":1", "3 fields, got 2"});
  check_mentions(error_for("\n"), {file + ":1", "got 1"});
  check_mentions(error_for(header + "before,0,1\nbefore,1\n"), {file + ":3", "got 2"});
  check_mentions(error_for(header + "before,0,1,2\n"), {file + ":2", "got 4"});
  check_mentions(error_for(header + "before,zero,1\n"), {file + ":2", "step", "\"zero\""});
  check_mentions(error_for(header + "before,0,1e999\n"), {file + ":2", "norm", "\"1e999\""});
  check_mentions(error_for(header + std::string("before,0,1\0\n", 12)), {file + ":2", "norm"});

  const std::string whole = header + "before,0,1e-30\nafter,12,0.5\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    write(run.folder.gradients(), whole.substr(0, size));  // a table that is being written
    CHECK(read_run(run.folder.path).gradients.rows() == (size < 30 ? 0 : 1));
  }
}

}  // namespace run_folder_test
