// The page: draws, steps both networks once or more a frame, and shows what they do. `digits` are
// the stored images, and `createNetworks` instantiates the WebAssembly of glstm.cpp and lstm.cpp.
(async () => {
"use strict";

const side = 28, steps = side * side, classes = 10;
const element = (id) => document.getElementById(id);
const wasm = await createNetworks().catch(() => null);
if (wasm === null) {
  element("status").textContent = "This browser does not run WebAssembly.";
  return;
}

// ---- The networks -------------------------------------------------------------------------------

const neurons = {glstm: wasm._glstm_neurons(), lstm: wasm._lstm_neurons()};
const floats = (pointer, count) => wasm.HEAPF32.subarray(pointer >> 2, (pointer >> 2) + count);

// Which steps each neuron computes, [begin, end), and its row: neurons stand in the order of opening.
function windowsOfGlstm() {
  const opens = floats(wasm._glstm_opens(), neurons.glstm);
  const closes = floats(wasm._glstm_closes(), neurons.glstm);
  const rows = new Array(neurons.glstm);
  [...opens.keys()].sort((a, b) => opens[a] - opens[b]).forEach((neuron, row) => { rows[neuron] = row; });
  return rows.map((row, j) => ({
    row,
    begin: Math.max(0, Math.ceil(opens[j])),
    end: Math.max(0, Math.min(steps, Math.floor(closes[j]) + 1)),
  }));
}

// `bars` are the bars of the raster, and `awakeBars` which of them belong to awake neurons. All
// neurons of the LSTM share one bar, of the whole height.
const networks = [
  {
    prefix: "glstm", neurons: neurons.glstm, bars: windowsOfGlstm(),
    awake: () => wasm._glstm_open_count(),
    awakeBars: () => {
      const first = wasm._glstm_open() >> 1;
      return wasm.HEAPU16.subarray(first, first + wasm._glstm_open_count());
    },
  },
  {
    prefix: "lstm", neurons: neurons.lstm, bars: [{row: 0, begin: 0, end: steps}],
    awake: () => neurons.lstm,
    awakeBars: () => [0],
  },
];
for (const network of networks) {
  const article = element(network.prefix);
  const find = (name) => article.querySelector("." + name);
  Object.assign(network, {
    reset: wasm[`_${network.prefix}_reset`],
    step: wasm[`_${network.prefix}_step`],
    output: wasm[`_${network.prefix}_output`],
    work: wasm[`_${network.prefix}_multiply_accumulates`],
    read: wasm[`_${network.prefix}_read`],
    article, canvas: find("raster"), updates: 0, best: 0,
    texts: Object.fromEntries(["awake", "average", "work", "digit", "percent", "time"].map((n) => [n, find(n)])),
    meter: article.querySelector(".meter i"),
    answers: [...Array(classes).keys()].map((digit) => {
      const answer = find("bars").appendChild(document.createElement("div"));
      const bar = answer.appendChild(document.createElement("i")).appendChild(document.createElement("b"));
      answer.append(String(digit));
      return {answer, bar};
    }),
  });
}
const [glstm, lstm] = networks;
const lstmWork = 4 * neurons.lstm * (1 + neurons.lstm) * steps;

// ---- Reading ------------------------------------------------------------------------------------

const pixels = new Float32Array(steps);  // what the networks read, 0 to 1
let t = 0;                               // the steps done
let running = false;
let request = 0;                         // for the next frame
let example = null;                      // the stored digit that is shown, if one is
let timed = false;

function setState(state) {
  document.body.dataset.state = state;  // ready, reading, paused or read
  running = state === "reading";
  cancelAnimationFrame(request);
  element("start").textContent =
      running ? "Pause" : state === "paused" ? "Continue" : state === "read" ? "Again" : "Start";
}

function reset(message) {
  t = 0;
  for (const network of networks) {
    network.reset();
    network.updates = 0;
  }
  setState("ready");
  say(message);
  show();
}

function advance(count) {
  for (; count > 0 && t < steps; --count, ++t) {
    for (const network of networks) {
      network.step(pixels[t], t);
      network.updates += network.awake();
    }
  }
}

function oneFrame() {
  advance(Number(document.querySelector("input[name=speed]:checked").value));
  show();
  if (t === steps) finish();
}

function frame() {
  oneFrame();
  if (running) request = requestAnimationFrame(frame);
}

function startOrPause() {
  if (running) {
    setState("paused");
    say(`Paused at step ${t}. ` + answers("So far"));
    return;
  }
  if (!pixels.some((pixel) => pixel > 0)) {
    say("Draw a digit first.");
    return;
  }
  if (t === steps) reset("");
  setState("reading");
  say("Reading.");
  scrollToNetworks();
  request = requestAnimationFrame(frame);
}

// On a small screen the image moves to the top, so that the networks come into view.
function scrollToNetworks() {
  const raster = glstm.canvas.getBoundingClientRect();
  if (raster.bottom > innerHeight) document.querySelector(".input").scrollIntoView();
}

function finish() {
  setState("read");
  say((example === null ? "" : `Test image of a ${example}. `) + answers("Done:"));
  if (!timed) setTimeout(takeTimes, 100);
}

function answers(begin) {
  return `${begin} the g-LSTM answers ${glstm.best}, the LSTM ${lstm.best}.`;
}

function say(message) { element("status").textContent = message; }

// How long a network takes for an image when nothing is drawn: the best of a few, each of as many
// readings as the browser's clock needs.
function takeTimes() {
  timed = true;
  const image = wasm._image_to_read();
  floats(image, steps).set(pixels);
  for (const network of networks) {
    let best = Infinity;
    for (let repeat = 0; repeat < 3; ++repeat) {
      const begin = performance.now();
      let elapsed = 0, readings = 0;
      while (elapsed < 8) {
        network.read(image, steps);
        elapsed = performance.now() - begin;
        ++readings;
      }
      best = Math.min(best, elapsed / readings);
    }
    network.texts.time.textContent = `All 784 steps in this browser: ${best.toPrecision(2)} ms`;
  }
}

// ---- Showing ------------------------------------------------------------------------------------

const numbers = new Intl.NumberFormat("en");
let ink;  // a color of the theme

function readColors() {
  const style = (node, name) => getComputedStyle(node).getPropertyValue(name).trim();
  ink = style(document.body, "--ink");
  for (const network of networks) {
    const names = ["coming", "done", "awake"];
    network.colors = Object.fromEntries(names.map((name) => [name, style(network.article, "--" + name)]));
  }
}

// Text changes only where it differs, which spares the browser a layout.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function show() {
  showImage();
  setText(element("step"), String(t));
  networks.forEach(showRaster);
  networks.forEach(showNumbers);
  setText(element("ratio"), t === 0 ? "" :
      glstm.work() === 0 ? "The g-LSTM has not computed anything yet." :
      `So far the LSTM has done ${numbers.format(Math.round(lstm.work() / glstm.work()))} times the work.`);
}

function showNumbers(network) {
  const {texts} = network;
  setText(texts.awake, `${t === 0 ? 0 : network.awake()} of ${network.neurons}`);
  setText(texts.average, t === 0 ? "–" : (network.updates / t).toFixed(1));
  setText(texts.work, numbers.format(network.work()));
  network.meter.style.transform = `scaleX(${network.work() / lstmWork})`;

  const logits = floats(network.output(), classes), greatest = Math.max(...logits);
  const terms = Array.from(logits, (logit) => Math.exp(logit - greatest));
  const sum = terms.reduce((a, b) => a + b);
  network.best = logits.indexOf(greatest);
  setText(texts.digit, t === 0 ? "?" : String(network.best));
  setText(texts.percent, t === 0 ? "" : (100 / sum).toFixed(1) + " %");
  network.answers.forEach(({answer, bar}, digit) => {
    answer.classList.toggle("best", t > 0 && digit === network.best);
    bar.style.transform = `scaleY(${t === 0 ? 0 : terms[digit] / sum})`;
  });
}

// A canvas has as many pixels as the screen gives it. Its size is read here alone, for reading it
// in every frame costs a layout.
function fitRasters() {
  for (const network of networks) {
    const {canvas} = network, ratio = window.devicePixelRatio || 1;
    network.width = canvas.clientWidth;
    network.height = canvas.clientHeight;
    canvas.width = Math.round(network.width * ratio);
    canvas.height = Math.round(network.height * ratio);
    network.context = canvas.getContext("2d");
    network.context.scale(ratio, ratio);
    showRaster(network);
  }
}

// One row per bar, time from left to right: the steps to come are faint, the computed ones are not,
// the bars of awake neurons are the strongest, and a line moves along. Below, a strip with a cell for
// each neuron: the cells of awake ones are the strongest.
function showRaster(network) {
  const {context, width, bars, colors} = network, margin = 6, strip = 16, height = network.height - strip - 6;
  const pitch = (height - 2 * margin) / bars.length, thickness = Math.max(3, pitch);  // rows may overlap
  const x = (step) => step / steps * width, y = (bar) => margin + (bar.row + .5) * pitch;
  const fill = (bar, begin, end) => context.fillRect(x(begin), y(bar) - thickness / 2, x(end) - x(begin), thickness);
  context.clearRect(0, 0, width, network.height);
  context.fillStyle = colors.coming;
  for (const bar of bars) if (bar.end > t) fill(bar, Math.max(bar.begin, t), bar.end);
  context.fillStyle = colors.done;
  for (const bar of bars) if (bar.begin < t) fill(bar, bar.begin, Math.min(bar.end, t));
  const cell = width / network.neurons, gap = Math.min(1, cell / 4);
  const light = (row) => context.fillRect(row * cell, network.height - strip, cell - gap, strip);
  const awake = t === 0 ? [] : Array.from(network.awakeBars(), (n) => bars[n]), alike = bars.length === 1;
  for (let row = 0; row < network.neurons; ++row) {
    context.fillStyle = alike && t > 0 ? colors.awake : colors.coming;
    light(row);
  }
  context.fillStyle = colors.awake;
  for (const bar of awake) {
    fill(bar, alike ? Math.max(0, t - 10) : bar.begin, t);
    if (!alike) light(bar.row);
  }
  if (t === 0) return;
  context.fillStyle = ink;
  context.fillRect(Math.min(x(t), width - 1.5) - .5, 0, 1.5, height);
}

const small = Object.assign(document.createElement("canvas"), {width: side, height: side});

function paint(context, values) {
  const data = context.createImageData(side, side);
  for (let n = 0; n < steps; ++n) data.data.fill(Math.round(255 * values[n]), 4 * n, 4 * n + 3);
  for (let n = 0; n < steps; ++n) data.data[4 * n + 3] = 255;
  context.putImageData(data, 0, 0);
}

// The image, dark where it is not read yet, with a frame around the last pixel.
function showImage() {
  const canvas = element("image"), context = canvas.getContext("2d"), size = canvas.width / side;
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  if (t === 0 || t === steps) return;
  const row = Math.floor(t / side), column = t % side;
  context.fillStyle = "rgba(16, 24, 36, .68)";
  context.fillRect(column * size, row * size, (side - column) * size, size);
  context.fillRect(0, (row + 1) * size, canvas.width, canvas.height);
  context.fillStyle = "rgba(120, 180, 255, .25)";
  context.fillRect(0, Math.floor((t - 1) / side) * size, canvas.width, size);
  context.strokeStyle = "#ffd84d";
  context.lineWidth = 3;
  context.strokeRect((t - 1) % side * size, Math.floor((t - 1) / side) * size, size, size);
}

// ---- Drawing ------------------------------------------------------------------------------------

const drawing = element("draw"), pen = drawing.getContext("2d");
const strokes = [];  // each a list of points, 0 to 1

function trace(context, lines, place, width) {
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = width;
  context.strokeStyle = context.fillStyle = "#fff";
  for (const line of lines) {
    context.beginPath();
    line.forEach((point, n) => {
      const [x, y] = place(point);
      if (n === 0) context.moveTo(x, y); else context.lineTo(x, y);
      if (line.length === 1) context.lineTo(x + .01, y);
    });
    context.stroke();
  }
}

function showDrawing() {
  pen.clearRect(0, 0, drawing.width, drawing.height);
  trace(pen, strokes, ([x, y]) => [x * drawing.width, y * drawing.height], drawing.width * .075);
  if (strokes.length > 0) return;
  pen.fillStyle = "#8793a1";
  pen.font = "30px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.fillText("draw a digit", drawing.width / 2, drawing.height / 2 + 10);
}

// As MNIST was made: the longer side of the digit becomes 20 pixels, its centre of mass the centre
// of 28 x 28 pixels. The strokes are drawn anew, with a width of 2.6 pixels, and averaged 8 x 8.
function readDrawing() {
  pixels.fill(0);
  if (strokes.length > 0) {
    const fine = 8, penWidth = 2.6;
    const points = strokes.flat(), xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
    const left = Math.min(...xs), top = Math.min(...ys);
    const extent = Math.max(Math.max(...xs) - left, Math.max(...ys) - top, .05);
    const scale = (20 - penWidth) / extent;
    const canvas = Object.assign(document.createElement("canvas"), {width: side * fine, height: side * fine});
    const context = canvas.getContext("2d", {willReadFrequently: true});
    const draw = (dx, dy) => {
      context.clearRect(0, 0, canvas.width, canvas.height);
      trace(context, strokes, ([x, y]) => [((x - left) * scale + dx) * fine, ((y - top) * scale + dy) * fine],
            penWidth * fine);
      return context.getImageData(0, 0, canvas.width, canvas.height).data;
    };
    let mass = 0, massX = 0, massY = 0, data = draw(penWidth, penWidth);
    for (let n = 0; n < canvas.width * canvas.height; ++n) {
      const ink = data[4 * n + 3];
      mass += ink;
      massX += ink * (n % canvas.width + .5);
      massY += ink * (Math.floor(n / canvas.width) + .5);
    }
    data = draw(penWidth + side / 2 - massX / mass / fine, penWidth + side / 2 - massY / mass / fine);
    for (let n = 0; n < canvas.width * canvas.height; ++n) {
      const x = Math.floor(n % canvas.width / fine), y = Math.floor(n / canvas.width / fine);
      pixels[y * side + x] += data[4 * n + 3] / (255 * fine * fine);
    }
  }
  paint(small.getContext("2d"), pixels);
}

function choose(digit) {
  example = digit;
  for (const button of element("examples").children) {
    button.setAttribute("aria-pressed", String(button.dataset.digit === String(digit)));
  }
}

function load(stored) {
  strokes.length = 0;
  showDrawing();
  pixels.set(stored.pixels);
  paint(small.getContext("2d"), pixels);
  choose(stored.digit);
  reset(`Test image of a ${stored.digit}. Press Start.`);
}

function clear() {
  strokes.length = 0;
  showDrawing();
  readDrawing();
  choose(null);
  reset("Draw a digit, then press Start.");
}

let line = null;  // that is being drawn
const pointOf = (event) => {
  const box = drawing.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};
drawing.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || line !== null) return;
  drawing.setPointerCapture(event.pointerId);
  line = [pointOf(event)];
  strokes.push(line);
  choose(null);
  showDrawing();
  readDrawing();
  reset("Press Start when the digit is drawn.");
});
drawing.addEventListener("pointermove", (event) => {
  if (line === null) return;
  const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  for (const each of events.length > 0 ? events : [event]) line.push(pointOf(each));
  showDrawing();
  readDrawing();
  showImage();
});
for (const name of ["pointerup", "pointercancel"]) drawing.addEventListener(name, () => { line = null; });

