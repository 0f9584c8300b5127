/**
 * What one seed draws: the size of its cluster and which faults are on. Swarm testing: few faults at a time in
 * many mixtures find more than all of them always (Groce et al., ISSTA 2012).
 */
import type { SplittableRng } from '../../proto/runtime/rng.ts';

export const FAULTS = [
  'controller-crash',
  'controller-pause',
  'takeover',
  'deposed-leader',
  'slow-log',
  'failing-log',
  'agent-crash',
  'agent-pause',
  'reboot',
  'journal-loss',
  'journal-rollback',
  'slow-journal',
  'failing-journal',
  'connection-loss',
  'partition',
  'silence',
  'one-way-cut',
  'half-open',
  'duplication',
  'clock-step',
  'driver-hang',
  'driver-restart',
  'lost-reply',
  'gpu-loss',
  'stale-planner',
  'empty-set',
  'old-backup',
  'prepare-failure',
  'host-orders',
  'host-removal',
  'tenants',
  'preemption',
  'queues',
  'quotas',
  'policy-changes',
  'reservations',
  'arrays',
  'dependencies',
  'job-changes',
] as const;
export type Fault = (typeof FAULTS)[number];

export const PLANNERS = ['first-fit', 'pass'] as const;

export interface SimOptions {
  readonly hosts: number;
  readonly gpusPerHost: number;
  readonly faults: ReadonlySet<Fault>;
  /** Mean virtual time between two faults. */
  readonly faultEveryMs: number;
  /** Mean virtual time between two requests of users. */
  readonly requestEveryMs: number;
  /** Which planner stands behind the port. */
  readonly planner: (typeof PLANNERS)[number];
}

/**
 * How hosts fence and when they are lost, much sooner than in production: what matters is that the one follows the
 * other, and that a run holds many of both.
 */
export const SIM_SELF_FENCE_MS = 30_000;
/** Sooner than hosts fence: what holds the verdict back is the bound alone. */
export const SIM_LOST_AFTER_MS = 25_000;
export const SIM_HEARTBEAT_MS = 5_000;

/**
 * Most seeds have some faults, a few have none, and a few have all; unless `exactly` these are asked for. Plans
 * are made by the scheduling pass, as in production; every second run that looks for a planted bug plans by first fit,
 * which tries places that the pass never asks for.
 */
export function drawOptions(
  seed: number,
  rng: SplittableRng,
  forced: readonly Fault[] = [],
  exactly?: readonly Fault[],
  planner: SimOptions['planner'] = forced.length > 0 && seed % 2 === 0 ? 'first-fit' : 'pass',
): SimOptions {
  const share = [0, 0.15, 0.3, 0.5, 1][rng.integer(5)] as number;
  const faults = new Set<Fault>(FAULTS.filter(() => rng.fraction() < share));
  // It takes the place of coming to rest, which most runs must reach.
  if (rng.integer(12) !== 0 || forced.length > 0) faults.delete('old-backup');
  if (exactly !== undefined) faults.clear();
  for (const fault of [...forced, ...(exactly ?? [])]) faults.add(fault);
  return {
    hosts: 1 + rng.integer(5),
    gpusPerHost: 1 + rng.integer(4),
    faults,
    faultEveryMs: 1_000 + rng.integer(9_000),
    requestEveryMs: 200 + rng.integer(1_800),
    planner,
  };
}
