"""Writes expected.json: what the amplifier models of this folder answer, computed from the
definitions of their formats in plain Python, apart from glstm."""
import json
import math
import pathlib

folder = pathlib.Path(__file__).parent


def lstm_step(w_ih, w_hh, b, x, h, c):
    """One step of an LSTM: w_ih [4H][I], w_hh [4H][H], b [4H], gates i, f, g, o."""
    size = len(h)
    z = [b[r] + sum(w * v for w, v in zip(w_ih[r], x)) + sum(w * v for w, v in zip(w_hh[r], h))
         for r in range(4 * size)]
    sigmoid = lambda v: 1 / (1 + math.exp(-v))
    i, f, o = ([sigmoid(v) for v in z[q * size:(q + 1) * size]] for q in (0, 1, 3))
    g = [math.tanh(v) for v in z[2 * size:3 * size]]
    c = [f[j] * c[j] + i[j] * g[j] for j in range(size)]
    return [o[j] * math.tanh(c[j]) for j in range(size)], c


def run(weights, readout, xs, state, skip):
    h, c = state
    answers = []
    for x in xs:
        h, c = lstm_step(*weights, [x], h, c)
        answers.append(sum(w * v for w, v in zip(readout[0], h)) + readout[1] + (x if skip else 0))
    return answers


def transposed(rows):
    return [list(column) for column in zip(*rows)]


xs = [math.sin(0.3 * n) + 0.5 * math.cos(1.7 * n) for n in range(20)]
expected = {"x": xs}

for name in ("rt_plain", "rt_in_skip", "rt_dense_tanh"):
    model = json.loads((folder / f"{name}.json").read_text())
    kernel, recurrent, bias = model["layers"][0]["weights"]  # Keras: [I][4H], gates i, f, c, o
    dense = model["layers"][1]["weights"]
    size = len(recurrent)
    expected[name] = run((transposed(kernel), transposed(recurrent), bias),
                         ([row[0] for row in dense[0]], dense[1][0]), xs,
                         ([0.0] * size, [0.0] * size), model.get("in_skip", 0))
    if model["layers"][1]["activation"] == "tanh":
        assert not model.get("in_skip", 0)
        expected[name] = [math.tanh(y) for y in expected[name]]

model = json.loads((folder / "rt_guitarml.json").read_text())
state = model["state_dict"]
size = model["model_data"]["hidden_size"]
bias = [a + b for a, b in zip(state["rec.bias_ih_l0"], state["rec.bias_hh_l0"])]
expected["rt_guitarml"] = run((state["rec.weight_ih_l0"], state["rec.weight_hh_l0"], bias),
                              (state["lin.weight"][0], state["lin.bias"][0]), xs,
                              ([0.0] * size, [0.0] * size), model["model_data"]["skip"])

model = json.loads((folder / "amp.nam").read_text())
size, numbers = model["config"]["hidden_size"], iter(model["weights"])
take = lambda count: [next(numbers) for _ in range(count)]
rows = [take(1 + size) for _ in range(4 * size)]
bias, h0, c0 = take(4 * size), take(size), take(size)
head, head_bias = take(size), take(1)[0]
assert next(numbers, None) is None
expected["amp"] = run(([row[:1] for row in rows], [row[1:] for row in rows], bias),
                      (head, head_bias), xs, (h0, c0), 0)

(folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
