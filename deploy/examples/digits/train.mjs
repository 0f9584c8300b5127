/**
 * Trains a small neural network on handwritten digits with nothing but Node. Its twin train.py does the same in
 * plain Python: the same network, the same order of samples, the same files. A checkpoint is kept after each
 * epoch, so a job that was stopped goes on where it was.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const CLASSES = 10;
const PIXELS = 64;
const PIXEL_MAX = 16;
/** One sample in five is held out. */
const TEST_SHARE = 5;

/** Mulberry32: tiny, seeded, and the same in every language. */
function randomSource(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffled(items, draw) {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(draw() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/** Rows of 64 pixels (0..16) and a label; pixels are scaled to 0..1. */
function loadSamples(path) {
  return readFileSync(path, 'ascii')
    .trimEnd()
    .split('\n')
    .map((line, at) => {
      const numbers = line.split(',').map(Number);
      const label = numbers.pop();
      if (numbers.length !== PIXELS || !(label >= 0 && label < CLASSES)) {
        throw new Error(`line ${at + 1} of ${path} is not a digit`);
      }
      return { pixels: Float64Array.from(numbers, (pixel) => pixel / PIXEL_MAX), label };
    });
}

function newModel(hidden, draw) {
  const layer = (outputs, inputs) => {
    const reach = Math.sqrt(6 / inputs);
    return Array.from({ length: outputs }, () =>
      Array.from({ length: inputs }, () => (draw() * 2 - 1) * reach),
    );
  };
  return {
    w1: layer(hidden, PIXELS),
    b1: Array.from({ length: hidden }, () => 0),
    w2: layer(CLASSES, hidden),
    b2: Array.from({ length: CLASSES }, () => 0),
  };
}

function weigh(row, values, bias) {
  let sum = 0;
  for (let at = 0; at < values.length; at += 1) sum += row[at] * values[at];
  return sum + bias;
}

/** Hidden activations (ReLU) and class probabilities (softmax). */
function forward(model, pixels) {
  const hidden = model.w1.map((row, unit) => Math.max(0, weigh(row, pixels, model.b1[unit])));
  const scores = model.w2.map((row, digit) => weigh(row, hidden, model.b2[digit]));
  const top = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - top));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return { hidden, chances: powers.map((power) => power / total) };
}

function addScaled(target, values, factor) {
  for (let at = 0; at < target.length; at += 1) target[at] += factor * values[at];
}

function likeliest(chances) {
  return chances.indexOf(Math.max(...chances));
}

/** One step of mini-batch gradient descent on the cross-entropy. Returns summed loss and right guesses. */
function trainBatch(model, batch, rate) {
  const units = model.w1.length;
  const grad1 = model.w1.map(() => new Float64Array(PIXELS));
  const grad2 = model.w2.map(() => new Float64Array(units));
  const bias1 = new Float64Array(units);
  const bias2 = new Float64Array(CLASSES);
  let loss = 0;
  let right = 0;
  for (const { pixels, label } of batch) {
    const { hidden, chances } = forward(model, pixels);
    loss -= Math.log(Math.max(chances[label], 1e-12));
    if (likeliest(chances) === label) right += 1;
    const errors = chances.map((chance, digit) => chance - (digit === label ? 1 : 0));
    addScaled(bias2, errors, 1);
    for (const [digit, error] of errors.entries()) addScaled(grad2[digit], hidden, error);
    for (let unit = 0; unit < units; unit += 1) {
      if (hidden[unit] <= 0) continue;
      const blame = errors.reduce((sum, error, digit) => sum + error * model.w2[digit][unit], 0);
      addScaled(grad1[unit], pixels, blame);
      bias1[unit] += blame;
    }
  }
  const step = -rate / batch.length;
  for (const [unit, row] of model.w1.entries()) addScaled(row, grad1[unit], step);
  for (const [digit, row] of model.w2.entries()) addScaled(row, grad2[digit], step);
  addScaled(model.b1, bias1, step);
  addScaled(model.b2, bias2, step);
  return { loss, right };
}

function accuracyOf(model, samples) {
  const right = samples.filter(({ pixels, label }) => likeliest(forward(model, pixels).chances) === label);
  return right.length / samples.length;
}

/** Accuracy per epoch, on training and held-out samples, as an SVG picture. */
function drawCurve(history) {
  const [left, right, top, bottom] = [70, 610, 50, 330];
  const least = Math.min(...history.flatMap((row) => [row.trainAccuracy, row.testAccuracy]));
  const low = Math.min(Math.floor(least * 10) / 10, 0.9);
  const last = Math.max(2, history.at(-1).epoch);
  const across = (epoch) => (left + ((right - left) * (epoch - 1)) / (last - 1)).toFixed(1);
  const upward = (share) => (bottom - ((bottom - top) * (share - low)) / (1 - low)).toFixed(1);
  const parts = [
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400" font-family="sans-serif" font-size="12">',
    '<rect width="640" height="400" fill="#ffffff"/>',
    '<text x="340" y="28" text-anchor="middle" font-size="16">Handwritten digits: accuracy per epoch</text>',
  ];
  for (let tick = 0; tick <= Math.round((1 - low) * 10); tick += 1) {
    const share = low + tick / 10;
    const y = upward(share);
    parts.push(`<line x1="${left}" y1="${y}" x2="${right}" y2="${y}" stroke="#dddddd"/>`);
    parts.push(`<text x="${left - 8}" y="${y}" text-anchor="end" dy="4">${Math.round(share * 100)} %</text>`);
  }
  for (let epoch = 1; epoch <= last; epoch += Math.max(1, Math.ceil(last / 10))) {
    parts.push(`<text x="${across(epoch)}" y="${bottom + 18}" text-anchor="middle">${epoch}</text>`);
  }
  parts.push(`<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="#333333"/>`);
  parts.push(`<text x="340" y="${bottom + 42}" text-anchor="middle">epoch</text>`);
  parts.push('<text transform="translate(20 190) rotate(-90)" text-anchor="middle">accuracy</text>');
  for (const [key, name, colour, y] of [
    ['trainAccuracy', 'training', '#9a6b00', 290],
    ['testAccuracy', 'held out', '#0b5cad', 310],
  ]) {
    const points = history.map((row) => `${across(row.epoch)},${upward(row[key])}`).join(' ');
    parts.push(`<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    parts.push(`<line x1="500" y1="${y}" x2="530" y2="${y}" stroke="${colour}" stroke-width="2"/>`);
    parts.push(`<text x="538" y="${y}" dy="4">${name}</text>`);
  }
  return [...parts, '</svg>', ''].join('\n');
}

/** A reader sees the old file or the new one, never half of it. */
function writeWhole(path, text) {
  writeFileSync(`${path}.part`, text);
  renameSync(`${path}.part`, path);
}

/** The state after the last finished epoch, if it belongs to the same settings. */
function loadCheckpoint(path, settings) {
  if (path === undefined || !existsSync(path)) return undefined;
  const found = JSON.parse(readFileSync(path, 'utf8'));
  return JSON.stringify(found.settings) === JSON.stringify(settings) ? found : undefined;
}

function rounded(model) {
  const short = (value) => Math.round(value * 1e6) / 1e6;
  const entries = Object.entries(model);
  return Object.fromEntries(
    entries.map(([name, rows]) => [
      name,
      rows.map((row) => (Array.isArray(row) ? row.map(short) : short(row))),
    ]),
  );
}

function parseSettings() {
  const text = (value) => ({ type: 'string', default: value });
  const options = {
    epochs: text('20'),
    hidden: text('32'),
    'learning-rate': text('0.2'),
    batch: text('16'),
    seed: text('7'),
  };
  const { values } = parseArgs({ options });
  const [epochs, hidden, rate, batch, seed] = Object.keys(options).map((name) => Number(values[name]));
  const counts = [epochs, hidden, batch];
  if (
    !counts.every((count) => Number.isInteger(count) && count > 0) ||
    !(rate > 0) ||
    !Number.isInteger(seed)
  ) {
    throw new Error('epochs, hidden, batch and learning rate must be positive');
  }
  // The number of epochs is not part of what a checkpoint depends on.
  return { epochs, lasting: { hidden, rate, batch, seed } };
}

function trainEpoch(model, train, epoch, { rate, batch, seed }) {
  const order = shuffled(train, randomSource(seed + 1000 + epoch));
  let [loss, right] = [0, 0];
  for (let first = 0; first < order.length; first += batch) {
    const done = trainBatch(model, order.slice(first, first + batch), rate);
    loss += done.loss;
    right += done.right;
  }
  return { loss: loss / train.length, trainAccuracy: right / train.length };
}

const round6 = (value) => Math.round(value * 1e6) / 1e6;

function openCheckpoint(settings) {
  const folder = process.env.NABLA_CHECKPOINT_DIR;
  if (!folder) return { path: undefined, state: undefined };
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'digits-node.json');
  return { path, state: loadCheckpoint(path, settings) };
}

function noteEpoch(row) {
  const epoch = String(row.epoch).padStart(2);
  console.log(
    `epoch ${epoch}  loss ${row.loss.toFixed(4)}  accuracy ${(row.testAccuracy * 100).toFixed(1)} %`,
  );
  if (!process.env.NABLA_METRICS_FILE) return;
  const metric = { step: row.epoch, loss: row.loss, accuracy: row.testAccuracy };
  appendFileSync(process.env.NABLA_METRICS_FILE, `${JSON.stringify(metric)}\n`);
}

function main() {
  const { epochs, lasting } = parseSettings();
  const startedAtMs = performance.now();
  const artifacts = process.env.NABLA_ARTIFACTS || 'artifacts';
  mkdirSync(artifacts, { recursive: true });
  const samples = shuffled(loadSamples(join(import.meta.dirname, 'digits.csv')), randomSource(lasting.seed));
  const heldOut = Math.floor(samples.length / TEST_SHARE);
  const [test, train] = [samples.slice(0, heldOut), samples.slice(heldOut)];
  console.log(
    `${train.length} samples to learn from, ${test.length} held out, Node ${process.versions.node}`,
  );

  const checkpoint = openCheckpoint(lasting);
  if (checkpoint.state) console.log(`going on after epoch ${checkpoint.state.history.length}`);
  const fresh = () => ({
    model: newModel(lasting.hidden, randomSource(lasting.seed + 1)),
    history: [],
    settings: lasting,
  });
  const state = checkpoint.state ?? fresh();
  const { model, history } = state;
  for (let epoch = history.length + 1; epoch <= epochs; epoch += 1) {
    const { loss, trainAccuracy } = trainEpoch(model, train, epoch, lasting);
    const testAccuracy = round6(accuracyOf(model, test));
    history.push({ epoch, loss: round6(loss), trainAccuracy: round6(trainAccuracy), testAccuracy });
    noteEpoch(history.at(-1));
    if (checkpoint.path) writeWhole(checkpoint.path, JSON.stringify(state));
  }

  const final = history.at(-1);
  const metrics = {
    accuracy: final.testAccuracy,
    trainAccuracy: final.trainAccuracy,
    loss: final.loss,
    epochs: history.length,
    seconds: Math.round(performance.now() - startedAtMs) / 1000,
    samples: samples.length,
    testSamples: test.length,
    runtime: `node ${process.versions.node}`,
  };
  const described = {
    kind: 'mlp',
    layers: [PIXELS, lasting.hidden, CLASSES],
    pixelMax: PIXEL_MAX,
    ...rounded(model),
  };
  writeWhole(join(artifacts, 'model.json'), `${JSON.stringify(described)}\n`);
  writeWhole(join(artifacts, 'learning-curve.svg'), drawCurve(history));
  writeWhole(join(artifacts, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
  console.log(
    `accuracy on held-out digits: ${(metrics.accuracy * 100).toFixed(1)} % after ${metrics.seconds.toFixed(1)} s`,
  );
}

main();
