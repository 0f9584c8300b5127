/**
 * The job path: how long a trivial job takes from the call to its end on the process driver, how many jobs a
 * second are accepted and drained, and what each costs in CPU time and memory. Real processes over TLS, sync on,
 * log capture on. Keys are fixed for comparison over time. Daemons live for weeks, so drain and acceptance are timed on
 * warm ones: jobs of the same kind (see WARM_UP_JOBS) come before, as many as it takes until most of the code is
 * compiled; their time and CPU time are not counted. What acceptance was like during its own warm-up has a key too.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { JobState } from '../../../proto/gen/nabla/v1/job_pb.ts';
import { type ClusterProcesses, distPath, startCluster } from '../../kit/cluster-processes.ts';
import { eventually } from '../../kit/eventually.ts';
import { type BenchOptions, type BenchResult, type Metric, metric, percentile } from '../bench-report.ts';
import { type BenchClient, inParallel, isEnded, openBenchClient, submitTrivialJob } from './bench-client.ts';
import { cpuMsOf, residentMibOf } from './process-usage.ts';

const GPUS_PER_AGENT = 8;
const AGENTS = 4;
const SUBMIT_WIDTH = 16;
const IDLE_SETTLE_MS = 5_000;
/** Before a drain, over all agents, and before acceptance. With a fifth of it compiling still takes a fifth of the agents' CPU time. */
const WARM_UP_JOBS = { quick: 400, whole: 2_000 };
/** Before single jobs are timed on the idle cluster. */
const SINGLE_WARM_UP_JOBS = 100;
/** Each look lists every job; rarer looks than this would show in the rate. */
const LOOK_EVERY_MS = 50;

export async function benchJobPath(options: BenchOptions): Promise<BenchResult> {
  const metrics: Record<string, Metric> = {};
  await benchIdleCluster(options, metrics);
  await benchDrain(options, metrics, 'drain_jobs_per_s', '>= 150', ['--mount-view', 'none']);
  await benchDrainIsolated(options, metrics);
  return { inputs: [], metrics };
}

/** One agent, nothing else to do: latencies of single jobs, the CLI's wall times, idle memory, acceptance. */
async function benchIdleCluster(options: BenchOptions, metrics: Record<string, Metric>): Promise<void> {
  const cluster = await startCluster({ agents: 1, gpusPerAgent: GPUS_PER_AGENT });
  try {
    await new Promise((resolve) => setTimeout(resolve, IDLE_SETTLE_MS));
    metrics['controller_rss_idle_mib'] = metric(residentMibOf(pidOf(cluster.controller)), 'MiB', '<= 150');
    metrics['agent_rss_idle_mib'] = metric(residentMibOf(pidOf(cluster.agents[0])), 'MiB', '<= 120');
    const client = await openBenchClient(cluster);
    await warmUp(client);
    options.say('job-path: single jobs on an idle cluster');
    const times = await timeSingleJobs(client, options.quick ? 30 : 200);
    for (const [name, values, goal] of times) {
      metrics[`submit_${name}_ms_p50`] = metric(percentile(values, 50), 'ms', goal);
      metrics[`submit_${name}_ms_p99`] = metric(percentile(values, 99), 'ms');
    }
    options.say('job-path: CLI wall times');
    const runs = options.quick ? 5 : 15;
    const env = { ...cluster.cliEnv, NABLA_TOKEN: client.token };
    metrics['cli_run_true_wall_ms_p50'] = metric(
      percentile(await timeCli(env, ['jobs', 'run', '--', 'true'], runs), 50),
      'ms',
      '<= 200',
    );
    metrics['cli_help_ms_p50'] = metric(percentile(await timeCli(env, ['--help'], runs), 50), 'ms', '<= 150');
    metrics['controller_rss_worked_mib'] = metric(residentMibOf(pidOf(cluster.controller)), 'MiB');
    metrics['agent_rss_worked_mib'] = metric(residentMibOf(pidOf(cluster.agents[0])), 'MiB');
    options.say('job-path: acceptance from one client process');
    metrics['accepted_jobs_per_s_cold'] = metric(
      await timeAcceptance(client, options.quick ? WARM_UP_JOBS.quick : WARM_UP_JOBS.whole),
      'jobs/s',
    );
    metrics['accepted_jobs_per_s'] = metric(
      await timeAcceptance(client, options.quick ? 1_000 : 5_000),
      'jobs/s',
      '>= 1500',
    );
    client.channel.close();
  } finally {
    await cluster.close();
  }
}

async function warmUp(client: BenchClient): Promise<void> {
  await inParallel(SINGLE_WARM_UP_JOBS, 4, async () => {
    await runSingleJob(client);
  });
}

interface SingleTimes {
  readonly acceptedMs: number;
  readonly runningMs: number;
  readonly finishedMs: number;
}

/** All three as the client learns of them: the watch's first message that says so. */
async function runSingleJob(client: BenchClient): Promise<SingleTimes> {
  const startMs = performance.now();
  const job = await submitTrivialJob(client, { requestId: randomUUID() });
  const acceptedMs = performance.now() - startMs;
  let runningMs = Number.NaN;
  for await (const { job: now } of client.jobs.watchJob({ project: 'default', job: job.id })) {
    if (now === undefined) continue;
    const started = now.startedAtMs > 0n || now.state === JobState.RUNNING || isEnded(now.state);
    if (started && Number.isNaN(runningMs)) runningMs = performance.now() - startMs;
    if (!isEnded(now.state)) continue;
    if (now.state !== JobState.SUCCEEDED) throw new Error(`job ended as ${now.state}: ${now.reasonMessage}`);
    return { acceptedMs, runningMs, finishedMs: performance.now() - startMs };
  }
  throw new Error('the watch ended before the job did');
}

