// node onnx_check.mjs FOLDER: runs the models of onnx_cases in onnxruntime and compares the answers
// with those of the networks. Ends with 77, the test then being skipped, where onnxruntime-node is
// not installed: it is looked for in the folders above this one and in NODE_PATH.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';

const load = createRequire(import.meta.url);
let ort;
try {
  ort = load('onnxruntime-node');
} catch (error) {
  console.log(`skipped: onnxruntime-node cannot be loaded: ${error.message.split('\n')[0]}`);
  process.exit(77);
}

const arrays = {float32: Float32Array, float64: Float64Array, int32: Int32Array};

const tensor = ({type, dims, data}) => new ort.Tensor(type, arrays[type].from(data), dims);

/// The largest difference; infinity where a shape differs or a number is missing. null: any.
function difference(expected, actual) {
  if (JSON.stringify(expected.dims) !== JSON.stringify(actual.dims)) return Infinity;
  let largest = 0;
  expected.data.forEach((value, n) => {
    if (value === null) return;
    const distance = Math.abs(value - actual.data[n]);
    largest = distance <= largest ? largest : Number.isNaN(distance) ? Infinity : distance;
  });
  return largest;
}

/// Step n of an input: x [T,B,I], t [B,T].
function step(name, {type, dims, data}, n) {
  if (name === 'x') {
    const size = dims[1] * dims[2];
    return {type, dims: [1, dims[1], dims[2]], data: data.slice(n * size, (n + 1) * size)};
  }
  return {type, dims: [dims[0], 1], data: data.filter((_, place) => place % dims[1] === n)};
}

/// The answers of a model that is run step by step, each on the states that the step before left.
async function runInSteps(session, inputs) {
  const steps = inputs.x.dims[0];
  const states = Object.keys(inputs).filter((name) => name.startsWith('layer'));
  const feeds = Object.fromEntries(states.map((name) => [name, tensor(inputs[name])]));
  const answers = [];
  let last;
  for (let n = 0; n < steps; ++n) {
    for (const name of ['x', 't'].filter((key) => key in inputs)) {
      feeds[name] = tensor(step(name, inputs[name], n));
    }
    last = await session.run(feeds);
    for (const name of states) feeds[name] = last[name.replace(/0$/, '1')];  // "layer0.h0", ".h1"
    answers.push(...last.y.data);
  }
  const everyStep = last.y.dims.length === 3;
  return {...last, y: everyStep ? {dims: [steps, ...last.y.dims.slice(1)], data: answers} : last.y};
}

const folder = process.argv[2];
const cases = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8'));
let failures = 0;
const largest = {};
for (const {name, model, inputs, y, states, tolerance} of cases) {
  const session = await ort.InferenceSession.create(join(folder, model), {logSeverityLevel: 2});
  const feeds = {};
  for (const key of Object.keys(inputs)) feeds[key] = tensor(inputs[key]);
  const compare = (answers) => Math.max(difference(y, answers.y),
      ...Object.keys(states).map((state) => difference(states[state], answers[state])));
  let found = compare(await session.run(feeds));
  if (Object.keys(states).length > 0 && !inputs.lengths) {
    found = Math.max(found, compare(await runInSteps(session, inputs)));
  }
  const failed = !(found <= tolerance);
  failures += failed;
  const type = inputs.x.type;
  largest[type] = Math.max(largest[type] ?? 0, found);
  console.log(`${failed ? 'FAILED' : 'ok    '} ${found.toExponential(1)}  ${name}`);
}
console.log(`onnxruntime ${ort.env.versions.node}: ${cases.length} models, ${failures} failures, ` +
            `largest differences ${JSON.stringify(largest)}`);
process.exit(failures === 0 && cases.length > 0 ? 0 : 1);
