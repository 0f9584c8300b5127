/**
 * Aim: what the agent knows about its GPUs never shrinks in silence and never grows by mistake. Method: looks
 * folded into known inventories, one accident per test.
 */
import t from 'tap';
import { applyGpuLook, type GpuLook } from '../../../../agent/core/gpu-inventory.ts';
import type { Condition, Gpu } from '../../../../proto/domain/catalog.ts';
import type { GpuUuid } from '../../../../proto/domain/ids.ts';

interface Seen extends Gpu {
  readonly reading: number;
}

function aGpu(index: number, changes: Partial<Seen> = {}): Seen {
  return {
    uuid: `GPU-${index}` as GpuUuid,
    index,
    model: 'Board',
    memoryBytes: 1024,
    kind: 'nvidia',
    simulated: false,
    migMode: false,
    mig: [],
    pciBusId: `00000000:0${index}:00.0`,
    schedulable: true,
    reading: 7,
    ...changes,
  };
}

function apply(
  known: readonly Seen[],
  look: Partial<GpuLook<Seen>>,
  knownConditions: readonly Condition[] = [],
) {
  return applyGpuLook({
    known,
    knownConditions,
    look: { gpus: [], conditions: [], completeness: 'whole', driverFit: true, ...look },
    nowMs: 500,
    toUnseen: (gpu) => ({ ...gpu, reading: -1 }),
  });
}

t.test('the first look is the inventory', async (t) => {
  const result = apply([], { gpus: [aGpu(0), aGpu(1)] });
  t.same(result, { gpus: [aGpu(0), aGpu(1)], conditions: [] });
});

t.test('a GPU that is gone stays, unfit and without readings, and is a condition', async (t) => {
  // The driver renumbers what is left.
  const result = apply([aGpu(0), aGpu(1), aGpu(2)], { gpus: [aGpu(0), aGpu(2, { index: 1 })] });
  t.same(
    result.gpus.map((gpu) => [gpu.uuid, gpu.index, gpu.schedulable, gpu.reading]),
    [
      ['GPU-0', 0, true, 7],
      ['GPU-1', 1, false, -1],
      ['GPU-2', 2, true, 7],
    ],
  );
  t.match(result.conditions, [{ code: 'GPU_LOST', gpuUuid: 'GPU-1', sinceMs: 500 }]);
});

t.test('a look that learned nothing changes nothing but the readings', async (t) => {
  for (const completeness of ['partial', 'failed'] as const) {
    const result = apply([aGpu(0), aGpu(1, { schedulable: false })], { completeness });
    t.same(
      result.gpus.map((gpu) => gpu.schedulable),
      [true, false],
    );
    t.same(
      result.gpus.map((gpu) => gpu.reading),
      [-1, -1],
    );
    t.same(result.conditions, []);
  }
});

t.test('a driver in no state to work stops new work everywhere', async (t) => {
  const result = apply([aGpu(0)], { gpus: [aGpu(1)], completeness: 'failed', driverFit: false });
  t.same(
    result.gpus.map((gpu) => gpu.schedulable),
    [false, false],
  );
});

t.test('a GPU that cannot tell its name, size or UUID is known by its slot', async (t) => {
  const seen = aGpu(1, {
    uuid: 'PCI-00000000:01:00.0' as GpuUuid,
    model: '',
    memoryBytes: 0,
    schedulable: false,
  });
  const result = apply([aGpu(0), aGpu(1)], { gpus: [aGpu(0), seen] });
  t.same(result.gpus[1], aGpu(1, { schedulable: false }));
  t.same(result.conditions, [], 'it is not counted as lost as well');
});

t.test('a GPU that is new takes a free index', async (t) => {
  const result = apply([aGpu(0), aGpu(1)], {
    gpus: [aGpu(5, { index: 0 }), aGpu(0, { index: 1 }), aGpu(1, { index: 2 })],
  });
  t.same(
    result.gpus.map((gpu) => [gpu.uuid, gpu.index]),
    [
      ['GPU-0', 0],
      ['GPU-1', 1],
      ['GPU-5', 2],
    ],
  );
});

t.test('two GPUs with one UUID stay two GPUs', async (t) => {
  const twins = [aGpu(0), aGpu(1, { uuid: 'GPU-0' as GpuUuid })];
  const again = apply(apply([], { gpus: twins }).gpus, { gpus: twins });
  t.same(
    again.gpus.map((gpu) => gpu.index),
    [0, 1],
  );
  t.same(again.conditions, []);
});

t.test('a condition keeps the time at which it began', async (t) => {
  const lost = { code: 'GPU_LOST', gpuUuid: 'GPU-1' as GpuUuid, message: 'before', sinceMs: 10 };
  const result = apply([aGpu(0), aGpu(1)], { gpus: [aGpu(0)] }, [lost]);
  t.match(result.conditions, [{ code: 'GPU_LOST', sinceMs: 10 }]);
  t.match(apply([aGpu(1)], { gpus: [aGpu(1)] }, [lost]).conditions, [], 'and goes when it is over');
});
