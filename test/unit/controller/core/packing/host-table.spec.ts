/**
 * Aim: exact figures by host, GPUs that keep their places, bounds. Method: by hand.
 */
import t from 'tap';
import { HostClasses } from '../../../../../controller/core/packing/host-classes.ts';
import { HostTable } from '../../../../../controller/core/packing/host-table.ts';
import { GPUS_PER_HOST_MAX } from '../../../../../controller/core/packing/packing-limits.ts';
import { aHost } from './packing-twin.ts';

t.test('numbers of hosts that left are used again, clean', async (t) => {
  const table = new HostTable(new HostClasses());
  const first = table.add(aHost('a'));
  const held = { cpuMilli: 1, memoryBytes: 0, diskBytes: 0, gpuMilli: 300, exclusive: true };
  table.shift(first, held, [0], -1);
  t.equal(table.freeOf(first, 0), 700, 'a share is held');
  t.throws(() => table.remove(first), { code: 'HOST_IN_USE' }, 'held work keeps it');
  table.shift(first, held, [0], 1);
  table.remove(first);
  t.equal(table.add(aHost('b')), first, 'the same number');
  t.equal(table.freeOf(first, 0), 1000, 'and nothing of the old host');
});

t.test('a GPU keeps its place when the order of the inventory changes', async (t) => {
  const table = new HostTable(new HostClasses());
  const host = aHost('a');
  const number = table.add(host);
  table.shift(
    number,
    { cpuMilli: 0, memoryBytes: 0, diskBytes: 0, gpuMilli: 1000, exclusive: false },
    [1],
    -1,
  );
  table.describe(number, { ...host, gpus: [...host.gpus].reverse() });
  t.equal(table.freeOf(number, 1), 0, 'the held one is where it was');
});

t.test('as many GPUs as the bound, and not one more', async (t) => {
  const table = new HostTable(new HostClasses());
  t.doesNotThrow(() => table.add(aHost('a', {}, GPUS_PER_HOST_MAX)), 'at the bound');
  t.throws(() => table.add(aHost('b', {}, GPUS_PER_HOST_MAX + 1)), { code: 'TOO_MANY_GPUS' }, 'beyond');
});
