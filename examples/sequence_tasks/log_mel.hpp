// What a recording sounds like every 10 ms: the logarithms of its energy in bands of frequency.
#pragma once

#include <vector>

#include "glstm/core/types.hpp"

namespace sequence_tasks {

/// Returns log-mel spectra [frames * bands], frame by frame: of every 10 ms of `samples`, the
/// natural logarithm of the energy in `bands` triangular filters whose centres are equally far
/// apart on the mel scale, mel(f) = 2595 log10(1 + f / 700), from 0 Hz to half of `rate`, the
/// samples per second. A frame sees 25 ms through a Hann window; a recording that is shorter is
/// filled with zeros. The energy of samples of 1e-5 is added, so that silence is finite. Throws
/// glstm::Error if the bands are so narrow that one lies between two frequencies of the Fourier
/// transform.
std::vector<double> log_mel_spectra(const std::vector<double>& samples, double rate,
                                    glstm::Index bands);

}  // namespace sequence_tasks
