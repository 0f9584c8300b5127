/**
 * Placement quality on the openb traces by protocol B1: the production engine (`nabla` knows the list's pod types as
 * FGD does, `nabla-online` learns from arrivals alone) against FGD, BestFit and Random in the same harness, and all
 * of them with departures and a queue.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type BenchOptions, type BenchResult, type Metric, metric } from '../bench-report.ts';
import { drawCurves } from './curve.ts';
import { findLists, HOST_FILE, listFile } from './openb-lists.ts';
import { runAll } from './openb-pool.ts';
import { type ArrivalOutcome, type RunsByPolicy, SIZE_CLASSES } from './openb-run.ts';
import type { RunAnswer, RunOrder } from './openb-worker.ts';
import { POLICIES, type Policy } from './placer.ts';

const SEEDS = [42, 43, 44, 45, 46, 47, 48, 49, 50, 51];
const SEEDS_QUICK = 2;
/** Departures take longer to play and vary less: fewer seeds. */
const CHURN_SEEDS = { quick: 1, whole: 3 };
const CHURN_POLICIES: readonly Policy[] = ['nabla', 'nabla-online', 'fgd', 'bestfit'];
const ORIGINALS = 'the public originals: alibaba/clusterdata, cluster-trace-gpu-v2023';
const SUMMARY_FILE = 'published_summary.csv';
const PUBLISHED_NAMES: Readonly<Record<string, Policy>> = {
  FGD: 'fgd',
  BestFit: 'bestfit',
  Random: 'random',
};
/** Points that the harness may differ from the published mean. */
const CALIBRATION_POINTS: Readonly<Partial<Record<Policy, number>>> = { fgd: 1, bestfit: 1, random: 1.5 };
const GOALS: Readonly<Record<string, string>> = {
  'default.nabla': '<= 4.15',
  'gpuspec33.nabla': '<= 5.5',
  'default.nabla-online': '<= 4.5',
};
/** Here at most equal will do. */
const PAIRED_EXCEPTION = 'multigpu50';

export async function benchOpenb(options: BenchOptions): Promise<BenchResult> {
  const folder = options.dataFolder;
  const lists = folder === undefined ? [] : await findLists(folder).catch(() => []);
  if (folder === undefined || lists.length === 0) {
    options.skip('openb', `--data DIR has no pod lists; ${ORIGINALS}`);
    return { inputs: [], metrics: {} };
  }
  const seeds = options.quick ? SEEDS.slice(0, SEEDS_QUICK) : SEEDS;
  const beganMs = performance.now();
  const answers = await runAll(folder, ordersFor(lists, seeds, options.quick), options.say);
  const metrics: Record<string, Metric> = {};
  const published = await readPublished(folder);
  for (const list of lists) {
    const runs = gather(answers, list);
    judgeArrivals(list, runs, published, metrics);
    judgeChurn(list, answers, metrics);
    options.say(drawCurves(list, runs));
  }
  metrics['runs'] = metric(answers.length, 'runs');
  metrics['wall_s'] = metric((performance.now() - beganMs) / 1000, 's');
  const files = [HOST_FILE, ...(published.size > 0 ? [SUMMARY_FILE] : [])].map((file) =>
    path.join(folder, file),
  );
  return { inputs: [...files, ...lists.map((list) => listFile(folder, list))], metrics };
}

function ordersFor(
  lists: readonly string[],
  seeds: readonly number[],
  isQuick: boolean,
): readonly RunOrder[] {
  const churnSeeds = seeds.slice(0, isQuick ? CHURN_SEEDS.quick : CHURN_SEEDS.whole);
  return lists.flatMap((list) => [
    ...CHURN_POLICIES.flatMap((policy) =>
      churnSeeds.map((seed) => ({ list, policy, seed, variant: 'churn' as const })),
    ),
    ...POLICIES.flatMap((policy) =>
      seeds.map((seed) => ({ list, policy, seed, variant: 'arrivals' as const })),
    ),
  ]);
}

/** By policy, in the order of the seeds. */
function gather(answers: readonly RunAnswer[], list: string): RunsByPolicy {
  const runs = new Map<Policy, ArrivalOutcome[]>();
  for (const answer of answers) {
    if (answer.order.list !== list || !('arrivals' in answer)) continue;
    const known = runs.get(answer.order.policy);
    if (known === undefined) runs.set(answer.order.policy, [answer.arrivals]);
    else known.push(answer.arrivals);
  }
  return runs;
}

