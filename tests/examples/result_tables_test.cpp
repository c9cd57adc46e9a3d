// The tables of Markdown files that sequence_tasks computes from recorded runs.
#include <algorithm>
#include <fstream>
#include <string>

#include "catch.hpp"
#include "examples/calling.hpp"
#include "temporary_folder.hpp"

namespace result_tables_test {
namespace {

const fs::path recorded = GLSTM_RESULTS;

const std::string claims = R"({"claims": [
  {"claim": "Few updates", "runs": "mnist-share-2", "lstm": "mnist-lstm",
   "wanted": {"accuracy": ">= mnist-lstm - 0.5", "updates": "<= 2",
              "training until 95": "< 0.1 * mnist-lstm"},
   "published": {"text": "97 %", "source": "https://example.org"}},
  {"claim": "More", "runs": "mnist-share-2",
   "wanted": {"accuracy": "> mnist-lstm + 0.5", "updates": "> 1", "macs": "> 0.04"}},
  {"claim": "Too few", "runs": "mnist-share-2", "wanted": {"updates": "<= 1.5"}},
  {"claim": "Both", "runs": "mnist-share-2",
   "wanted": {"accuracy": ">= 99.9", "updates": "<= 2 * not-there"}},
  {"claim": "Tomorrow", "runs": "mnist-share-3", "wanted": {"accuracy": ">= 98"}}]}
)";

const std::string page = R"(# Results

<!-- runs: mnist-share-2 "few"; mnist-share-3 "none" -->

<!-- until 95 "MNIST":
  mnist-share-2 "few";
  mnist-lstm "LSTM" -->
| an | old table |

<!-- speed: mnist-lstm "LSTM"; mnist-share-2 "few" -->
<!-- pairs: mnist-share-2 mnist-lstm "MNIST" -->
<!-- claims -->

The <!-- other --> end.
)";

/// A copy of some recorded runs, claims.json and a page.
struct Results {
  Results() {
    for (const std::string group : {"mnist-share-2", "mnist-lstm"}) {
      for (const char* seed : {"-s1", "-s2", "-s3"}) {
        const fs::path run = folder / (group + seed);
        fs::create_directories(run);
        for (const char* file : {"config.json", "log.csv", "metrics.json"}) {
          fs::copy_file(recorded / (group + seed) / file, run / file);
        }
      }
    }
    write_file(folder / "claims.json", claims);
    write_file(document, page);
  }

  Outcome tables(const Words& more = {}) const {
    return call(folder, Words{"tables", folder.path().string(), document.string()} + more);
  }

  TemporaryFolder folder;
  fs::path document = folder / "page.md";
};

void replace(const fs::path& file, const std::string& before, const std::string& after) {
  std::string text = text_in(file);
  const std::size_t at = text.find(before);
  REQUIRE(at != std::string::npos);
  write_file(file, text.replace(at, before.size(), after));
}

