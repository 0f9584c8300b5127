/** Aim: a need says what fitting compares, and equal keys mean equal needs. Method: pairs of specs. */
import t from 'tap';
import { driverFor, needKeyOf, needOf } from '../../../../../controller/core/placement/need.ts';
import { aJobSpec } from '../../../../kit/builders.ts';

t.test('an image needs a container engine, a bare command runs as a process', async (t) => {
  t.equal(driverFor(aJobSpec({ image: 'busybox' })), 'docker');
  t.equal(driverFor(aJobSpec()), 'process');
});

t.test('only ports asked for by number count', async (t) => {
  const ports = [
    { containerPort: 80, hostPort: 0 },
    { containerPort: 81, hostPort: 20_001 },
  ];
  t.same(needOf(aJobSpec({ ports })).hostPorts, [20_001]);
});

t.test('whatever fitting looks at changes the key; what it does not look at does not', async (t) => {
  const base = aJobSpec();
  const parts: readonly Parameters<typeof aJobSpec>[0][] = [
    { resources: { gpuMilli: 1000 } },
    { resources: { gpuMilli: 1000, gpuModels: ['A100'] } },
    { resources: { gpuMilli: 1000, gpuMemoryBytes: 5 } },
    { resources: { cpuMilli: 2000 } },
    { resources: { memoryBytes: 2 ** 31 } },
    { resources: { diskBytes: 7 } },
    { constraints: { a: 'b' } },
    { excludeHosts: ['a'] },
    { exclusive: true },
    { image: 'busybox' },
    { ports: [{ containerPort: 80, hostPort: 20_001 }] },
  ];
  const keys = [base, ...parts.map((part) => aJobSpec(part))].map((spec) => needKeyOf(spec));
  t.equal(new Set(keys).size, keys.length);
  t.equal(needKeyOf(aJobSpec({ name: 'other', env: { A: 'b' }, priority: 7 })), needKeyOf(base));
});
