/**
 * The order of the faults of one run, drawn from its seed: which part is hit when, for how long, and whether the
 * cluster may recover before the next one.
 */
import type { SplittableRng } from '../../proto/runtime/rng.ts';
import type { Cut } from '../kit/cut-proxy.ts';
import { shuffle } from '../kit/rng.ts';

export type Fault =
  | { readonly kind: 'kill-controller'; readonly downMs: number }
  | { readonly kind: 'kill-agent'; readonly agent: number; readonly downMs: number }
  /** Frozen until the controller calls it suspect, and then some. */
  | { readonly kind: 'freeze-agent'; readonly agent: number; readonly beyondMs: number }
  | { readonly kind: 'cut'; readonly agent: number; readonly which: Cut; readonly forMs: number };

export interface PlannedFault {
  readonly fault: Fault;
  /** Work before it. */
  readonly afterMs: number;
  /** The next one comes before the cluster is whole again. */
  readonly overlap: boolean;
}

export interface FaultCounts {
  readonly controllerKills: number;
  readonly agentKills: number;
  readonly freezes: number;
  readonly cuts: number;
}

const DOWN_MS_MAX = 1_500;
const WORK_MS_MAX = 900;
const FREEZE_BEYOND_MS_MAX = 2_000;
/** Longer than the agents' patience with a silent line at the heartbeat of these clusters. */
const CUT_MS_MIN = 3_000;
const CUT_MS_MAX = 8_000;
const CUTS = ['both', 'up', 'down'] as const;

export function drawFaults(counts: FaultCounts, agents: number, rng: SplittableRng): readonly PlannedFault[] {
  const agent = (): number => rng.integer(agents);
  const times = <T>(count: number, make: (index: number) => T): T[] =>
    Array.from({ length: count }, (_, index) => make(index));
  const faults: Fault[] = [
    ...times(counts.controllerKills, () => ({
      kind: 'kill-controller' as const,
      downMs: rng.integer(DOWN_MS_MAX),
    })),
    ...times(counts.agentKills, () => ({
      kind: 'kill-agent' as const,
      agent: agent(),
      downMs: rng.integer(DOWN_MS_MAX),
    })),
    ...times(counts.freezes, () => ({
      kind: 'freeze-agent' as const,
      agent: agent(),
      beyondMs: rng.integer(FREEZE_BEYOND_MS_MAX),
    })),
    ...times(counts.cuts, (index) => ({
      kind: 'cut' as const,
      agent: agent(),
      which: CUTS[index % CUTS.length] as Cut,
      forMs: CUT_MS_MIN + rng.integer(CUT_MS_MAX - CUT_MS_MIN),
    })),
  ];
  return shuffle(rng, faults).map((fault) => ({
    fault,
    afterMs: rng.integer(WORK_MS_MAX),
    overlap: rng.integer(3) === 0,
  }));
}
