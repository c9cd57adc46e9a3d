#include "log_mel.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <numbers>
#include <unsupported/Eigen/FFT>

#include "glstm/core/error.hpp"

namespace sequence_tasks {
namespace {

using Eigen::MatrixXd, Eigen::VectorXd;
using glstm::Index;

/// Returns the filters [bands,bins]: triangles over the frequencies of a Fourier transform.
MatrixXd mel_filters(Index bands, Index bins, double rate) {
  const auto mel = [](double frequency) { return 2595 * std::log10(1 + frequency / 700); };
  const double spacing = mel(rate / 2) / static_cast<double>(bands + 1);
  MatrixXd filters(bands, bins);
  for (Index bin = 0; bin < bins; ++bin) {
    const double frequency = rate / 2 * static_cast<double>(bin) / static_cast<double>(bins - 1);
    for (Index band = 0; band < bands; ++band) {
      const double centre = spacing * static_cast<double>(band + 1);
      filters(band, bin) = std::max(0.0, 1 - std::abs(mel(frequency) - centre) / spacing);
    }
  }
  glstm::detail::require((filters.rowwise().sum().array() > 0).all(),
                         "--mel-bands: expected fewer bands at ", rate, " samples per second, got ",
                         bands);
  return filters;
}

}  // namespace

std::vector<double> log_mel_spectra(const std::vector<double>& samples, double rate, Index bands) {
  const Index size = static_cast<Index>(samples.size());
  const Index length = std::max<Index>(2, std::lround(0.025 * rate));
  const Index hop = std::max<Index>(1, std::lround(0.010 * rate));
  Index transform = 2;
  while (transform < length) transform *= 2;
  const MatrixXd filters = mel_filters(bands, transform / 2 + 1, rate);
  const VectorXd window = VectorXd::NullaryExpr(length, [&](Index n) {
    return 0.5 - 0.5 * std::cos(2 * std::numbers::pi * (static_cast<double>(n) + 0.5) /
                                static_cast<double>(length));
  });
  const double least = 1e-10 * window.squaredNorm();
  Eigen::FFT<double> fourier;
  std::vector<double> spectra, frame(static_cast<std::size_t>(transform));
  std::vector<std::complex<double>> spectrum;
  for (Index first = 0; first == 0 || first + length <= size; first += hop) {
    std::fill(frame.begin(), frame.end(), 0.0);
    for (Index n = 0; n < std::min(length, size - first); ++n) {
      frame[static_cast<std::size_t>(n)] = window(n) * samples[static_cast<std::size_t>(first + n)];
    }
    fourier.fwd(spectrum, frame);
    VectorXd energy(transform / 2 + 1);
    for (Index bin = 0; bin < energy.size(); ++bin) {
      energy(bin) = std::norm(spectrum[static_cast<std::size_t>(bin)]);
    }
    const VectorXd bands_of_frame = filters * energy;
    for (const double band : bands_of_frame) spectra.push_back(std::log(band + least));
  }
  return spectra;
}

}  // namespace sequence_tasks