function judgeArrivals(
  list: string,
  runs: RunsByPolicy,
  published: ReadonlyMap<string, number>,
  metrics: Record<string, Metric>,
): void {
  const of = (policy: Policy): readonly ArrivalOutcome[] => runs.get(policy) ?? [];
  const fgdLost8 = lostShare(of('fgd'), 'gpu8');
  const bestFit = mean(of('bestfit').map((run) => run.unallocatedAt100));
  for (const policy of POLICIES) {
    const at100 = of(policy).map((run) => run.unallocatedAt100);
    const key = `${list}.${policy}`;
    const goal = GOALS[key] ?? (policy === 'nabla-online' ? `< ${round(bestFit)}` : undefined);
    metrics[`${key}.unallocated_percent_at_100`] = metric(mean(at100), '%', goal);
    metrics[`${key}.unallocated_percent_at_100_sd`] = metric(deviation(at100), '%');
    metrics[`${key}.unallocated_percent_at_130`] = metric(
      mean(of(policy).map((run) => run.unallocatedAt130)),
      '%',
    );
    for (const sizeClass of SIZE_CLASSES) {
      const lost = lostShare(of(policy), sizeClass);
      const lostGoal = policy === 'nabla' && sizeClass === 'gpu8' ? `<= ${round(fgdLost8)}` : undefined;
      metrics[`${key}.dropped_${sizeClass}_percent`] = metric(lost, '%', lostGoal);
    }
    const known = published.get(key);
    const tolerance = CALIBRATION_POINTS[policy];
    if (known !== undefined && tolerance !== undefined)
      metrics[`${key}.published_gap_points`] = metric(
        Math.abs(mean(at100) - known),
        'points',
        `<= ${tolerance}`,
      );
  }
  judgePairs(list, of('nabla'), of('fgd'), published.get(`${list}.fgd`), metrics);
}

/** Against FGD on the same arrivals, seed by seed. */
function judgePairs(
  list: string,
  nabla: readonly ArrivalOutcome[],
  fgd: readonly ArrivalOutcome[],
  publishedFgd: number | undefined,
  metrics: Record<string, Metric>,
): void {
  const gains = nabla.map((run, i) => (fgd[i]?.unallocatedAt100 ?? 0) - run.unallocatedAt100);
  const error = deviation(gains) / Math.sqrt(gains.length);
  const goal = list === PAIRED_EXCEPTION ? '>= 0' : `> ${round(2 * error)}`;
  metrics[`${list}.nabla.paired_gain_points`] = metric(mean(gains), 'points', goal);
  metrics[`${list}.nabla.paired_gain_se`] = metric(error, 'points');
  if (publishedFgd === undefined) return;
  const ahead = publishedFgd - mean(nabla.map((run) => run.unallocatedAt100));
  metrics[`${list}.nabla.published_fgd_gain_points`] = metric(
    ahead,
    'points',
    goal === '>= 0' ? goal : '> 0',
  );
}

function judgeChurn(list: string, answers: readonly RunAnswer[], metrics: Record<string, Metric>): void {
  const outcomes = (policy: Policy) =>
    answers.flatMap((answer) =>
      answer.order.list === list && answer.order.policy === policy && 'churn' in answer ? [answer.churn] : [],
    );
  const waits = new Map(CHURN_POLICIES.map((p) => [p, mean(outcomes(p).map((run) => run.waitSecondsMean))]));
  const idle = new Map(CHURN_POLICIES.map((p) => [p, mean(outcomes(p).map((run) => run.idleGpuHours))]));
  const least = (by: ReadonlyMap<Policy, number>) => Math.min(by.get('fgd') ?? 0, by.get('bestfit') ?? 0);
  for (const policy of CHURN_POLICIES) {
    const isJudged = policy === 'nabla';
    metrics[`${list}.${policy}.churn_wait_s_mean`] = metric(
      waits.get(policy) ?? 0,
      's',
      isJudged ? `<= ${round(least(waits))}` : undefined,
    );
    metrics[`${list}.${policy}.churn_idle_gpu_hours`] = metric(
      idle.get(policy) ?? 0,
      'GPU h',
      isJudged ? `<= ${round(least(idle))}` : undefined,
    );
  }
}

/** Percent of the arrived pods of the class that were dropped, over all seeds. */
function lostShare(runs: readonly ArrivalOutcome[], sizeClass: (typeof SIZE_CLASSES)[number]): number {
  const arrived = runs.reduce((sum, run) => sum + run.arrived[sizeClass], 0);
  const dropped = runs.reduce((sum, run) => sum + run.dropped[sizeClass], 0);
  return arrived === 0 ? 0 : (100 * dropped) / arrived;
}

/** Published unallocated percent at 100 % arrived, by `list.policy`; empty without the table. */
async function readPublished(folder: string): Promise<ReadonlyMap<string, number>> {
  const text = await readFile(path.join(folder, SUMMARY_FILE), 'utf8').catch(() => '');
  const [head = '', ...rows] = text.split(/\r?\n/).filter((row) => row !== '');
  const column = head.split(',').indexOf('unalloc_at_100_mean');
  const published = new Map<string, number>();
  for (const row of rows) {
    const cells = row.split(',');
    const policy = PUBLISHED_NAMES[cells[1] ?? ''];
    if (policy !== undefined) published.set(`${cells[0]}.${policy}`, Number(cells[column]));
  }
  return published;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Of a sample. */
function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
