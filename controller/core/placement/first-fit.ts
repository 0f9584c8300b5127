/**
 * The simple correct policy: jobs in queue order, each to the first ready host (by id) that can take it, hosts that
 * failed it last. Never over-commits; the leader re-checks every placement all the same.
 */
import type { HostId } from '../../../proto/domain/ids.ts';
import type { Attempt, Job, JobSpec } from '../../../proto/domain/job.ts';
import { INFRASTRUCTURE_VERDICTS } from '../../../proto/domain/job.ts';
import type { Placement } from '../command.ts';
import { CapCount, gateOfCap } from '../job/readiness.ts';
import { BACKOFF_MAX_MS } from '../limits.ts';
import type { Plan, Planner, WaitReason } from '../planner.ts';
import { summariseWait } from './explain.ts';
import { chooseGpus, whyNot } from './fit.ts';
import type { Need } from './need.ts';
import { needKeyOf, needOf } from './need.ts';
import { openRooms } from './open-rooms.ts';
import type { Room } from './room.ts';
import { takeRoom } from './room.ts';

/** Why jobs of one shape do not fit now; shared by all of them, since room only shrinks while planning. */
type Misfit = Omit<WaitReason, 'jobId'>;

interface Round {
  readonly rooms: readonly Room[];
  readonly misfits: Map<string, Misfit>;
  readonly placements: Placement[];
  readonly waiting: WaitReason[];
  readonly needKeys: WeakMap<JobSpec, string>;
  readonly caps: CapCount;
}

/** O(queue + shapes × hosts): a shape that failed once in a plan is not tried again. Deterministic. */
export const planFirstFit: Planner = (input) => {
  const round: Round = {
    rooms: openRooms(input),
    misfits: new Map(),
    placements: [],
    waiting: [],
    needKeys: input.needKeys ?? new WeakMap(),
    caps: new CapCount({
      findQueue: (name) => input.view.scheduling.findQueue(name),
      activeCount: (key) => input.view.activeCount(key),
    }),
  };
  let nextEligibleMs: number | undefined;
  for (const job of input.queue ?? input.view.queue()) {
    if (round.placements.length >= input.placementsMax) break;
    const notBeforeMs = job.notBeforeMs ?? 0;
    // No pause is longer than the longest: one that seems to be was noted before the clock was set back.
    if (notBeforeMs > input.nowMs && notBeforeMs - input.nowMs <= BACKOFF_MAX_MS) {
      nextEligibleMs = Math.min(nextEligibleMs ?? notBeforeMs, notBeforeMs);
      round.waiting.push(pausing(job));
      continue;
    }
    planJob(round, job);
  }
  const plan: Plan = { placements: round.placements, waiting: round.waiting };
  return nextEligibleMs === undefined ? plan : { ...plan, nextEligibleMs };
};

function planJob(round: Round, job: Job): void {
  const full = round.caps.findFull(job);
  if (full !== undefined) {
    round.waiting.push({ jobId: job.id, ...gateOfCap(full, job), hostsByReason: {} });
    return;
  }
  const key = keyOf(round, job.spec);
  const known = round.misfits.get(key);
  if (known !== undefined) {
    round.waiting.push(waitOf(job, known));
    return;
  }
  const need = needOf(job.spec);
  const room = chooseRoom(round.rooms, need, job);
  if (room === undefined) {
    const misfit = summariseWait(need, round.rooms);
    round.misfits.set(key, misfit);
    round.waiting.push(waitOf(job, misfit));
    return;
  }
  round.placements.push(placeIn(room, need, job));
  round.caps.take(job);
}

/**
 * The first that fits, and one where the job has not yet failed through the host's fault before one where it has: a broken
 * host is free again at once, and would take the same job until its attempts are spent.
 */
function chooseRoom(rooms: readonly Room[], need: Need, { attempts }: Job): Room | undefined {
  const failedOn = hostsThatFailed(attempts);
  let second: Room | undefined;
  for (const room of rooms) {
    if (whyNot(need, room) !== undefined) continue;
    if (!failedOn.has(room.host.id)) return room;
    second ??= room;
  }
  return second;
}

/** Through whose fault one of the attempts failed. */
export function hostsThatFailed(attempts: readonly Attempt[]): ReadonlySet<HostId> {
  return new Set(attempts.filter(failedByHost).map(({ hostId }) => hostId));
}

/** Who made room for others has nothing against the host. */
function failedByHost({ outcome, exit }: Attempt): boolean {
  if (outcome === 'lost') return true;
  return outcome === 'failed' && exit !== undefined && INFRASTRUCTURE_VERDICTS.includes(exit.verdict);
}

function keyOf({ needKeys }: Round, spec: JobSpec): string {
  const known = needKeys.get(spec);
  if (known !== undefined) return known;
  const key = needKeyOf(spec);
  needKeys.set(spec, key);
  return key;
}

function waitOf(job: Job, { code, message, hostsByReason }: Misfit): WaitReason {
  return { jobId: job.id, code, message, hostsByReason };
}

function placeIn(room: Room, need: Need, job: Job): Placement {
  const gpuUuids = chooseGpus(need, room).map((gpu) => gpu.uuid);
  takeRoom(room, need, gpuUuids);
  return {
    jobId: job.id,
    attempt: job.attempts.length + 1,
    hostId: room.host.id,
    gpuUuids,
    driver: need.driver,
  };
}

function pausing(job: Job): WaitReason {
  return { jobId: job.id, code: 'PAUSED', message: 'pauses after a failed attempt', hostsByReason: {} };
}
