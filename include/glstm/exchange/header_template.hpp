// The text of exported networks, with placeholders for fill_template. It is C99 and C++17 alike;
// only the frame differs. @p@ is the prefix of all names in C, and nothing in C++, where a
// namespace holds them.
#pragma once

#include <string_view>

#include "glstm/core/abi.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::header {

inline constexpr std::string_view cpp_introduction =
    R"(// A recurrent network in one header, written by glstm. It needs C++17 and nothing
// of a library but <stdint.h> and <string.h>, never allocates memory and never throws.
//
//     @summary@
//     @numbers@
//
//     @name_space@::Model network;
//     const @y@* y = network.step(x@t@);  // x[@inputs@] is the input@at_time@, y[@outputs@] the output
//
// A Model holds the state of one stream; the weights are constants. The class Model is at the end
// of the file.
#pragma once

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 201703L
#error "this header needs C++17 or later: compile with -std=c++17, or /std:c++17"
#else

#include <stdint.h>
#include <string.h>
@includes@
namespace @name_space@ {

)";

inline constexpr std::string_view c_introduction =
    R"(/* A recurrent network in one header, written by glstm. It needs C99 and nothing of a
 * library but <stdint.h> and <string.h>, and never allocates memory. One source file includes it.
 *
 *     @summary@
 *     @numbers@
 *
 *     static @p@state network;
 *     @p@reset(&network);
 *     @p@step(&network, x@t@, y);  // x[@inputs@] is the input@at_time@, y[@outputs@] the output
 *
 * A state is that of one stream. The functions to call are at the end of the file. The constants are
 * placed by @P@TABLE, which may be defined before this file is included:
 *
 *     #define @P@TABLE static const __attribute__((section(".flash")))
 */
#ifndef @p@INCLUDED
#define @p@INCLUDED

#include <stdint.h>
#include <string.h>
@includes@
#ifndef @P@TABLE
#define @P@TABLE static const
#endif

)";

inline constexpr std::string_view types =
    R"(typedef @number@ @p@number; /* inputs and states */
typedef @sum@ @p@sum;
typedef @weight@ @p@weight;
typedef @output@ @p@output_number;
)";

inline constexpr std::string_view moment_type = "typedef @moment@ @p@moment; /* a time */\n";

inline constexpr std::string_view constants_struct =
    R"(/* The constants of a layer. The four gates of a neuron, i, f, g and o, stand together. */
typedef struct @p@constants {
  int index, first;       /* of the layer, and of its first neuron among those of all layers */
  int neurons, inputs;
@members@} @p@constants;

)";

inline constexpr std::string_view state_begin =
    R"(/* The state of one stream. */
typedef struct @p@state {
  @p@number h[@neurons@], c[@neurons@], next_h[@widest@];
)";

inline constexpr std::string_view gated_state =
    R"(  @p@sum fixed[@neurons@][4]; /* of an open neuron: what closed ones add to its gates */
  uint16_t open[@neurons@]; /* the open neurons of each layer */
  int open_count[@layers@];
)";

inline constexpr std::string_view gaussian_state =
    R"(  int next[@layers@]; /* which of the order opens next */
  @p@moment time; /* of the last step */
)";

inline constexpr std::string_view phased_state = "  uint8_t is_open[@neurons@];\n";

inline constexpr std::string_view state_end = "} @p@state;\n\n";

inline constexpr std::string_view opening_and_closing =
    R"(/* Neuron j opens: what it adds to the others is no longer fixed. */
static inline void @p@open_neuron(const @p@constants* layer, @p@state* stream, int j) {
  const @p@number* h = stream->h + layer->first;
  @p@sum(*fixed)[4] = stream->fixed + layer->first;
  uint16_t* open = stream->open + layer->first;
  const uint16_t opening = (uint16_t)(j);
  int count = stream->open_count[layer->index];
  for (int s = 0; s < count; ++s) {
    @p@add_listed(@p@weights_of(layer, open[s]), h, &opening, 1, -1, fixed[open[s]]);
  }
  open[count++] = opening;
  stream->open_count[layer->index] = count;
  memset(fixed[j], 0, sizeof fixed[j]);
  @p@add_all(@p@weights_of(layer, j), h, layer->neurons, fixed[j]);
  @p@add_listed(@p@weights_of(layer, j), h, open, count, -1, fixed[j]);
}

/* The neuron at a place in the list closes: from now on what it adds to the others is fixed. */
static inline void @p@close_neuron(const @p@constants* layer, @p@state* stream, int place) {
  const @p@number* h = stream->h + layer->first;
  @p@sum(*fixed)[4] = stream->fixed + layer->first;
  uint16_t* open = stream->open + layer->first;
  const uint16_t closing = open[place];
  const int count = --stream->open_count[layer->index];
  open[place] = open[count];
  for (int s = 0; s < count; ++s) {
    @p@add_listed(@p@weights_of(layer, open[s]), h, &closing, 1, 1, fixed[open[s]]);
  }
}

)";