std::string line_of(const fs::path& file, const std::string& text) {
  const std::string all = text_in(file);
  const std::size_t at = all.find(text);
  REQUIRE(at != std::string::npos);
  return std::to_string(
      1 + std::count(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

void check_has(const std::string& text, const Words& parts) {
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("sequence_tasks tables: all tables of a page come from the runs") {
  const Results results;
  const Outcome done = results.tables();
  INFO(done.text);
  REQUIRE(done.code == 0);
  const std::string text = text_in(results.document);
  INFO(text);
  check_has(text, {"-->\n| run | seeds | test accuracy, % | updates, % |",
                   "| few | 3 | 98.64 (98.51 to 98.80) | 1.96 | 0.050 |", "| none | not run | - |",
                   "| until 95 % held-out accuracy, MNIST | seeds |", "| LSTM | 3 | 2.0 | 4.21 |",
                   "| MNIST | 98.64 % | 1.96 % | 15 s | 98.72 % in 697 s |",
                   "| Few updates: accuracy at least that of our LSTM minus 0.5, updates at most "
                   "2 %, training until 95 below 0.1 times that of our LSTM | 98.64 %",
                   "| [97 %](https://example.org) | 1.96 | 0.050 | 15.4 | reached |",
                   "| More: accuracy above that of mnist-lstm plus 0.5, updates above 1 %, ",
                   "| **missed**: accuracy 98.64 instead of above 99.22 |",
                   "| **missed**: updates 1.96 instead of at most 1.50 |",
                   "| **missed**: accuracy 98.64 instead of at least 99.90; not-there not run |",
                   "| Tomorrow: accuracy at least 98 % | not run | - | - | - | - | - | not run |",
                   "\nThe <!-- other --> end.\n"});
  CHECK(text.find("old table") == std::string::npos);
  check_has(done.text, {"has no finished runs named mnist-share-3, not-there"});
  CHECK(results.tables({"--check"}).code == 0);
  if (std::system("command -v gnuplot > /dev/null") == 0) {
    CHECK(fs::exists(results.folder / "claims.svg"));
  }
}

TEST_CASE("sequence_tasks tables: a picture shows what a budget buys") {
  const Results results;
  fs::create_directories(results.folder / "macs-0.05-110-s1");
  for (const char* run : {"macs-0.05-256-s1", "macs-5-256-s1"}) {
    fs::create_directories(results.folder / run);
    for (const char* file : {"config.json", "log.csv", "metrics.json"}) {
      fs::copy_file(recorded / "mnist-share-2-s1" / file, results.folder / run / file);
    }
  }
  const Outcome done = results.tables();
  INFO(done.text);
  REQUIRE(done.code == 0);
  if (std::system("command -v gnuplot > /dev/null") != 0) {
    WARN("skipped: there is no gnuplot");
    return;
  }
  const std::string picture = text_in(results.folder / "widths.svg");
  check_has(picture, {"0.05 million MACs", "5 million MACs", "> 256<", "1.96 %"});
  CHECK(picture.find("> 110<") == std::string::npos);  // a run that is not finished
}

TEST_CASE("sequence_tasks tables: --check names the line that differs and writes nothing") {
  const Results results;
  REQUIRE(results.tables().code == 0);
  const std::string written = text_in(results.document);
  replace(results.document, "98.64 (98.51", "98.65 (98.51");
  const auto before = content_of(results.folder.path().string());
  const Outcome changed = results.tables({"--check"});
  CHECK(changed.code == 1);
  check_has(changed.text, {"page.md:" + line_of(results.document, "98.65 (98.51"),
                           "\"runs\" of line 3", "got \"| few | 3 | 98.65"});
  CHECK(content_of(results.folder.path().string()) == before);
  REQUIRE(results.tables().code == 0);
  CHECK(text_in(results.document) == written);

  replace(results.folder / "mnist-lstm-s2/metrics.json", "\"accuracy\": 0.986,",
          "\"accuracy\": 0.987,");
  const Outcome other = results.tables({"--check"});
  CHECK(other.code == 1);
  check_has(other.text, {"page.md:" + line_of(results.document, "| MNIST | 98.64 %")});
}

TEST_CASE("sequence_tasks tables: of two pages, one wrong table changes neither") {
  const Results results;
  const fs::path second = results.folder / "second.md";
  write_file(second, "<!-- speed: mnist-lstm -->\n");
  const std::string before = text_in(results.document);
  const Outcome failed = results.tables({second.string()});
  CHECK(failed.code == 2);
  check_has(failed.text, {"second.md:1: expected the name of runs and a label in quotes"});
  CHECK(text_in(results.document) == before);
  write_file(second, "<!-- speed: mnist-lstm \"LSTM\" -->\n");
  REQUIRE(results.tables({second.string()}).code == 0);
  CHECK(text_in(results.document) != before);
  CHECK(results.tables({second.string(), "--check"}).code == 0);
  replace(second, "LSTM | 100.00", "LSTM | 99.00");
  const Outcome differs = results.tables({second.string(), "--check"});
  CHECK(differs.code == 1);
  check_has(differs.text, {"second.md:4"});
}

TEST_CASE("sequence_tasks tables: what is wrong is told, and the page stays") {
  const Results results;
  const auto check_fails = [&](const Words& messages) {
    const std::string before = text_in(results.document);
    const Outcome failed = results.tables();
    CHECK(failed.code == 2);
    check_has(failed.text, messages);
    CHECK(text_in(results.document) == before);
  };
  SECTION("a kind of table that does not exist") {
    replace(results.document, "<!-- until 95 \"MNIST\":", "<!-- til 95:");
    check_fails({"page.md:7: expected a comment that starts with the kind of the table"});
  }
  SECTION("a comment without an end") {
    write_file(results.document, "<!-- runs: mnist-lstm \"LSTM\"\n");
    check_fails({"page.md:1: expected a comment with its end"});
  }
  SECTION("an empty line between a comment and its table") {
    replace(results.document, "-->\n| an |", "-->\n\n| an |");
    check_fails({"page.md:8: expected the table directly below its comment"});
  }
  SECTION("a row without a label") {
    replace(results.document, "mnist-share-3 \"none\"", "mnist-share-3");
    check_fails({"page.md:3: expected the name of runs and a label in quotes"});
  }
  SECTION("a figure that does not exist") {
    replace(results.folder / "claims.json", "\"updates\": \"<= 1.5\"", "\"updats\": \"<= 1.5\"");
    check_fails({"claims.json: \"Too few\": expected accuracy, updates", "got \"updats\""});
  }
  SECTION("a limit that does not make sense") {
    replace(results.folder / "claims.json", "<= 1.5", "about 1.5");
    check_fails({"claims.json: \"Too few\"", "got \"about 1.5\""});
  }
  SECTION("a seed with other settings") {
    replace(results.folder / "mnist-lstm-s2/config.json", "\"learning_rate\": 0.02",
            "\"learning_rate\": 0.01");
    check_fails({"mnist-lstm-s2: expected the settings of"});
  }
  SECTION("a seed that trained for longer") {
    replace(results.folder / "mnist-lstm-s2/config.json", "\"epochs\": 10.0", "\"epochs\": 11.0");
    check_fails({"mnist-lstm-s2: expected the settings of"});
  }
}

}  // namespace result_tables_test
