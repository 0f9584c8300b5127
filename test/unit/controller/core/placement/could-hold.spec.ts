/**
 * Aim: the explanation names a field exactly when no host could hold the job. Method: fast-check over hosts and
 * specs; the sentences themselves are tested where they are used, in decide-create-job.
 */
import fc from 'fast-check';
import t from 'tap';
import { couldAnyHold, explainNoHolder } from '../../../../../controller/core/placement/could-hold.ts';
import { aCapacity, aHost, aJobSpec, anInventory, GIB, hostId, someGpus } from '../../../../kit/builders.ts';

const hostPart = fc.record({
  gpus: fc.integer({ min: 0, max: 4 }),
  model: fc.constantFrom('NVIDIA A100-SXM4-80GB', 'NVIDIA H100 80GB HBM3'),
  cpus: fc.integer({ min: 1, max: 4 }),
  docker: fc.boolean(),
  zone: fc.constantFrom('x', 'y'),
});
const specPart = fc.record({
  gpus: fc.integer({ min: 0, max: 5 }),
  models: fc.constantFrom([], ['A100'], ['H100', 'A100']),
  cpus: fc.integer({ min: 1, max: 5 }),
  image: fc.constantFrom('', 'busybox'),
  constraints: fc.constantFrom({}, { zone: 'x' }),
});

t.test('a field is named exactly when nothing could hold it', async (t) => {
  fc.assert(
    fc.property(fc.array(hostPart, { minLength: 1, maxLength: 4 }), specPart, (parts, want) => {
      const hosts = parts.map((part, index) =>
        aHost({
          id: hostId(index),
          inventory: anInventory({
            gpus: someGpus(part.gpus, { host: String(index), model: part.model }),
            capacity: aCapacity({ cpuMilli: part.cpus * 1000, memoryBytes: 8 * GIB }),
            drivers: part.docker ? ['docker', 'process'] : ['process'],
            labels: { zone: part.zone },
          }),
        }),
      );
      const resources = {
        gpuMilli: want.gpus * 1000,
        gpuModels: want.gpus > 0 ? want.models : [],
        cpuMilli: want.cpus * 1000,
      };
      const spec = aJobSpec({ image: want.image, constraints: want.constraints, resources });
      if (couldAnyHold(hosts, spec)) return;
      const { path, reason } = explainNoHolder(hosts, spec);
      if (path === 'spec.resources') throw new Error(`no field was found: ${reason}`);
    }),
    { numRuns: 500, seed: 7 },
  );
  t.pass();
});
