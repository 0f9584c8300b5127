/**
 * What a new look at the GPUs means for what the agent already knows. A GPU that is no longer seen is a lost
 * GPU, never a smaller inventory; a look that failed says nothing about the GPUs at all.
 */
import type { Condition, Gpu } from '../../proto/domain/catalog.ts';

/** Stands before the PCI address in the place of a UUID that the driver did not tell. */
export const UNIDENTIFIED_PREFIX = 'PCI-';

export interface GpuLook<G extends Gpu> {
  readonly gpus: readonly G[];
  readonly conditions: readonly Condition[];
  /** `whole`: what is not in it is gone. `partial` and `failed`: what is not in it is unknown. */
  readonly completeness: 'whole' | 'partial' | 'failed';
  /** False when the driver as a whole is in no state to be given work. */
  readonly driverFit: boolean;
}

export interface GpuReconciliation<G extends Gpu> {
  /** Known before or seen now, by index. */
  readonly gpus: readonly G[];
  /** Those of the look and one per GPU that is gone; each keeps the time at which it was first seen. */
  readonly conditions: readonly Condition[];
}

export interface GpuReconcileInput<G extends Gpu> {
  /** What the last reconciliation gave, or what was learned before the agent restarted. */
  readonly known: readonly G[];
  readonly knownConditions: readonly Condition[];
  readonly look: GpuLook<G>;
  readonly nowMs: number;
  /** The same GPU with everything removed that only a look can know: readings are never carried over. */
  readonly toUnseen: (gpu: G) => G;
}

/**
 * Folds a look into what is known. Mutates nothing, never throws. A known GPU keeps its index, so that a GPU
 * that goes does not rename its neighbours. O(known × seen) for at most a few dozen GPUs.
 */
export function applyGpuLook<G extends Gpu>(input: GpuReconcileInput<G>): GpuReconciliation<G> {
  const { known, look, nowMs } = input;
  const unseen = new Set(known);
  const pairs = look.gpus.map((seen) => {
    const before = findKnown([...unseen], seen);
    // Each known GPU stands for one seen GPU, also where a damaged board repeats another's UUID.
    if (before !== undefined) unseen.delete(before);
    return { seen, before };
  });
  const taken = new Set(known.map((gpu) => gpu.index));
  const gpus: G[] = [];
  for (const { seen, before } of pairs) {
    gpus.push(before === undefined ? placed(seen, taken) : merged(seen, before));
  }
  for (const gpu of unseen) {
    const gone = look.completeness === 'whole';
    gpus.push({ ...input.toUnseen(gpu), schedulable: gone ? false : gpu.schedulable });
  }
  const conditions = [...look.conditions, ...goneConditions([...unseen], look, nowMs)];
  return {
    gpus: gpus
      .map((gpu) => (look.driverFit ? gpu : { ...gpu, schedulable: false }))
      .sort((a, b) => a.index - b.index),
    conditions: conditions.map((condition) => keepSince(condition, input.knownConditions)),
  };
}

/** By UUID; a GPU that lost its UUID is recognised by its slot, so that it is not counted twice. */
function findKnown<G extends Gpu>(known: readonly G[], seen: G): G | undefined {
  const same = known.find((gpu) => gpu.uuid === seen.uuid);
  if (same !== undefined || !seen.uuid.startsWith(UNIDENTIFIED_PREFIX)) return same;
  return known.find((gpu) => gpu.pciBusId !== '' && gpu.pciBusId === seen.pciBusId);
}

function merged<G extends Gpu>(seen: G, before: G): G {
  return {
    ...seen,
    uuid: before.uuid,
    index: before.index,
    // A sick GPU may not tell its size or name any more; it has not changed them.
    memoryBytes: seen.memoryBytes === 0 ? before.memoryBytes : seen.memoryBytes,
    model: seen.model === '' ? before.model : seen.model,
  };
}

function placed<G extends Gpu>(seen: G, taken: Set<number>): G {
  let index = seen.index;
  while (taken.has(index)) index += 1;
  taken.add(index);
  return { ...seen, index };
}

function goneConditions<G extends Gpu>(
  unseen: readonly G[],
  look: GpuLook<G>,
  nowMs: number,
): readonly Condition[] {
  if (look.completeness !== 'whole') return [];
  return unseen.map((gpu) => ({
    code: 'GPU_LOST',
    gpuUuid: gpu.uuid,
    message: 'the GPU was known and is no longer reported',
    sinceMs: nowMs,
  }));
}

function keepSince(condition: Condition, before: readonly Condition[]): Condition {
  const same = before.find((other) => other.code === condition.code && other.gpuUuid === condition.gpuUuid);
  return same === undefined
    ? condition
    : { ...condition, sinceMs: Math.min(same.sinceMs, condition.sinceMs) };
}
