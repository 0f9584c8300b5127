/**
 * What whole scheduling passes cost: 500 gangs that wait for 256 hosts of 8 GPUs, and quota called back on 1,000 hosts
 * that another project has filled. The slowest of several situations counts.
 */
import type { Packing } from '../../../controller/core/scheduling/packing-port.ts';
import type { ScheduleInput } from '../../../controller/core/scheduling/pass-input.ts';
import type { PendingJob, RunningJob } from '../../../controller/core/scheduling/pass-jobs.ts';
import { schedule } from '../../../controller/core/scheduling/schedule.ts';
import { createRng } from '../../../proto/runtime/rng.ts';
import { aNode, aPass, aPending, aRunning, HOUR_MS, NOON_MS, openRooms } from '../../kit/pass-world.ts';
import { type Metric, metric, percentile } from '../bench-report.ts';

const PENDING = 500;
const PASS_HOSTS = 256;
const RECLAIM_HOSTS = 1_000;
const REPEATS = { quick: 3, whole: 9 };
const SEED = 42;
const PROJECTS = ['a', 'b', 'c', 'd'];

export interface PassScaleOptions {
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

/** The keys `pass_500_gangs_256_hosts_ms` and `reclaim_1000_hosts_ms`. */
export function measurePasses(options: PassScaleOptions): Readonly<Record<string, Metric>> {
  const repeats = options.quick ? REPEATS.quick : REPEATS.whole;
  const slowest = (situations: readonly (readonly [name: string, input: ScheduleInput])[]): number =>
    Math.max(
      ...situations.map(([name, input]) => {
        const ms = medianMs(input, repeats);
        const { starts, evictions, waits } = schedule(input);
        options.say(
          `pass: ${name}: ${ms.toFixed(1)} ms, ${starts.length} start, ${evictions.length} go, ${waits.length} wait`,
        );
        return ms;
      }),
    );
  return {
    pass_500_gangs_256_hosts_ms: metric(slowest(passSituations()), 'ms', '< 250'),
    reclaim_1000_hosts_ms: metric(slowest(reclaimSituations()), 'ms', '< 2000'),
  };
}

function medianMs(input: ScheduleInput, repeats: number): number {
  const times = Array.from({ length: repeats }, () => {
    const startedMs = performance.now();
    schedule(input);
    return performance.now() - startedMs;
  });
  return percentile(times, 50);
}

function openHosts(count: number): Packing {
  return openRooms(Array.from({ length: count }, () => 8));
}

function passSituations(): readonly (readonly [string, ScheduleInput])[] {
  return [0, 0.5, 1].flatMap((fill) =>
    (['easy', 'conservative'] as const).map((backfill) => {
      const packing = openHosts(PASS_HOSTS);
      const running = fillUp(packing, fill);
      const pending = waitingGangs();
      const input = aPass({ packing, running, pending, policy: { backfill } });
      return [`500 gangs, ${100 * fill} % full, ${backfill}`, input] as const;
    }),
  );
}

/** Gangs of 1 to 8 hosts, of whole hosts, halves and quarters, for one to twelve hours. */
function waitingGangs(): readonly PendingJob[] {
  const rng = createRng(SEED).split('gangs');
  return Array.from({ length: PENDING }, (_, at) => {
    const gpuMilli = [2000, 4000, 8000, 8000][rng.integer(4)] as number;
    const tasks = 2 ** rng.integer(4);
    const project = PROJECTS[rng.integer(PROJECTS.length)] as string;
    const limitMs = (1 + rng.integer(12)) * HOUR_MS;
    return aPending(`j${10_000 + at}`, { project, gpuMilli, tasks, limitMs }, { perHostMax: 1 });
  });
}

/** Until that share of the GPUs is held, by jobs of one to eight of them with ends at different times. */
function fillUp(packing: Packing, share: number): readonly RunningJob[] {
  const rng = createRng(SEED).split('running');
  const running: RunningJob[] = [];
  let leftMilli = share * packing.hostCount * 8000;
  while (leftMilli > 0) {
    const gpuMilli = Math.min(leftMilli, [1000, 2000, 4000, 8000][rng.integer(4)] as number);
    const project = PROJECTS[rng.integer(PROJECTS.length)] as string;
    const words = { project, gpuMilli: 1000, tasks: gpuMilli / 1000 };
    const timeLimitMs = HOUR_MS + 60_000 * (1 + rng.integer(1200));
    running.push(aRunning(packing, `r${10_000 + running.length}`, words, { timeLimitMs }));
    leftMilli -= gpuMilli;
  }
  return running;
}

/** One project holds every GPU; half of them are guaranteed to another, which now asks. */
function reclaimSituations(): readonly (readonly [string, ScheduleInput])[] {
  const quota = [aNode('own', (RECLAIM_HOSTS / 2) * 8000), aNode('lent', (RECLAIM_HOSTS / 2) * 8000)];
  const situation = (name: string, gpuMilli: number, pending: readonly PendingJob[]) => {
    const packing = openHosts(RECLAIM_HOSTS);
    const running = Array.from({ length: (RECLAIM_HOSTS * 8000) / gpuMilli }, (_, at) =>
      aRunning(
        packing,
        `r${10_000 + at}`,
        { project: 'lent', gpuMilli },
        { startedMs: NOON_MS - HOUR_MS - at },
      ),
    );
    return [name, aPass({ packing, running, pending, quota })] as const;
  };
  const gangs = (count: number, tasks: number): readonly PendingJob[] =>
    Array.from({ length: count }, (_, at) =>
      aPending(`j${10_000 + at}`, { project: 'own', gpuMilli: 8000, tasks }, { perHostMax: 1 }),
    );
  return [
    situation('one gang of 500 hosts against 8,000 jobs', 1000, gangs(1, 500)),
    situation('62 gangs of 8 hosts against 8,000 jobs', 1000, gangs(62, 8)),
    situation('500 jobs of a host against 2,000 jobs', 4000, gangs(500, 1)),
  ];
}
