/**
 * What one placement decision costs: 5,000 hosts of 8 GPUs, empty and 90 % full with leftovers of every kind, on one
 * core; how the cost grows from 100 to 10,000 hosts; and what it costs to explain a waiting job.
 */
import { Fleet, type Placement } from '../../../controller/core/packing/fleet.ts';
import { NO_NEED, type Shape } from '../../../controller/core/packing/shape.ts';
import { createRng } from '../../../proto/runtime/rng.ts';
import { type BenchOptions, type BenchResult, type Metric, metric, percentile } from '../bench-report.ts';
import { drawCost } from './cost-curve.ts';
import { measurePasses } from './pass-scale.ts';
import { measureWhy } from './why-scale.ts';

const HOSTS = 5_000;
const GPUS_PER_HOST = 8;
const GIB = 2 ** 30;
const FULL_SHARE = 0.9;
const CURVE_HOSTS = [100, 300, 1_000, 3_000, 10_000];
/** Decisions of each kind; each is taken, and given back after so many, so that the fill stays. */
const DECISIONS = { quick: 4_000, whole: 20_000 };
const HELD_MAX = 400;
const BATCH = 100;
const GANG_TASKS = 8;
const SEED = 42;

type Kind = 'one_gpu' | 'host8' | 'gang8x1';
const GOALS: Readonly<Record<Kind, number>> = { one_gpu: 20_000, host8: 10_000, gang8x1: 2_000 };

interface Cost {
  readonly perSecond: number;
  readonly timesMs: readonly number[];
}

export async function benchDecisions(options: BenchOptions): Promise<BenchResult> {
  const metrics: Record<string, Metric> = {};
  const decisions = options.quick ? DECISIONS.quick : DECISIONS.whole;
  const timesMs: number[] = [];
  warmUp();
  for (const fill of ['empty', 'full90'] as const) {
    options.say(`decisions: ${HOSTS} hosts of ${GPUS_PER_HOST} GPUs, ${fill}`);
    const fleet = openFleet(HOSTS);
    if (fill === 'full90') fillUp(fleet);
    metrics[`${fill}.states`] = metric(fleet.stateCount, 'states');
    for (const kind of ['one_gpu', 'host8', 'gang8x1'] as const) {
      const count = kind === 'gang8x1' ? decisions / 4 : decisions;
      const cost = measure(fleet, kind, count);
      for (const ms of cost.timesMs) timesMs.push(ms);
      const goal = fill === 'empty' ? GOALS[kind] : goalWhenFull(kind, metrics);
      metrics[`${fill}.${kind}_per_s`] = metric(cost.perSecond, 'decisions/s', `>= ${goal}`);
    }
  }
  metrics['decision_ms_p99'] = metric(percentile(timesMs, 99), 'ms', '< 5');
  metrics['decision_ms_max'] = metric(Math.max(0, percentile(timesMs, 100)), 'ms');
  const costs = CURVE_HOSTS.map((hosts) => ({ hosts, microseconds: costAt(hosts, decisions) }));
  for (const { hosts, microseconds } of costs)
    metrics[`hosts_${hosts}.decision_us`] = metric(microseconds, 'us');
  metrics['cost_exponent'] = metric(slopeOf(costs), '', '< 0.5');
  options.say(drawCost(costs));
  return { inputs: [], metrics: { ...metrics, ...measurePasses(options), ...measureWhy(options) } };
}

/** Half of what the empty cluster makes in the same run. */
function goalWhenFull(kind: Kind, metrics: Readonly<Record<string, Metric>>): number {
  return Math.round((metrics[`empty.${kind}_per_s`]?.value ?? 0) / 2);
}

/** The compiler's first look at the code is not what a decision costs. */
function warmUp(): void {
  const fleet = openFleet(200);
  fillUp(fleet);
  for (const kind of ['one_gpu', 'host8', 'gang8x1'] as const) measure(fleet, kind, DECISIONS.quick);
}

function openFleet(hosts: number): Fleet {
  const fleet = new Fleet();
  for (let host = 0; host < hosts; host += 1)
    fleet.addHost({
      id: `host-${String(host).padStart(5, '0')}`,
      cpuMilli: 128_000,
      memoryBytes: 1024 * GIB,
      diskBytes: 4096 * GIB,
      gpus: Array.from({ length: GPUS_PER_HOST }, (_, gpu) => ({
        uuid: `gpu-${gpu}`,
        model: 'NVIDIA H100 80GB HBM3',
        memoryBytes: 80 * GIB,
        usable: true,
      })),
      labels: {},
      drivers: ['docker'],
      open: true,
    });
  return fleet;
}

