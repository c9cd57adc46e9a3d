// The command export of sequence_tasks, as a user calls it.
#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "calling.hpp"
#include "catch.hpp"
#include "glstm/exchange/keras.hpp"
#include "glstm/exchange/pytorch.hpp"
#include "glstm/exchange/rtneural.hpp"
#include "glstm/io/network_file.hpp"
#include "glstm/io/safetensors.hpp"

namespace sequence_tasks_export_test {

TEST_CASE("sequence_tasks: export writes the best network for other programs") {
  const TemporaryFolder folder;
  const fs::path gated = folder / "gated", widened = folder / "widened", out = folder / "network";
  REQUIRE(call(folder, train(gated)).code == 0);
  REQUIRE(call(folder, train(widened, {"--epochs", "6", "--widen", "2,4"})).code == 0);
  const auto exported = [&](const fs::path& run, const Words& more) {
    const Outcome done = call(folder, Words{"export", run, "--out", out} + more);
    INFO(done.text);
    CHECK(done.code == 0);
    return done.text;
  };

  // As it is: the parameters of the best checkpoint, which is a network file too.
  check_mentions(exported(gated, {}), {"network: ", "parameters", "bytes"});
  const auto network = glstm::load_network<glstm::GLstm<float>>(out);
  const auto best = glstm::load_network<glstm::GLstm<float>>(gated / "best.safetensors");
  CHECK(network.parameters == best.parameters);
  const auto size = fs::file_size(out);

  check_mentions(exported(gated, {"--storage", "int8"}), {"test error", "as trained", "as stored"});
  CHECK(fs::file_size(out) < size);
  exported(gated, {"--to", "header", "--namespace", "mine"});
  check_mentions(text_in(out), {"namespace mine", "step("});
  exported(gated, {"--to", "onnx"});
  CHECK(text_in(out).find("Scan") != std::string::npos);

  // A curriculum ends as a plain LSTM, which all formats can hold.
  const auto plain = glstm::load_network<glstm::Lstm<float>>(widened / "lstm.safetensors");
  exported(widened, {"--to", "pytorch"});
  CHECK(glstm::from_pytorch<glstm::Lstm<float>>(glstm::load_safetensors(out))
            .parameters.isApprox(plain.parameters));
  exported(widened, {"--to", "keras"});
  CHECK(glstm::from_keras<glstm::Lstm<float>>(glstm::load_safetensors(out)).parameters ==
        plain.parameters);
  exported(widened, {"--to", "rtneural"});
  CHECK(glstm::load_rtneural<glstm::Lstm<float>>(out).parameters == plain.parameters);

  // What cannot be is one line, and nothing is overwritten.
  const auto before = content_of(folder / "");
  for (const auto& [words, named] : std::vector<std::pair<Words, std::string>>{
           {{"--to", "pytorch"}, "plain LSTM"},
           {{"--to", "onnx", "--storage", "int8"}, "--storage"},
           {{"--to", "header", "--namespace", "9"}, "namespace"},
           {{"--namespace", "mine"}, "--namespace"},
           {{"--to", "header", "--language", "c", "--namespace", "a::b"}, "identifier"},
           {{"--to", "onnx", "--language", "c"}, "--language"},
           {{"--to", "arduino", "--language", "c"}, "--language"},
           {{"--to", "arduino"}, "--out"},  // there is a file
           {{"--to", "onnx", "--arithmetic", "int8"}, "--arithmetic"},
           {{"--to", "header", "--arithmetic", "int8", "--storage", "int8"}, "--storage"},
           {{"--to", "header", "--arithmetic", "int8", "--tick", "0"}, "--tick"},
           {{"--to", "header", "--arithmetic", "int8", "--calibrate", "0"}, "--calibrate"},
           {{"--to", "header", "--tick", "2"}, "--tick"},
           {{"--to", "header", "--calibrate", "9"}, "--calibrate"},
           {{"--to", "paper"}, "--to"}}) {
    const Outcome refused = call(folder, Words{"export", gated, "--out", out} + words);
    INFO(refused.text);
    CHECK(refused.code == 2);
    CHECK(std::count(refused.errors.begin(), refused.errors.end(), '\n') == 1);
    check_mentions(refused.errors, {named});
  }
  CHECK(call(folder, {"export", folder / "nothing", "--out", out}).code == 2);
  check_mentions(call(folder, {"export", gated, "--out", gated / "." / "best.safetensors"}).errors,
                 {"--out", "one of its files"});
  CHECK(content_of(folder / "") == before);
}

TEST_CASE("sequence_tasks: export writes headers for devices") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run", out = folder / "model.h";
  REQUIRE(call(folder, train(run)).code == 0);
  const auto exported = [&](const Words& more) {
    const Outcome done = call(folder, Words{"export", run, "--to", "header", "--out", out} + more);
    INFO(done.text);
    CHECK(done.code == 0);
    return done.text;
  };

  exported({"--language", "c", "--namespace", "mine", "--storage", "int8"});
  check_mentions(text_in(out), {"void mine_step(mine_state* stream", "double mine_next_event("});

  const Words integers{"--arithmetic", "int8"};
  check_mentions(exported(integers + Words{"--language", "c"}),
                 {"parameters", "test error", "as trained, error", "in integers, over 60 of 60"});
  const std::string text = text_in(out);
  check_mentions(text, {"void model_quantize(", "int32_t model_next_event("});
  // By default it is 200 sequences that determine the scales, and here there are no more.
  exported(integers + Words{"--language", "c", "--calibrate", "200"});
  CHECK(text_in(out) == text);
  exported(integers + Words{"--language", "c", "--calibrate", "1"});
  CHECK(text_in(out) != text);
  exported(integers + Words{"--tick", "0.5"});
  check_mentions(text_in(out), {"namespace model {", "in units of 0.5"});

