/**
 * Aim: equal hosts are one state, listed by id; dead states go away without mixing up the live ones. Method: a few
 * thousand states, compacted.
 */
import t from 'tap';
import { HostStates } from '../../../../../controller/core/packing/host-states.ts';

const FREE = { memory: 1, disk: 1 };

function stateOf(states: HostStates, cpu: number, ...gpus: number[]): number {
  return states.intern({ layout: 0, traits: 0, mode: 0, cpu }, Int32Array.from(gpus), gpus.length);
}

t.test('equal contents are one state', async (t) => {
  const states = new HostStates();
  t.equal(stateOf(states, 5, 1000, 500), stateOf(states, 5, 1000, 500), 'the same number');
  t.not(stateOf(states, 5, 1000, 500), stateOf(states, 5, 1000, 400), 'another share');
  t.not(stateOf(states, 5, 1000), stateOf(states, 5, 1000, 0), 'another number of GPUs');
});

t.test('hosts of a state ascend by id', async (t) => {
  const states = new HostStates();
  const ids = ['c', 'a', 'b'];
  const state = stateOf(states, 1);
  for (const host of [0, 1, 2]) states.add(state, host, ids, FREE);
  t.same(states.hosts[state], [1, 2, 0], 'a, b, c');
  states.remove(state, 2, ids);
  t.same(states.hosts[state], [1, 0], 'b left');
});

t.test('compacting drops the dead and keeps the living', async (t) => {
  const states = new HostStates();
  const ids = Array.from({ length: 5_000 }, (_, host) => String(host));
  for (let host = 0; host < 5_000; host += 1) states.add(stateOf(states, host, 1000), host, ids, FREE);
  for (let host = 0; host < 5_000; host += 1)
    if (host % 100 !== 7) states.remove(stateOf(states, host, 1000), host, ids);
  t.ok(states.isLittered(), 'most are dead');
  states.compact();
  t.notOk(states.isLittered(), 'none is now');
  t.equal(states.size, 50, 'only the living');
  for (const state of states.live)
    t.same(states.hosts[state], [states.cpuOf(state)], 'each with its own host');
  t.equal(
    stateOf(states, 107, 1000),
    states.live.find((state) => states.cpuOf(state) === 107),
    'still found',
  );
});