inline constexpr std::string_view gaussian_windows =
    R"(/* Opens and closes the neurons of a layer. Between two events this is all that a step costs. */
static inline void @p@update_open(const @p@constants* layer, @p@state* stream, @p@moment t) {
  const uint16_t* open = stream->open + layer->first;
  int* next = &stream->next[layer->index];
  if (t < stream->time) stream->open_count[layer->index] = *next = 0; /* begin again */
  for (int s = stream->open_count[layer->index]; s-- > 0;) {
    if (layer->closes[open[s]] < t) @p@close_neuron(layer, stream, s);
  }
  for (; *next < layer->neurons && layer->opens[layer->order[*next]] <= t; ++*next) {
    const int j = layer->order[*next];
    if (t <= layer->closes[j]) @p@open_neuron(layer, stream, j);
  }
}

)";

inline constexpr std::string_view phased_windows =
    R"(/* A ramp up and down in the first r_on of every period, a leak after it; 0 below the threshold. */
static inline @p@number @p@openness(const @p@constants* layer, int j, @p@moment t) {
  const @p@number cycles = (t - layer->shift[j]) * layer->inverse_period[j], r = layer->r_on[j];
  @p@number whole = cycles; /* from 2^23 or 2^52 on there is no fraction */
  if (cycles < @whole@ && cycles > -@whole@) whole = (@p@number)((int64_t)(cycles));
  if (whole > cycles) whole -= 1;
  const @p@number phase = cycles - whole;
  @p@number k = layer->leak * phase;
  if (phase < r / 2) {
    k = 2 * phase / r;
  } else if (phase < r) {
    k = 2 - 2 * phase / r;
  }
  return k >= layer->threshold ? k : 0;
}

/* Opens and closes the neurons of a layer. */
static inline void @p@update_open(const @p@constants* layer, @p@state* stream, @p@moment t) {
  const uint16_t* open = stream->open + layer->first;
  uint8_t* is_open = stream->is_open + layer->first;
  for (int s = stream->open_count[layer->index]; s-- > 0;) {
    if (@p@openness(layer, open[s], t) > 0) continue;
    is_open[open[s]] = 0;
    @p@close_neuron(layer, stream, s);
  }
  for (int j = 0; j < layer->neurons; ++j) {
    if (is_open[j] || !(@p@openness(layer, j, t) > 0)) continue;
    is_open[j] = 1;
    @p@open_neuron(layer, stream, j);
  }
}

)";

inline constexpr std::string_view gated_layer =
    R"(/* One step of a layer's open neurons, whose input is x. */
static inline void @p@run(const @p@constants* layer, @p@state* stream, const @p@number* x,
                          @p@moment t) {
  @p@number *h = stream->h + layer->first, *c = stream->c + layer->first;
  const uint16_t* open = stream->open + layer->first;
  @p@update_open(layer, stream, t);
  const int count = stream->open_count[layer->index];
  for (int s = 0; s < count; ++s) {
    const int j = open[s];
    const @p@weight* w = @p@weights_of(layer, j);
    @p@sum hidden[4], input[4] = {0, 0, 0, 0};
    memcpy(hidden, stream->fixed[layer->first + j], sizeof hidden);
    @p@add_listed(w, h, open, count, 1, hidden);
    @p@add_all(@p@input_weights(layer, w), x, layer->inputs, input);
    stream->next_h[s] =
        @p@update(layer, j, hidden, input, @p@openness(layer, j, t), h[j], &c[j]);
  }
  for (int s = 0; s < count; ++s) h[open[s]] = stream->next_h[s]; /* until now, others read h */
}

)";

inline constexpr std::string_view plain_layer =
    R"(/* One step of a layer, whose input is x. */
static inline void @p@run(const @p@constants* layer, @p@state* stream, const @p@number* x) {
  @p@number *h = stream->h + layer->first, *c = stream->c + layer->first;
  for (int j = 0; j < layer->neurons; ++j) {
    const @p@weight* w = @p@weights_of(layer, j);
    @p@sum hidden[4] = {0, 0, 0, 0}, input[4] = {0, 0, 0, 0};
    @p@add_all(w, h, layer->neurons, hidden);
    @p@add_all(@p@input_weights(layer, w), x, layer->inputs, input);
    stream->next_h[j] = @p@update(layer, j, hidden, input, @one@, h[j], &c[j]);
  }
  memcpy(h, stream->next_h, (size_t)(layer->neurons) * sizeof *h);
}

)";
inline constexpr std::string_view public_functions =
    R"(/* Sets the state to the initial one. */
static inline void @p@reset(@p@state* stream) {
  memset(stream, 0, sizeof *stream);
@initial@}

/* A step without its output, for when only the output of a later step is needed.@x_read@ */
static inline void @p@advance(@p@state* stream, const @p@number* x@time_parameter@) {
@advance@}