/** Work of many sizes up to 97 %, of which every so many leaves again: leftovers of every kind at 90 %. */
function fillUp(fleet: Fleet): void {
  const rng = createRng(SEED).split('decisions-fill');
  const placed: Placement[] = [];
  const whole = fleet.allGpuMilli;
  while (fleet.freeGpuMilli > 0.03 * whole) {
    const dice = rng.integer(10);
    const gpuCount = dice < 7 ? 1 : dice < 9 ? 2 : 4;
    const gpuMilli = dice < 3 ? 100 * (1 + rng.integer(9)) : 1000;
    const shape = fleet.intern({
      ...NO_NEED,
      cpuMilli: 500 * (1 + rng.integer(16)),
      memoryBytes: GIB * (1 + rng.integer(64)),
      gpuCount,
      gpuMilli,
      driver: 'docker',
    });
    fleet.observe(shape);
    const placement = fleet.tryPlace(shape);
    if (placement !== undefined) placed.push(placement);
  }
  while (fleet.freeGpuMilli < (1 - FULL_SHARE) * whole) {
    const at = rng.integer(placed.length);
    fleet.release(placed[at] as Placement);
    placed[at] = placed.at(-1) as Placement;
    placed.pop();
  }
}

function shapeFor(fleet: Fleet, kind: Kind): Shape {
  const gpuCount = kind === 'host8' ? 8 : 1;
  return fleet.intern({
    ...NO_NEED,
    cpuMilli: 4_000 * gpuCount,
    memoryBytes: 16 * GIB * gpuCount,
    gpuCount,
    gpuMilli: 1000,
    driver: 'docker',
  });
}

/**
 * Places in batches and gives the oldest back between them. Rates are per second of CPU time, so that other work on
 * the machine does not count; the times of single decisions are wall time.
 */
function measure(fleet: Fleet, kind: Kind, decisions: number): Cost {
  const shape = shapeFor(fleet, kind);
  const held: (readonly Placement[])[] = [];
  const timesMs: number[] = [];
  let cpuSeconds = 0;
  for (let done = 0; done < decisions; done += BATCH) {
    const before = process.cpuUsage();
    for (let i = 0; i < BATCH; i += 1) {
      const beganMs = performance.now();
      const placements = decide(fleet, kind, shape);
      timesMs.push(performance.now() - beganMs);
      if (placements !== undefined) held.push(placements);
    }
    const { user, system } = process.cpuUsage(before);
    cpuSeconds += (user + system) / 1e6;
    while (held.length > HELD_MAX) releaseAll(fleet, held.shift() ?? []);
  }
  for (const placements of held) releaseAll(fleet, placements);
  return { perSecond: timesMs.length / cpuSeconds, timesMs };
}

function decide(fleet: Fleet, kind: Kind, shape: Shape): readonly Placement[] | undefined {
  fleet.observe(shape);
  return kind === 'gang8x1' ? fleet.tryPlaceGang(shape, GANG_TASKS, false) : placeOne(fleet, shape);
}

function releaseAll(fleet: Fleet, placements: readonly Placement[]): void {
  for (const placement of placements) fleet.release(placement);
}

function placeOne(fleet: Fleet, shape: Shape): readonly Placement[] | undefined {
  const placement = fleet.tryPlace(shape);
  return placement === undefined ? undefined : [placement];
}

/** Microseconds per decision, one GPU and eight, on a cluster that is 90 % full. */
function costAt(hosts: number, decisions: number): number {
  const fleet = openFleet(hosts);
  fillUp(fleet);
  measure(fleet, 'one_gpu', decisions / 4);
  const one = measure(fleet, 'one_gpu', decisions / 2);
  const eight = measure(fleet, 'host8', decisions / 2);
  return 1e6 / 2 / one.perSecond + 1e6 / 2 / eight.perSecond;
}

/** Slope of log cost over log hosts, by least squares. */
function slopeOf(costs: readonly { readonly hosts: number; readonly microseconds: number }[]): number {
  const points = costs.map(({ hosts, microseconds }) => [Math.log(hosts), Math.log(microseconds)] as const);
  const xMean = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const yMean = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const cross = points.reduce((sum, [x, y]) => sum + (x - xMean) * (y - yMean), 0);
  return cross / points.reduce((sum, [x]) => sum + (x - xMean) ** 2, 0);
}
