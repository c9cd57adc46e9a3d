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
  const Words words{"export", folder / "run", "--storage", "int8", "--out", folder / "network"};
  const Outcome untested = call(folder, words);
  CHECK(untested.code == 0);
  check_mentions(untested.text, {"parameters", "not tested as stored", "mine.csv"});
  CHECK(fs::exists(folder / "network"));
  write_file(folder / "mine.csv", csv.str());
  check_mentions(call(folder, words).text, {"as trained", "as stored"});
}

}  // namespace sequence_tasks_export_test