/* Writes the output after the last step, y [outputs]. */
static inline void @p@output(const @p@state* stream, @p@output_number* y) {
@output@}

/* Takes the input x [inputs]@at_time@ and writes the output y [outputs]. */
static inline void @p@step(@p@state* stream, const @p@number* x@time_parameter@,
                           @p@output_number* y) {
  @p@advance(stream, x@time_argument@);
  @p@output(stream, y);
}

)";

/// Rounding may have moved `at` before the window.
inline constexpr std::string_view corrected_time =
    R"(  while ((@p@moment)(at - @origin@) < next) at += (at < 0 ? -at : at) * 2.220446049250313e-16;
)";

inline constexpr std::string_view next_event =
    R"(/* When a step next has something to compute: the time of the last step while a neuron is open, and
 * @never@ when none opens any more. Until then the state stays as it is. */
static inline @time@ @p@next_event(const @p@state* stream) {
  static const @p@constants* const layers[] = {@layers@};
  @p@moment next = @never@;
  for (int l = 0; l < (int)(sizeof layers / sizeof *layers); ++l) {
    if (stream->open_count[l] > 0) return @last@;
    if (stream->next[l] >= layers[l]->neurons) continue;
    const @p@moment opens = layers[l]->opens[layers[l]->order[stream->next[l]]];
    if (opens < next) next = opens;
  }
  if (next >= @never@) return @never@;
  @time@ at = @next@;
@correct@  return at;
}

)";

inline constexpr std::string_view model_class =
    R"(/// The network with the state of one stream.
class Model {
 public:
  static constexpr int inputs = @inputs@, outputs = @outputs@, layers = @layers@;
  static constexpr int neurons = @neurons@;  // of all layers

  /// The state of a layer.
  struct Layer {
    const constants* layer;
    const state* stream;
    const number* h() const { return stream->h + layer->first; }  ///< the hidden state [neurons]
    const number* c() const { return stream->c + layer->first; }  ///< the cell state [neurons]
@open_count@  };

  Model() { reset(); }

  /// Sets the state to the initial one.
  void reset() { ::@name_space@::reset(&state_); }

  /// Returns the output [outputs] after the input x [inputs]@at_time@; it is valid until the next
  /// call.
  const output_number* step(const number* x@time_parameter@) {
    advance(x@time_argument@);
    return output();
  }
  /// A step without its output.
  void advance(const number* x@time_parameter@) { ::@name_space@::advance(&state_, x@time_argument@); }
  /// Returns the output [outputs] after the last step.
  const output_number* output() {
    ::@name_space@::output(&state_, y_);
    return y_;
  }
@next_event@
@accessors@
 private:
  state state_;
  output_number y_[outputs];
};

)";

inline constexpr std::string_view cpp_ending =
    R"(}  // inline namespace: keeps networks with the same namespace apart in a program

}  // namespace @name_space@

#endif  // C++17
)";

inline constexpr std::string_view c_ending =
    R"(#endif /* @p@INCLUDED */
)";

inline constexpr std::string_view dot_product =
    R"(/* The sum of weights times values. */
static inline @p@sum @p@dot(const @p@weight* w, const @p@number* values, int count) {
  @p@sum result = 0;
  for (int n = 0; n < count; ++n) result += @p@load(w[n]) * values[n];
  return result;
}

)";

inline constexpr std::string_view is_finite =
    R"(/* By its bits, for -ffast-math assumes that every number is finite. */
typedef char @p@double_has_64_bits[sizeof(double) == sizeof(uint64_t) ? 1 : -1];
static inline int @p@is_finite(double t) {
  uint64_t bits;
  memcpy(&bits, &t, sizeof bits);
  return (~bits & 0x7ff0000000000000u) != 0;
}

)";

inline constexpr std::string_view finite_time =
    R"(  const @p@moment time = (@p@moment)(@t@);
  if (!@p@is_finite((double)(time))) { /* everything is closed */
@closed@    return;
  }
)";
inline constexpr std::string_view closed_gaussian =
    R"(    memset(stream->open_count, 0, sizeof stream->open_count);
    memset(stream->next, 0, sizeof stream->next);
)";
inline constexpr std::string_view closed_phased =
    R"(    memset(stream->open_count, 0, sizeof stream->open_count);
    memset(stream->is_open, 0, sizeof stream->is_open);
)";

inline constexpr std::string_view open_count_member =
    R"(    int open_count() const { return stream->open_count[layer->index]; }  ///< in the last step
)";
inline constexpr std::string_view next_event_member =
    R"(  /// When a step next has something to compute: the time of the last step while a neuron is open,
  /// and the largest number when none opens any more.
  @time@ next_event() const { return ::@name_space@::next_event(&state_); }
)";

}  // namespace detail::header
GLSTM_END_NAMESPACE