// ---- Buttons and keys ---------------------------------------------------------------------------

for (const stored of digits) {
  stored.pixels = Float32Array.from(atob(stored.pixels), (byte) => byte.charCodeAt(0) / 255);
  const button = element("examples").appendChild(document.createElement("button"));
  button.type = "button";
  button.dataset.digit = stored.digit;
  button.setAttribute("aria-label", `Test image of a ${stored.digit}`);
  const picture = button.appendChild(Object.assign(document.createElement("canvas"), {width: side, height: side}));
  paint(picture.getContext("2d"), stored.pixels);
  button.addEventListener("click", () => load(stored));
}
element("start").addEventListener("click", startOrPause);
element("reset").addEventListener("click", () => reset("Back at the first step."));
element("clear").addEventListener("click", clear);
// A click with the mouse leaves the keys to the page.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button && event.detail > 0) button.blur();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat && event.key !== "ArrowRight") return;
  const onButton = event.target.closest("button") !== null, onSpeed = event.target.closest("fieldset") !== null;
  const stored = digits.find((d) => String(d.digit) === event.key);
  if (stored) load(stored);
  else if (event.key === " " && !onButton) startOrPause();
  else if (/^r$/i.test(event.key) || event.key === "Enter" && !onButton) reset("Back at the first step.");
  else if (event.key === "ArrowRight" && !onSpeed) {
    if (running || t === steps) return;
    setState("paused");
    say("");
    oneFrame();
  } else return;
  event.preventDefault();
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColors(); show(); });
new ResizeObserver(fitRasters).observe(document.querySelector(".networks"));

readColors();
fitRasters();
load(digits.find((stored) => stored.digit === 7));
})();
