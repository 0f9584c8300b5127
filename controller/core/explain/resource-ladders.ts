/** Ladders of asking for less: memory, CPU, disk, memory of GPUs, another model, fewer GPUs, a host that is shared. */
import type { ChangeKind } from '../../../proto/domain/explain-views.ts';
import type { Job, ResourceRequest } from '../../../proto/domain/job.ts';
import { formatCpus, formatSize } from '../../../proto/domain/units.ts';
import { whyNot } from '../placement/fit.ts';
import { matchesGpuModel, shortGpuModel } from '../placement/gpu-model.ts';
import { needOf } from '../placement/need.ts';
import { CHOICES_MAX } from './explain-limits.ts';
import type { Ladder, LadderInput, Rung } from './ladder.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
/** Less than an eighth of what was asked for is no smaller version of the same work. */
const LEAST_PART = 8;

export function resourceLadders(input: LadderInput): readonly Ladder[] {
  return [
    ...amountLadder(input, 'memory', 'memoryBytes'),
    ...amountLadder(input, 'cpu', 'cpuMilli'),
    ...amountLadder(input, 'disk', 'diskBytes'),
    ...gpuMemoryLadder(input),
    ...modelLadders(input),
    ...exclusiveLadder(input),
    ...gpuLadder(input),
  ];
}

function withResources(job: Job, part: Partial<ResourceRequest>): Job {
  return { ...job, spec: { ...job.spec, resources: { ...job.spec.resources, ...part } } };
}

type Amount = 'memoryBytes' | 'cpuMilli' | 'diskBytes';
const FREE = {
  memoryBytes: 'freeMemoryBytes',
  cpuMilli: 'freeCpuMilli',
  diskBytes: 'freeDiskBytes',
} as const;
const NOUNS = { memoryBytes: 'memory', cpuMilli: 'CPUs', diskBytes: 'disk' } as const;
const FLAGS = { memoryBytes: '--memory', cpuMilli: '--cpus', diskBytes: '--disk' } as const;

/** The most that a host offers which has all else: one rung. */
function amountLadder({ job, judged }: LadderInput, kind: ChangeKind, amount: Amount): readonly Ladder[] {
  const asked = job.spec.resources[amount];
  const need = { ...needOf(job.spec), [amount]: 0 };
  let most = 0;
  for (const { room, code } of judged) {
    if (code === 'HOST_NOT_READY' || whyNot(need, room) !== undefined) continue;
    most = Math.max(most, room[FREE[amount]]);
  }
  const offered = amount === 'cpuMilli' ? roundDown(most, 1000, 100) : roundDown(most, GIB, MIB);
  if (offered >= asked || offered * LEAST_PART < asked || offered === 0) return [];
  const text = amount === 'cpuMilli' ? formatCpus(offered) : formatSize(offered);
  const rung = {
    flags: `${FLAGS[amount]} ${text}`,
    message: `with ${text} ${amount === 'cpuMilli' ? '' : 'of '}${NOUNS[amount]}`,
    job: withResources(job, { [amount]: offered }),
  };
  return [{ kind, inPlace: false, rungs: [rung] }];
}

function roundDown(value: number, unit: number, small: number): number {
  const step = value >= unit ? unit : small;
  return Math.floor(value / step) * step;
}

/** The sizes that the cluster's GPUs have. */
function gpuMemoryLadder({ job, judged }: LadderInput): readonly Ladder[] {
  const { gpuMemoryBytes, gpuModels, gpuMilli } = job.spec.resources;
  if (gpuMilli === 0 || gpuMemoryBytes === 0) return [];
  const sizes = new Set<number>();
  for (const { room } of judged) {
    for (const { memoryBytes, model } of room.freeGpus) {
      if (memoryBytes < gpuMemoryBytes && matchesGpuModel(model, gpuModels)) sizes.add(memoryBytes);
    }
  }
  const rungs = [...sizes]
    .sort((left, right) => right - left)
    .slice(0, CHOICES_MAX)
    .map(
      (bytes): Rung => ({
        flags: `--gpu-memory ${formatSize(bytes)}`,
        message: `with GPUs of at least ${formatSize(bytes)}`,
        job: withResources(job, { gpuMemoryBytes: bytes }),
      }),
    );
  return rungs.length === 0 ? [] : [{ kind: 'gpu-memory', inPlace: false, rungs }];
}

/** Each model that is there and not asked for is a choice of its own. */
function modelLadders({ job, judged }: LadderInput): readonly Ladder[] {
  const { gpuModels, gpuMilli } = job.spec.resources;
  if (gpuMilli === 0 || gpuModels.length === 0) return [];
  const others = new Set<string>();
  for (const { room } of judged) {
    for (const { model } of room.freeGpus)
      if (!matchesGpuModel(model, gpuModels)) others.add(shortGpuModel(model));
  }
  return [...others]
    .sort()
    .slice(0, CHOICES_MAX)
    .map((model): Ladder => {
      const rung = {
        flags: `--gpu-model ${[...gpuModels, model].join(',')}`,
        message: `on ${model} too`,
        job: withResources(job, { gpuModels: [...gpuModels, model] }),
      };
      return { kind: 'gpu-model', inPlace: false, rungs: [rung] };
    });
}

function exclusiveLadder({ job }: LadderInput): readonly Ladder[] {
  if (!job.spec.exclusive) return [];
  const shared = { ...job, spec: { ...job.spec, exclusive: false } };
  const rung = { flags: '', message: 'without a host of its own (no --exclusive)', job: shared };
  return [{ kind: 'exclusive', inPlace: false, rungs: [rung] }];
}

function gpuLadder({ job }: LadderInput): readonly Ladder[] {
  const count = job.spec.resources.gpuMilli / 1000;
  const rungs: Rung[] = [];
  for (let fewer = count - 1; fewer >= 1; fewer -= 1) {
    rungs.push({
      flags: `--gpus ${fewer}`,
      message: `with ${fewer === 1 ? '1 GPU' : `${fewer} GPUs`}`,
      job: withResources(job, { gpuMilli: fewer * 1000 }),
    });
  }
  return rungs.length === 0 ? [] : [{ kind: 'gpus', inPlace: false, rungs }];
}
