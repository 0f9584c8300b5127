/**
 * Turns what a host should hold into what its agent is sent: hashes of specs (each computed once) and, for
 * starts alone and at the last moment, the values of the secrets they refer to.
 */
import { toTaskName } from '../../../proto/domain/ids.ts';
import { type DesiredMessage, desiredHashLines } from '../../../proto/domain/session.ts';
import {
  type DesiredTask,
  KEPT_SPEC_HASH,
  type TaskObservation,
  type TaskSpec,
} from '../../../proto/domain/task.ts';
import { sha256Hex } from '../../../proto/runtime/sha256.ts';
import { canonicalTaskSpecBytes } from '../../../proto/wire/agent-wire.ts';
import type { DroppedTask, SyncBudget, SyncStep } from '../../core/agent-sync.ts';
import type { WantedTask } from '../../core/view.ts';

/** Specs whose hash is remembered; the oldest goes first. A forgotten one is only hashed again. */
export const SPEC_HASHES_MAX = 10_000;
/** Aim of one message: small enough not to hold up what comes after it. Complete sets may have to pass it. */
export const DESIRED_BYTES_MAX = 512 * 1024;
/** Bytes of a task in a message without its spec, and of what surrounds a spec. */
const TASK_BYTES = 256;

/** Plain values by env name or secret id. Called for RUN only; never logged. */
export type ResolveSecrets = (spec: TaskSpec) => Promise<ReadonlyMap<string, Uint8Array>>;

export interface DesiredSource {
  readonly budget: SyncBudget;
  /** `kept` are tasks that nobody ordered and that are to run on all the same. */
  toComplete(step: SyncStep, revision: number, kept: readonly TaskObservation[]): Promise<DesiredMessage>;
  toDelta(step: SyncStep, baseRevision: number, revision: number): Promise<DesiredMessage>;
}

interface HashedSpec {
  readonly hash: string;
  readonly bytes: number;
}

/** The task is not wanted any more, so nothing of its order is left but that. */
function toGone({ key, generation }: DroppedTask): DesiredTask {
  return { key, generation, phase: 'gone', specHash: '', graceMs: 0, secretValues: NO_SECRETS };
}

/** Of no generation, so that it goes before no order that the agent ever had; and without a spec to start from. */
function toKept({ key }: TaskObservation): DesiredTask {
  return { key, generation: 0, phase: 'run', specHash: KEPT_SPEC_HASH, graceMs: 0, secretValues: NO_SECRETS };
}

const NO_SECRETS: ReadonlyMap<string, Uint8Array> = new Map();

export function createDesiredSource(resolveSecrets: ResolveSecrets): DesiredSource {
  const hashes = new Map<string, HashedSpec>();
  const hashOf = (task: WantedTask): HashedSpec => {
    const name = toTaskName(task.key);
    const known = hashes.get(name);
    if (known !== undefined) return known;
    const bytes = canonicalTaskSpecBytes(task.spec);
    const hashed = { hash: sha256Hex(bytes), bytes: bytes.length };
    if (hashes.size >= SPEC_HASHES_MAX) hashes.delete(hashes.keys().next().value as string);
    hashes.set(name, hashed);
    return hashed;
  };
  const toDesired = async (task: WantedTask): Promise<DesiredTask> => ({
    key: task.key,
    generation: task.generation,
    phase: task.phase,
    specHash: hashOf(task).hash,
    graceMs: task.graceMs,
    ...(task.stopCause === undefined ? {} : { stopCause: task.stopCause }),
    ...(task.phase === 'run' ? { spec: task.spec } : {}),
    secretValues: task.phase === 'run' ? await resolveSecrets(task.spec) : NO_SECRETS,
  });
  return {
    budget: {
      bytesOf: (task) => TASK_BYTES + (task.phase === 'run' ? hashOf(task).bytes : 0),
      bytesMax: DESIRED_BYTES_MAX,
    },
    async toComplete(step, revision, kept) {
      const tasks = [...(await Promise.all(step.tasks.map(toDesired))), ...kept.map(toKept)];
      const hash = sha256Hex(desiredHashLines(tasks));
      return { kind: 'desired', baseRevision: 0, revision, complete: true, count: tasks.length, hash, tasks };
    },
    async toDelta(step, baseRevision, revision) {
      const tasks = [...(await Promise.all(step.tasks.map(toDesired))), ...step.dropped.map(toGone)];
      return { kind: 'desired', baseRevision, revision, complete: false, count: 0, hash: '', tasks };
    },
  };
}
