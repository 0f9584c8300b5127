/** Aim: types follow the inventory with names people can type. Method: fleets and the list each gives. */
import t from 'tap';
import { deriveMachineTypes } from '../../../../../controller/core/machine-type/derive-machine-types.ts';
import { aCapacity, aGpu, aHost, anInventory, GIB, gpuUuid, someGpus } from '../../../../kit/builders.ts';

const host = (count: number, part: Partial<ReturnType<typeof aGpu>> = {}, cpuMilli = 16_000) =>
  aHost({
    inventory: anInventory({
      gpus: someGpus(count, { simulated: false, ...part }),
      capacity: aCapacity({ cpuMilli, memoryBytes: 64 * GIB }),
    }),
  });
const names = (...hosts: ReturnType<typeof aHost>[]): readonly string[] =>
  deriveMachineTypes(hosts).map((type) => type.name);

t.test('powers of two up to the largest host', async (t) => {
  t.same(names(), []);
  t.same(names(host(0)), ['cpu']);
  t.same(names(host(8)), ['1xA100', '2xA100', '4xA100', '8xA100', 'cpu']);
  t.same(names(host(6)), ['1xA100', '2xA100', '4xA100', '6xA100', 'cpu']);
  t.same(names(host(1), host(2, { model: 'NVIDIA L40S' })), ['1xA100', '1xL40S', '2xL40S', 'cpu']);
});

t.test('each has the share that every host with such GPUs can give', async (t) => {
  const types = deriveMachineTypes([host(8), host(2, {}, 4_000)]);
  t.match(
    types.find((type) => type.name === '2xA100'),
    {
      derived: true,
      capacity: { gpuCount: 2, gpuModel: 'NVIDIA A100-SXM4-80GB', cpuMilli: 4_000, memoryBytes: 16 * GIB },
    },
  );
  t.match(
    types.find((type) => type.name === 'cpu'),
    { capacity: { gpuCount: 0, cpuMilli: 2_000, memoryBytes: 4 * GIB } },
  );
});

t.test('models that share a short name are told apart', async (t) => {
  const pcie = { model: 'NVIDIA A100-PCIE-40GB', memoryBytes: 40 * GIB };
  t.same(names(host(1), host(1, pcie)), ['1xA100-40g', '1xA100-80g', 'cpu']);
  const other = { model: 'NVIDIA A100 80GB PCIe' };
  t.same(names(host(1), host(1, other)), ['1xNVIDIA-A100-80GB-PCIe', '1xNVIDIA-A100-SXM4-80GB', 'cpu']);
});

t.test('simulated GPUs say so, sliced ones are not offered whole', async (t) => {
  t.same(names(host(1, { simulated: true })), ['1xA100-sim', 'cpu']);
  const gpus = [aGpu({ uuid: gpuUuid('m'), migMode: true, simulated: false })];
  t.same(names(aHost({ inventory: anInventory({ gpus }) })), ['cpu']);
});
