/**
 * Aim: the best list gives the cheapest state first, by contents among equals. Method: random pushes against a sort.
 */
import t from 'tap';
import { HostStates } from '../../../../../controller/core/packing/host-states.ts';
import { Ranking } from '../../../../../controller/core/packing/ranking.ts';
import { createTestRng } from '../../../../kit/rng.ts';

t.test('entries leave in order of loss, then of contents', async (t) => {
  const rng = createTestRng('ranking');
  const states = new HostStates();
  const ranking = new Ranking();
  ranking.clear(0);
  const entries: { readonly state: number; readonly loss: number; readonly cpu: number }[] = [];
  for (let cpu = 0; cpu < 500; cpu += 1) {
    const state = states.intern({ layout: 0, traits: 0, mode: 0, cpu: 1_000 - cpu }, new Int32Array(0), 0);
    const loss = rng.integer(20);
    entries.push({ state, loss, cpu: 1_000 - cpu });
    ranking.push(state, loss, states);
    t.ok(ranking.has(state), 'is in');
  }
  entries.sort((a, b) => a.loss - b.loss || a.cpu - b.cpu);
  const popped: number[] = [];
  while (ranking.length > 0) {
    popped.push(ranking.top);
    ranking.pop(states);
  }
  t.same(
    popped,
    entries.map(({ state }) => state),
    'as sorted',
  );
});