  // Integers are for LSTMs and g-LSTMs.
  const fs::path phased = folder / "phased";
  REQUIRE(call(folder, train(phased, {"--model", "phased"})).code == 0);
  const Outcome refused =
      call(folder, Words{"export", phased, "--to", "header", "--out", folder / "none"} + integers);
  CHECK(refused.code == 2);
  check_mentions(refused.errors, {"--arithmetic int8: expected an LSTM or a g-LSTM"});
  CHECK(!fs::exists(folder / "none"));
}

TEST_CASE("sequence_tasks: export writes a library for Arduino") {
  const TemporaryFolder folder;
  REQUIRE(call(folder, train(folder / "gated")).code == 0);
  REQUIRE(call(folder, train(folder / "plain", {"--model", "lstm"})).code == 0);
  // As much of Arduino as the sketch needs. Every call of loop is the time of a step.
  write_file(folder / "main.cpp", R"(
#include <math.h>
#include <stdint.h>
#include <stdio.h>
static const int A0 = 14;
static int analogRead(int) { return 1; }
static unsigned long clock_of_board = 0;
static unsigned long millis() { return clock_of_board; }
static struct {
  void begin(long) {}
  void print(const char* text) { fputs(text, stdout); }
  void print(float number, int digits) { printf("%.*f", digits, number); }
} Serial;
#include "mine.ino"
int main() {
  setup();
  for (; clock_of_board < 3 * 40 * 10; clock_of_board += 10) loop();
}
)");
  std::vector<double> answers;
  for (const auto& [run, words] : std::vector<std::pair<std::string, Words>>{
           {"gated", {}},
           {"gated", {"--arithmetic", "int8"}},
           {"gated", {"--arithmetic", "int8", "--tick", "0.5"}},
           {"plain", {"--storage", "float16"}},
           {"plain", {"--arithmetic", "int8"}}}) {
    CAPTURE(run, words);
    const fs::path library = folder / ("library" + std::to_string(answers.size()));
    const Outcome done = call(folder, Words{"export", folder / run, "--to", "arduino",
                                            "--namespace", "mine", "--out", library} +
                                          words);
    INFO(done.text);
    REQUIRE(done.code == 0);
    check_mentions(done.text, {"parameters, a library for Arduino"});
    CHECK(content_of(library).size() == 6);  // three files in three folders
    check_mentions(text_in(library / "library.properties"), {"name=mine\n", "includes=mine.h\n"});

    const fs::path program = folder / "sketch", output = folder / "output.txt";
    const Outcome compiled = wait_for(
        start({GLSTM_CXX, "-std=c++11", "-Wall", "-Wextra", "-Werror",
               "-I" + (library / "src").string(), "-I" + (library / "examples" / "mine").string(),
               folder / "main.cpp", "-o", program},
              output),
        output);
    INFO(compiled.text);
    REQUIRE(compiled.code == 0);
    const Outcome answered = wait_for(start({program}, output), output);
    CHECK(answered.code == 0);
    CHECK(std::count(answered.text.begin(), answered.text.end(), '\n') == 3);  // sequences
    answers.push_back(std::stod(answered.text));
  }
  // The clock of the sketch counts in ticks, and integers compute what floating point does.
  CHECK(answers[1] == Approx(answers[0]).margin(0.02));
  CHECK(answers[2] == Approx(answers[0]).margin(0.02));
  CHECK(answers[4] == Approx(answers[3]).margin(0.02));

  // Nothing is left where it cannot be written, and nothing is replaced.
  const auto before = content_of(folder / "");
  for (const fs::path& out :
       {folder / "library0", folder / "none" / "library", folder / "main.cpp"}) {
    const Outcome refused =
        call(folder, {"export", folder / "gated", "--to", "arduino", "--out", out});
    CHECK(refused.code == 2);
    check_mentions(refused.errors, {"--out ", out.string()});
  }
  CHECK(content_of(folder / "") == before);
}

TEST_CASE("sequence_tasks: export tests rounded weights where the data are still there") {
  const TemporaryFolder folder;
  std::ostringstream csv;
  csv << "sequence,x,label\n";
  for (int s = 0; s < 40; ++s) csv << s << ',' << s % 2 << ',' << s % 2 << '\n';
  write_file(folder / "mine.csv", csv.str());
  REQUIRE(call(folder, {"train", "--task", "csv", "--data", folder / "mine.csv", "--hidden", "3",
                        "--epochs", "1", "--out", folder / "run"})
              .code == 0);
  fs::remove(folder / "mine.csv");
  // Integers need training sequences.
  const Outcome refused = call(folder, {"export", folder / "run", "--to", "header", "--arithmetic",
                                        "int8", "--out", folder / "network"});
  CHECK(refused.code == 2);
  check_mentions(refused.errors, {"mine.csv"});
  CHECK(!fs::exists(folder / "network"));
  const Words words{"export", folder / "run", "--storage", "int8", "--out", folder / "network"};
  const Outcome untested = call(folder, words);
  CHECK(untested.code == 0);
  check_mentions(untested.text, {"parameters", "not tested as stored", "mine.csv"});
  CHECK(fs::exists(folder / "network"));
  write_file(folder / "mine.csv", csv.str());
  check_mentions(call(folder, words).text, {"as trained", "as stored"});
}

}  // namespace sequence_tasks_export_test
