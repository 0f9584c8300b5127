/**
 * Aim: the demo's training job does what its README says, in both languages. Method: run it for real with few
 * epochs in a folder of its own, and read back what it wrote; the twins must tell the same story.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { findProgram } from '../../kit/docker/programs.ts';
import { repoRoot } from '../../kit/repo-root.ts';
import { skipUnless } from '../../kit/skips.ts';

const EXAMPLE = join(repoRoot, 'deploy', 'examples', 'digits');
const TRAINING_TIMEOUT_MS = 60_000;
const EPOCHS = 6;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Metrics {
  readonly accuracy: number;
  readonly epochs: number;
  readonly samples: number;
  readonly testSamples: number;
  readonly runtime: string;
}

function train(
  folder: string,
  env: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<Outcome> {
  const given = {
    PATH: process.env['PATH'] ?? '',
    NABLA_ARTIFACTS: join(folder, 'artifacts'),
    NABLA_METRICS_FILE: join(folder, 'metrics.jsonl'),
    ...env,
  };
  return new Promise((resolve) => {
    const limits = { cwd: folder, env: given, timeout: TRAINING_TIMEOUT_MS };
    execFile('/bin/sh', [join(EXAMPLE, 'train.sh'), ...args], limits, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}

function newFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'nabla-digits-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const readMetrics = (folder: string): Metrics =>
  JSON.parse(readFileSync(join(folder, 'artifacts', 'metrics.json'), 'utf8'));

function readLines(folder: string): readonly { step: number; loss: number; accuracy: number }[] {
  const text = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trim();
  return text.split('\n').map((line) => JSON.parse(line));
}

t.test('the shipped data is the documented one', async (t) => {
  const data = readFileSync(join(EXAMPLE, 'digits.csv'));
  const page = readFileSync(join(repoRoot, 'docs', 'guide', 'data-sets.md'), 'utf8');
  t.match(page, createHash('sha256').update(data).digest('hex'), 'its checksum is on the page');
  t.equal(data.toString('ascii').trim().split('\n').length, 1797);
});

t.test('the Node twin learns, and leaves a model, metrics and a picture', async (t) => {
  const folder = newFolder(t);
  const ran = await train(folder, { RUNTIME: 'node' }, '--epochs', String(EPOCHS));
  t.equal(ran.code, 0, ran.stderr);
  t.equal(
    ran.stdout.split('\n').filter((line) => line.startsWith('epoch')).length,
    EPOCHS,
    'one line per epoch',
  );
  const metrics = readMetrics(folder);
  t.match(metrics, { epochs: EPOCHS, samples: 1797, testSamples: 359, runtime: /^node / });
  t.ok(metrics.accuracy > 0.93, `accuracy ${metrics.accuracy} is above 93 %`);
  const model = JSON.parse(readFileSync(join(folder, 'artifacts', 'model.json'), 'utf8'));
  t.same(model.layers, [64, 32, 10]);
  t.equal(scoreByHand(model), metrics.accuracy, 'the written weights give the accuracy that was claimed');
  const picture = readFileSync(join(folder, 'artifacts', 'learning-curve.svg'), 'utf8');
  t.equal(picture.match(/<polyline/g)?.length, 2, 'training and held-out accuracy');
  t.match(picture, /^<svg [^>]*>[\s\S]*<\/svg>\n$/);
  t.equal(readLines(folder).length, EPOCHS, 'one metric line per epoch');
});

t.test('the Python twin tells the same story', async (t) => {
  const python = await findProgram('python3');
  if (skipUnless(t, python, 'python3 is not installed')) return;
  const [left, right] = [newFolder(t), newFolder(t)];
  const [byPython, byNode] = [
    await train(left, { RUNTIME: 'python3' }, '--epochs', '3'),
    await train(right, { RUNTIME: 'node' }, '--epochs', '3'),
  ];
  t.equal(byPython.code, 0, byPython.stderr);
  t.equal(byNode.code, 0, byNode.stderr);
  for (const [at, row] of readLines(left).entries()) {
    const other = readLines(right)[at];
    t.ok(other && Math.abs(row.loss - other.loss) < 1e-4, `same loss after epoch ${row.step}`);
    t.ok(other && Math.abs(row.accuracy - other.accuracy) < 0.006, `same accuracy after epoch ${row.step}`);
  }
  t.ok(readMetrics(left).accuracy > 0.93, 'above 93 % already');
});

t.test('a stopped job goes on from its checkpoint and ends as if it had never stopped', async (t) => {
  const folder = newFolder(t);
  const env = { RUNTIME: 'node', NABLA_CHECKPOINT_DIR: join(folder, 'checkpoints') };
  await train(folder, env, '--epochs', '2');
  const second = await train(folder, env, '--epochs', '4');
  t.match(second.stdout, 'going on after epoch 2');
  const resumed = readMetrics(folder).accuracy;
  const whole = newFolder(t);
  await train(whole, { RUNTIME: 'node' }, '--epochs', '4');
  t.equal(resumed, readMetrics(whole).accuracy);
});

t.test('without a working python3 the shell script takes Node', async (t) => {
  const folder = newFolder(t);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const name of ['sh', 'dirname']) symlinkSync((await findProgram(name)) ?? '', join(bin, name));
  symlinkSync(process.execPath, join(bin, 'node'));
  const absent = await train(folder, { PATH: bin }, '--epochs', '1');
  t.match(absent, { code: 0, stdout: /Node / });
  writeFileSync(join(bin, 'python3'), '#!/bin/sh\nexit 127\n');
  chmodSync(join(bin, 'python3'), 0o755);
  const broken = await train(folder, { PATH: bin }, '--epochs', '1');
  t.match(broken, { code: 0, stdout: /Node / }, 'a launcher without a Python behind it counts as none');
  rmSync(join(bin, 'python3'));
  rmSync(join(bin, 'node'));
  const none = await train(folder, { PATH: bin });
  t.match(none, { code: 127, stderr: /neither python3 nor node/ });
});

t.test('wrong flags are refused', async (t) => {
  const ran = await train(newFolder(t), { RUNTIME: 'node' }, '--epochs', '0');
  t.not(ran.code, 0);
  t.match(ran.stderr, /must be positive/);
});

interface Model {
  readonly w1: number[][];
  readonly b1: number[];
  readonly w2: number[][];
  readonly b2: number[];
}

/** The accuracy that the written model has on the samples that seed 7 holds out, computed independently. */
function scoreByHand(model: Model): number {
  const rows = readFileSync(join(EXAMPLE, 'digits.csv'), 'ascii')
    .trim()
    .split('\n')
    .map((line) => line.split(',').map(Number));
  const held = shuffle(rows, 7).slice(0, Math.floor(rows.length / 5));
  const right = held.filter((row) => {
    const pixels = row.slice(0, 64).map((pixel) => pixel / 16);
    const hidden = layer(model.w1, model.b1, pixels).map((value) => Math.max(0, value));
    const scores = layer(model.w2, model.b2, hidden);
    return scores.indexOf(Math.max(...scores)) === row[64];
  });
  return Math.round((right.length / held.length) * 1e6) / 1e6;
}

function layer(weights: readonly number[][], biases: readonly number[], inputs: readonly number[]): number[] {
  return weights.map((row, at) =>
    row.reduce((sum, weight, from) => sum + weight * (inputs[from] ?? 0), biases[at] ?? 0),
  );
}

function shuffle<T>(items: readonly T[], seed: number): T[] {
  const order = [...items];
  let state = seed;
  for (let last = order.length - 1; last > 0; last -= 1) {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const other = Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * (last + 1));
    [order[last], order[other]] = [order[other] as T, order[last] as T];
  }
  return order;
}
