/** Aim: a machine type fills what the spec leaves open and changes nothing else. Method: three specs. */
import t from 'tap';
import { applyMachineType } from '../../../../../controller/core/machine-type/apply-machine-type.ts';
import { aCapacity, aJobSpec, GIB } from '../../../../kit/builders.ts';

const type = aCapacity({
  gpuCount: 2,
  gpuModel: 'H100',
  gpuMemoryBytes: 80 * GIB,
  cpuMilli: 8000,
  memoryBytes: GIB,
});

t.test('an open spec takes everything', async (t) => {
  const { resources } = applyMachineType(aJobSpec({ machineType: 'x' }), { ...type, diskBytes: 7 });
  t.match(resources, {
    gpuMilli: 2000,
    gpuModels: ['H100'],
    gpuMemoryBytes: 80 * GIB,
    cpuMilli: 8000,
    memoryBytes: GIB,
    diskBytes: 7,
  });
});

t.test('what the spec says stands', async (t) => {
  const open = aJobSpec({ machineType: 'x' });
  const spec = { ...open, resources: { ...open.resources, cpuMilli: 500, memoryBytes: 2 * GIB } };
  t.match(applyMachineType(spec, type).resources, { gpuMilli: 2000, cpuMilli: 500, memoryBytes: 2 * GIB });
});

t.test('a type without GPUs asks for none', async (t) => {
  const { resources } = applyMachineType(aJobSpec({ machineType: 'cpu' }), aCapacity());
  t.match(resources, { gpuMilli: 0, gpuMemoryBytes: 0 });
  t.same(resources.gpuModels, []);
});
