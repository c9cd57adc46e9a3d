#include "sequence_tasks/log_mel.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <vector>

#include "catch.hpp"

namespace log_mel_test {

using glstm::Index;

namespace {

std::vector<double> tone(double frequency, double rate, double seconds) {
  std::vector<double> samples;
  for (double n = 0; n < seconds * rate; ++n) {
    samples.push_back(std::sin(2 * std::numbers::pi * frequency * n / rate));
  }
  return samples;
}

}  // namespace

TEST_CASE("log-mel spectra: a tone is loudest in the band around it, in every frame") {
  constexpr Index bands = 20;
  constexpr double rate = 8000;
  const double spacing = 2595 * std::log10(1 + rate / 2 / 700) / (bands + 1);
  for (const Index band : {3, 10, 17}) {
    const double frequency =
        700 * (std::pow(10, spacing * static_cast<double>(band + 1) / 2595) - 1);
    const std::vector<double> spectra =
        sequence_tasks::log_mel_spectra(tone(frequency, rate, 0.1), rate, bands);
    REQUIRE(spectra.size() == 8 * bands);  // 25 ms every 10 ms of 100 ms
    for (std::ptrdiff_t frame = 0; frame < 8; ++frame) {
      const auto first = spectra.begin() + frame * bands;
      CHECK(std::max_element(first, first + bands) - first == band);
    }
  }
}

TEST_CASE("log-mel spectra: ten times as loud adds log 100, silence has a least value") {
  std::vector<double> samples = tone(1000, 8000, 0.06);
  const std::vector<double> quiet = sequence_tasks::log_mel_spectra(samples, 8000, 4);
  for (double& sample : samples) sample *= 10;
  const std::vector<double> loud = sequence_tasks::log_mel_spectra(samples, 8000, 4);
  CHECK(loud[1] - quiet[1] == Approx(std::log(100)).margin(1e-6));
  for (const double value : sequence_tasks::log_mel_spectra(std::vector<double>(300), 8000, 4)) {
    CHECK(value == Approx(std::log(1e-10 * 75)).margin(1e-3));  // 75: the window's squares
  }
}

TEST_CASE("log-mel spectra: a short recording has one frame, and too many bands are an error") {
  CHECK(sequence_tasks::log_mel_spectra({0.5}, 8000, 4).size() == 4);
  check_mentions(error_of([] { sequence_tasks::log_mel_spectra({0.5}, 8000, 128); }),
                 {"--mel-bands", "fewer", "8000", "128"});
}

}  // namespace log_mel_test