async function timeSingleJobs(
  client: BenchClient,
  count: number,
): Promise<readonly (readonly [string, readonly number[], string | undefined])[]> {
  const all: SingleTimes[] = [];
  for (let i = 0; i < count; i++) all.push(await runSingleJob(client));
  return [
    ['accepted', all.map((one) => one.acceptedMs), undefined],
    ['running', all.map((one) => one.runningMs), '<= 40'],
    ['finished', all.map((one) => one.finishedMs), undefined],
  ];
}

async function timeCli(
  env: ClusterProcesses['cliEnv'],
  args: readonly string[],
  runs: number,
): Promise<readonly number[]> {
  const walls: number[] = [];
  for (let i = 0; i < runs; i++) {
    const startMs = performance.now();
    const code = await new Promise<number | null>((resolve) => {
      spawn(process.execPath, [distPath('cli', 'main.cjs'), ...args], {
        stdio: 'ignore',
        env,
      }).once('exit', resolve);
    });
    if (code !== 0) throw new Error(`nabla ${args.join(' ')} ended with ${code}`);
    walls.push(performance.now() - startMs);
  }
  return walls;
}

/** Jobs that no host may take: acceptance alone, 16 calls at a time. */
async function timeAcceptance(client: BenchClient, count: number): Promise<number> {
  const startMs = performance.now();
  await inParallel(count, SUBMIT_WIDTH, async () => {
    await submitTrivialJob(client, { requestId: randomUUID(), neverRuns: true });
  });
  return (count * 1000) / (performance.now() - startMs);
}

/** Real processes, one simulated GPU each, on 4 agents with 8: from the first submit to the last end. */
async function benchDrain(
  options: BenchOptions,
  metrics: Record<string, Metric>,
  key: string,
  goal: string,
  agentArgs: readonly string[],
): Promise<void> {
  const count = options.quick ? 200 : 1_000;
  options.say(`job-path: draining ${count} jobs (${key})`);
  const cluster = await startCluster({ agents: AGENTS, gpusPerAgent: GPUS_PER_AGENT, agentArgs });
  try {
    const client = await openBenchClient(cluster);
    await drain(client, options.quick ? WARM_UP_JOBS.quick : WARM_UP_JOBS.whole);
    const pids = { controller: pidOf(cluster.controller), agents: cluster.agents.map(pidOf) };
    const before = { controller: cpuMsOf(pids.controller), agents: sum(pids.agents.map(cpuMsOf)) };
    const startMs = performance.now();
    await drain(client, count);
    const seconds = (performance.now() - startMs) / 1000;
    metrics[key] = metric(count / seconds, 'jobs/s', goal);
    if (key === 'drain_jobs_per_s') {
      const controllerMs = (cpuMsOf(pids.controller) - before.controller) / count;
      const agentMs = (sum(pids.agents.map(cpuMsOf)) - before.agents) / count;
      metrics['controller_cpu_ms_per_job'] = metric(controllerMs, 'ms');
      metrics['agent_cpu_ms_per_job'] = metric(agentMs, 'ms');
    }
    await requireAllSucceeded(client);
    client.channel.close();
  } finally {
    await cluster.close();
  }
}

/** Submits so many jobs of one GPU each and waits until none is left. */
async function drain(client: BenchClient, count: number): Promise<void> {
  await inParallel(count, SUBMIT_WIDTH, async () => {
    await submitTrivialJob(client, { requestId: randomUUID(), gpus: 1 });
  });
  await eventually(async () => (await countUnfinished(client)) === 0, {
    deadlineMs: 300_000,
    everyMs: LOOK_EVERY_MS,
    what: 'the queue to drain',
  });
}

async function benchDrainIsolated(options: BenchOptions, metrics: Record<string, Metric>): Promise<void> {
  const found = await new Promise<boolean>((resolve) => {
    const probe = spawn('bwrap', ['--ro-bind', '/', '/', 'true'], { stdio: 'ignore' });
    probe.once('error', () => resolve(false));
    probe.once('exit', (code) => resolve(code === 0));
  });
  if (!found) {
    options.skip('drain_jobs_per_s_bwrap', 'bubblewrap is not installed or may not make namespaces here');
    return;
  }
  await benchDrain(options, metrics, 'drain_jobs_per_s_bwrap', '>= 80', ['--mount-view', 'auto']);
}

async function countUnfinished(client: BenchClient): Promise<number> {
  for (const state of ['queued', 'starting', 'running']) {
    const page = await client.jobs.listJobs({
      project: 'default',
      options: { limit: 1, filters: [`state=${state}`] },
    });
    if (page.jobs.length > 0) return page.jobs.length;
  }
  return 0;
}

/** A drain that failed its jobs quickly is no drain. */
async function requireAllSucceeded(client: BenchClient): Promise<void> {
  const page = await client.jobs.listJobs({
    project: 'default',
    options: { limit: 1, filters: ['state!=succeeded'] },
  });
  const bad = page.jobs[0];
  if (bad !== undefined) throw new Error(`job ${bad.id} ended as ${bad.state}: ${bad.reasonMessage}`);
}

function pidOf(child: { readonly pid?: number | undefined } | undefined): number {
  if (child?.pid === undefined) throw new Error('a process of the cluster has no pid');
  return child.pid;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
