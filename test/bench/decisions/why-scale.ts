/**
 * What it costs to explain a waiting job: 2,000 full hosts of 8 GPUs and 10,000 jobs that wait, once in a few kinds and
 * once no two alike. Told are the time of the processor for a whole answer, for the longest step of it, between which the
 * event loop is free, and for the first question of all, which the planner's picture of the cluster is drawn for.
 */
import type { Command } from '../../../controller/core/command.ts';
import { type Answer, askPlanner } from '../../../controller/core/explain/ask-planner.ts';
import { sumLoad } from '../../../controller/core/explain/cluster-load.ts';
import { explainJob } from '../../../controller/core/explain/explain-job.ts';
import type { Planner } from '../../../controller/core/planner.ts';
import { createPlanner } from '../../../controller/core/planning/plan-cluster.ts';
import type { HostId, JobId } from '../../../proto/domain/ids.ts';
import { createRng } from '../../../proto/runtime/rng.ts';
import { aCapacity, aHost, anInventory, GIB, hostId, jobId, someGpus } from '../../kit/builders.ts';
import { askInput, newAskedPlanner } from '../../kit/explained.ts';
import { World } from '../../kit/stores-world.ts';
import { type Metric, metric, percentile } from '../bench-report.ts';

const HOSTS = 2_000;
const WAITING = 10_000;
const QUESTIONS = { quick: 8, whole: 40 };
const MINUTE_MS = 60_000;
const SEED = 42;
const MODELS = ['NVIDIA H100 80GB HBM3', 'NVIDIA A100-SXM4-80GB'];

export interface WhyScaleOptions {
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

/** The keys `why_alike_cpu_ms`, `why_unlike_cpu_ms`, `why_step_cpu_ms`, `why_first_cpu_ms`, `load_cpu_ms`. */
export function measureWhy(options: WhyScaleOptions): Readonly<Record<string, Metric>> {
  const steps: number[] = [];
  let firstMs = 0;
  const cost = (isAlike: boolean): number => {
    const world = openWorld(isAlike);
    const totals: number[] = [];
    const planner = newAskedPlanner();
    const rng = createRng(SEED).split('asked');
    const { totalMs: beganMs } = measureOne(world, planner, world.state.queue()[0]!.id);
    firstMs = Math.max(firstMs, beganMs);
    for (let asked = 0; asked < (options.quick ? QUESTIONS.quick : QUESTIONS.whole); asked += 1) {
      const { id } = world.state.queue()[rng.integer(WAITING)] as { readonly id: JobId };
      const { totalMs, longestMs, plans } = measureOne(world, planner, id);
      options.say(
        `why: ${plans} plans, ${totalMs.toFixed(1)} ms in all, at most ${longestMs.toFixed(1)} ms at once`,
      );
      totals.push(totalMs);
      steps.push(longestMs);
    }
    return percentile(totals, 50);
  };
  const metrics = {
    why_alike_cpu_ms: metric(cost(true), 'ms', '< 1000'),
    why_unlike_cpu_ms: metric(cost(false), 'ms', '< 3000'),
  };
  return {
    ...metrics,
    why_step_cpu_ms: metric(percentile(steps, 95), 'ms', '< 250'),
    why_first_cpu_ms: metric(firstMs, 'ms'),
    load_cpu_ms: metric(measureLoad(openWorld(false)), 'ms', '< 150'),
  };
}

function measureOne(world: World, planner: Planner, id: JobId) {
  let totalMs = 0;
  let longestMs = 0;
  const timed = <T>(step: () => T): T => {
    const startedMs = cpuMs();
    const made = step();
    const tookMs = cpuMs() - startedMs;
    totalMs += tookMs;
    longestMs = Math.max(longestMs, tookMs);
    return made;
  };
  const input = askInput(world);
  const { search } = timed(() => explainJob(planner, input, world.job(id), () => false));
  if (search !== undefined) {
    const questions = search.questions();
    for (let step = questions.next(); step.done !== true; ) {
      const asked = step.value;
      step = timed(() => questions.next(askPlanner(planner, input, [asked])[0] as Answer));
    }
  }
  return { totalMs, longestMs, plans: 1 + (search?.plans ?? 0) };
}

function measureLoad(world: World): number {
  const times = Array.from({ length: 5 }, () => {
    const startedMs = cpuMs();
    sumLoad(askInput(world));
    return cpuMs() - startedMs;
  });
  return percentile(times, 50);
}

/** Of this process, its collector and compiler included. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Filled by the planner itself, with a few GPUs left over that nothing which waits can use at once. */
function openWorld(isAlike: boolean): World {
  const world = new World();
  for (let at = 0; at < HOSTS; at += 1) {
    const name = `h${at}`;
    const gpus = someGpus(8, { host: name, model: MODELS[at % 2] as string });
    const capacity = aCapacity({ cpuMilli: 128_000, memoryBytes: 1024 * GIB });
    const inventory = anInventory({ gpus, capacity });
    const { bootId, agentVersion } = aHost();
    take(world, { type: 'register-host', hostId: hostId(name), name, bootId, agentVersion, inventory });
  }
  const rng = createRng(SEED).split(isAlike ? 'alike' : 'unlike');
  const planner = createPlanner();
  for (let at = 0; at < 2 * HOSTS; at += 1)
    submit(world, at, 1000 * [3, 4][rng.integer(2)]!, 60 + (at % 600));
  const readyHosts = new Set<HostId>([...world.state.hosts()].map((host) => host.id));
  for (let placed = 1; placed > 0; ) {
    const input = { view: world.state, readyHosts, nowMs: world.nowMs, seed: 1, placementsMax: 4_000 };
    const { placements } = planner(input);
    placed = placements.length;
    if (placed > 0) take(world, { type: 'place-jobs', placements });
  }
  for (let at = 0; at < WAITING; at += 1) {
    world.nowMs += 1;
    const gpus = isAlike ? [2, 4, 8][rng.integer(3)]! : 1 + rng.integer(8);
    const minutes = isAlike ? [60, 240, 1440][rng.integer(3)]! : 10 + rng.integer(10_000);
    submit(world, 100_000 + at, 1000 * gpus, minutes, rng.integer(3) === 0 ? ['H100'] : []);
  }
  return world;
}

function submit(world: World, at: number, gpuMilli: number, minutes: number, gpuModels: string[] = []): void {
  const spec = world.spec({ resources: { gpuMilli, gpuModels }, timeLimitMs: minutes * MINUTE_MS });
  take(world, { type: 'create-job', id: jobId(at), project: 'default', spec, secrets: [] });
}

/** Without the check of every invariant after each command, which takes as long as there is state. */
function take(world: World, command: Command): void {
  const decision = world.decide(command);
  if (!decision.ok) throw new Error(`${command.type} was refused: ${decision.error.message}`);
  for (const event of decision.events) world.apply(event);
}
