// The g-LSTM of the page: the functions that the script calls. The network and its arithmetic are
// in the exported header.
#include <emscripten.h>
#include <stdint.h>
#include <string.h>

// Both headers may have the same namespace. In an unnamed one their tables and classes do not merge
// at link time.
namespace {
#include WEB_DEMO_GLSTM_HEADER
}
namespace network = WEB_DEMO_GLSTM_NAMESPACE;

static network::Model model;
static double multiply_accumulates = 0;

extern "C" {

EMSCRIPTEN_KEEPALIVE int glstm_neurons() { return network::Model::neurons; }

// The first and the last time in the window of each neuron, [neurons].
EMSCRIPTEN_KEEPALIVE const float* glstm_opens() { return network::layer0_opens; }
EMSCRIPTEN_KEEPALIVE const float* glstm_closes() { return network::layer0_closes; }

EMSCRIPTEN_KEEPALIVE void glstm_reset() {
  model.reset();
  multiply_accumulates = 0;
}

// One step, and the multiply-accumulates that the header spends in it: `close_neuron`,
// `open_neuron` and `run` have the loops that are counted here. The readout is not counted.
EMSCRIPTEN_KEEPALIVE void glstm_step(float pixel, double t) {
  const auto layer = model.layer0();
  int open = layer.open_count(), closing = 0;
  for (int s = 0; s < open; ++s) {
    closing += network::layer0_closes[layer.stream->open[s]] < static_cast<float>(t);
  }
  model.advance(&pixel, t);
  for (; closing > 0; --closing) multiply_accumulates += 4 * --open;
  for (; open < layer.open_count(); ++open) {
    // The open neurons no longer take the opening one from their fixed sums, and it sums the
    // others.
    multiply_accumulates += 4 * open + 4 * network::Model::neurons + 4 * (open + 1);
  }
  multiply_accumulates += 4 * open * (network::Model::inputs + open);
}

// The logits after the last step, [10].
EMSCRIPTEN_KEEPALIVE const float* glstm_output() { return model.output(); }

// The neurons that were computed in the last step, [glstm_open_count].
EMSCRIPTEN_KEEPALIVE int glstm_open_count() { return model.layer0().open_count(); }
EMSCRIPTEN_KEEPALIVE const uint16_t* glstm_open() { return model.layer0().stream->open; }

EMSCRIPTEN_KEEPALIVE double glstm_multiply_accumulates() { return multiply_accumulates; }

// Reads a whole image, pixels [steps], in a stream of its own; the page takes the time of this.
EMSCRIPTEN_KEEPALIVE float glstm_read(const float* pixels, int steps) {
  static network::Model reader;
  reader.reset();
  for (int t = 0; t < steps; ++t) reader.advance(pixels + t, t);
  return reader.output()[0];
}

}  // extern "C"
