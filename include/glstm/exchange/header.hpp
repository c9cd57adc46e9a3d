// Networks as one self-contained header of C++ or C, for devices without a file system.
#pragma once

#include <filesystem>
#include <string>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/exported_data.hpp"
#include "glstm/exchange/header_float.hpp"
#include "glstm/exchange/header_integer.hpp"
#include "glstm/exchange/header_options.hpp"
#include "glstm/exchange/header_text.hpp"
#include "glstm/exchange/header_writer.hpp"
#include "glstm/io/atomic_file.hpp"
#include "glstm/io/source_file.hpp"
#include "glstm/nn/fold_scaling.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// Returns the network as the text of a header that includes only <stdint.h> and <string.h>, and
/// neither allocates nor throws. In C++17:
///
///     model::Model network;
///     const float* y = network.step(x, t);  // x [I] is the input at time t; y [O] the output
///
/// In C99, with the same functions (advance, output, next_event) by the names model_advance ...:
///
///     static model_state network;
///     model_reset(&network);
///     model_step(&network, x, t, y);
///
/// The weights are constants. A Model, or a state, is that of one stream, which starts at zero.
/// `advance` is a step without its output, which `output` then computes; `next_event` tells when a
/// step next has something to compute. The output of a step is, to rounding, what Network::predict
/// returns for the steps so far, with either readout.
///
/// Closed neurons are not computed: a step costs 4 a (I + a) multiplications for the a open neurons
/// of a layer; a neuron that opens costs 4 H, and one that opens or closes 4 for each open neuron.
/// When the windows of a g-LSTM open and close is known, so that between two events a step asks no
/// gate.
///
/// The model takes and returns the numbers of the user's data, before scaling: see fold_scaling.
///
/// Throws Error if the network is bidirectional, a parameter is not finite, a time gate does not
/// accept its parameters, a weight is too large for float16, options.name_space is not an
/// identifier that a program may use, or weights are to be rounded whose features have scales that
/// differ by more than 16 times.
template <TimeGate Gate>
std::string to_header(const Network<Gate>& network, const HeaderOptions& options = {}) {
  detail::require(!network.options().bidirectional,
                  "expected a network that runs step by step, got a bidirectional one, which reads "
                  "sequences from both ends");
  detail::header::check_name(options.name_space, options.language);
  network.check_parameters();
  detail::header::check_rounding(network.data, options.storage);
  const Network<Gate> folded = fold_scaling(network);
  const detail::header::FloatContent<Gate> content(folded, options.storage);
  return detail::header::HeaderWriter(content.content(), options.name_space, options.language)
      .text();
}

/// Writes the network as a header to the file `path`, all or nothing. Errors name the file. Headers
/// that one source file includes need different names.
template <TimeGate Gate>
void save_header(const std::filesystem::path& path, const Network<Gate>& network,
                 const HeaderOptions& options = {}) {
  write_file_atomically(
      path, detail::naming_source(path.string(), [&] { return to_header(network, options); }));
}

/// Returns an LSTM or g-LSTM as a header that computes in integers alone, for processors without
/// floating point: weights of 8 bits, inputs and states of 16, sums of 32. Its functions are those
/// of to_header, with inputs int16_t x [I], times int32_t t in options.tick, and outputs int32_t
/// y [O]; `quantize` and `real_output` convert real numbers where there is floating point. The
/// scales are those that `calibration` needs, see calibrate. The result is that of IntegerNetwork,
/// to the last bit, on every processor.
///
/// Throws Error where IntegerNetwork does, and if options.name_space is not an identifier that a
/// program may use.
template <TimeGate Gate>
std::string to_integer_header(const Network<Gate>& network, const Calibration& calibration,
                              const IntegerHeaderOptions& options = {}) {
  detail::header::check_name(options.name_space, options.language);
  const IntegerNetwork integers(network, calibration, options.tick);
  const auto content = detail::header::integer_content(network, integers, options.tick);
  return detail::header::HeaderWriter(content, options.name_space, options.language).text();
}

/// Writes to_integer_header to the file `path`, all or nothing. Errors name the file.
template <TimeGate Gate>
void save_integer_header(const std::filesystem::path& path, const Network<Gate>& network,
                         const Calibration& calibration, const IntegerHeaderOptions& options = {}) {
  write_file_atomically(path, detail::naming_source(path.string(), [&] {
                          return to_integer_header(network, calibration, options);
                        }));
}

GLSTM_END_NAMESPACE
