/**
 * Aim: chance repeats by seed and is even; ids are unique, sortable and bounded whatever the clock does. Method: fixed
 * seeds, coarse counts, and a clock that stands still or steps back.
 */
import t from 'tap';
import { createIdSource } from '../../../../proto/runtime/id-source.ts';
import { createRng, createSystemRng } from '../../../../proto/runtime/rng.ts';
import { createSimClock } from '../../../kit/sim-clock.ts';

const draw = (seed: number, count = 5) => {
  const rng = createRng(seed);
  return Array.from({ length: count }, () => rng.integer(1_000_000));
};

t.test('equal seeds give equal draws, other seeds others', async (t) => {
  t.strictSame(draw(1), draw(1));
  t.notSame(draw(1), draw(2));
  t.notSame(draw(1), draw(2 ** 32 + 1), 'high bits count');
});

t.test('the sequence never changes: recorded runs depend on it', async (t) => {
  t.strictSame(draw(42), GOLDEN);
});

t.test('a split stream is its own and does not disturb its parent', async (t) => {
  const parent = createRng(7);
  const before = createRng(7);
  const child = parent.split('net');
  child.fraction();
  t.equal(parent.fraction(), before.fraction());
  t.equal(createRng(7).split('net').fraction(), createRng(7).split('net').fraction());
  t.not(createRng(7).split('net').fraction(), createRng(7).split('disk').fraction());
});

t.test('draws are within bounds and about even', async (t) => {
  const rng = createRng(3);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let index = 0; index < 20_000; index += 1) {
    const fraction = rng.fraction();
    if (fraction < 0 || fraction >= 1) t.fail(`fraction ${fraction}`);
    const cell = rng.integer(10);
    counts[cell] = (counts[cell] ?? 0) + 1;
  }
  for (const count of counts) t.ok(count > 1800 && count < 2200, String(count));
  t.not(createSystemRng().fraction(), createSystemRng().fraction());
});

t.test('ids have their prefix, one length, and sort by time', async (t) => {
  const clock = createSimClock();
  const ids = createIdSource(clock);
  const first = ids.mint('job');
  clock.advance(1);
  const second = ids.mint('job');
  t.match(first, /^job_[0-9a-hjkmnp-tv-z]{20}$/);
  t.ok(first < second);
  t.match(ids.mint('project'), /^prj_/);
});

t.test('ids rise strictly within a millisecond and across steps back', async (t) => {
  const clock = createSimClock();
  const ids = createIdSource(clock);
  let last = '';
  for (let index = 0; index < 5000; index += 1) {
    if (index % 1000 === 999) clock.stepWall(-60_000);
    const id = ids.mint('job');
    if (id <= last) t.fail(`${id} after ${last}`);
    last = id;
  }
});

t.test('a tail that overflows borrows the next millisecond', async (t) => {
  const ids = createIdSource(createSimClock(), { bytes: (count) => new Uint8Array(count).fill(255) });
  const first = ids.mint('job');
  const second = ids.mint('job');
  t.match(first, /z{11}$/);
  t.match(second, /0{11}$/);
  t.ok(first < second);
});

t.test('tokens are 43 characters of base64url and never repeat', async (t) => {
  const ids = createIdSource(createSimClock());
  const tokens = Array.from({ length: 100 }, () => ids.token());
  for (const token of tokens) t.match(token, /^[A-Za-z0-9_-]{43}$/);
  t.equal(new Set(tokens).size, 100);
});

/** First draws of seed 42 below a million. */
const GOLDEN: readonly number[] = [548_852, 769_650, 772_984, 747_012, 750_456];
