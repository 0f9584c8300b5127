/**
 * Aim: no input makes a decoder that faces outside throw anything but an answer of ours, hang, or eat memory.
 * Method: seeded damage to valid inputs and messages drawn from their schemas, in watched threads; ten million
 * in the proof. Decoders that fail on purpose show that the watch sees.
 */
import t from 'tap';
import { createRng } from '../../proto/runtime/rng.ts';
import { readTestSeed } from '../kit/rng.ts';
import { runFuzz } from './fuzz-pool.ts';
import { inputOf, runShare, shareInputs, TARGETS } from './fuzz-run.ts';
import type { FuzzTarget } from './fuzz-target.ts';

const INPUTS = 100_000;

t.test(`${INPUTS} hostile inputs make nothing escape`, { timeout: 240_000 }, async (t) => {
  const seed = readTestSeed();
  const escapes: string[] = [];
  const tally = await runFuzz({
    inputs: INPUTS,
    seed,
    threads: 2,
    onEscape: ({ target, number, what }) =>
      escapes.push(
        `${what}; replay: npm run fuzz -- --target '${target}' --seed ${seed} --from ${number} --inputs 1`,
      ),
  });
  t.same(escapes, []);
  t.ok(tally.inputs >= INPUTS, `${tally.inputs} inputs`);
});

const failing = (run: () => unknown): FuzzTarget => ({
  name: 'on purpose',
  weight: 1,
  make: () => Buffer.from('x'),
  run,
});

t.test('what escapes is seen', async (t) => {
  const thrown = await runShare({ target: failing(() => JSON.parse('{')), from: 0, count: 1 }, 1);
  t.match(thrown, [{ number: 0, what: /^SyntaxError/ }]);
  const slow = failing(() => {
    const untilMs = performance.now() + 150;
    while (performance.now() < untilMs);
  });
  t.match(await runShare({ target: slow, from: 7, count: 1 }, 1), [{ number: 7, what: /^took \d+ ms/ }]);
  t.same(await runShare({ target: failing(() => 1), from: 0, count: 3 }, 1), []);
});

t.test('an input is decided by seed, target and number alone', async (t) => {
  for (const target of TARGETS) {
    const again = inputOf(target, 5, 17);
    t.same(Buffer.from(inputOf(target, 5, 17)), Buffer.from(again), target.name);
  }
  t.notSame(
    createRng(1)
      .split('a')
      .integer(2 ** 31),
    createRng(1)
      .split('b')
      .integer(2 ** 31),
  );
});

t.test('every target gets its share', async (t) => {
  const shares = shareInputs(10_000);
  t.equal(
    shares.reduce((sum, { count }) => sum + count, 0),
    10_000,
  );
  t.ok(shares.every(({ count }) => count > 0));
  t.equal(new Set(TARGETS.map(({ name }) => name)).size, TARGETS.length, 'names are unique');
});
