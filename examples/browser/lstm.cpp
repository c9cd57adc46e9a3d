// The LSTM of the page: the functions that the script calls. The network and its arithmetic are in
// the exported header.
#include <emscripten.h>
#include <stdint.h>
#include <string.h>

// Both headers may have the same namespace. In an unnamed one their tables and classes do not merge
// at link time.
namespace {
#include WEB_DEMO_LSTM_HEADER
}
namespace network = WEB_DEMO_LSTM_NAMESPACE;

static network::Model model;
static double multiply_accumulates = 0;
static float image[784];

extern "C" {

EMSCRIPTEN_KEEPALIVE int lstm_neurons() { return network::Model::neurons; }

EMSCRIPTEN_KEEPALIVE void lstm_reset() {
  model.reset();
  multiply_accumulates = 0;
}

// One step, and the multiply-accumulates that the header spends in it without the readout.
EMSCRIPTEN_KEEPALIVE void lstm_step(float pixel) {
  model.advance(&pixel);
  constexpr int neurons = network::Model::neurons;
  multiply_accumulates += 4 * neurons * (network::Model::inputs + neurons);
}

// The logits after the last step, [10].
EMSCRIPTEN_KEEPALIVE const float* lstm_output() { return model.output(); }

EMSCRIPTEN_KEEPALIVE double lstm_multiply_accumulates() { return multiply_accumulates; }

// Reads a whole image, pixels [steps], in a stream of its own; the page takes the time of this.
EMSCRIPTEN_KEEPALIVE float lstm_read(const float* pixels, int steps) {
  static network::Model reader;
  reader.reset();
  for (int t = 0; t < steps; ++t) reader.advance(pixels + t);
  return reader.output()[0];
}

// Where the page puts the image that glstm_read and lstm_read take.
EMSCRIPTEN_KEEPALIVE float* image_to_read() { return image; }

}  // extern "C"
