/**
 * Durable throughput: a real controller process that syncs every commit to disk, a hundred simulated hosts over the
 * real protocol in another, and no-op jobs by the same API that everybody uses. What a job costs end to end, and how
 * soon it starts at a steady rate.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { type Job, JobSpecSchema, JobState } from '../../../proto/gen/nabla/v1/job_pb.ts';
import type { ClusterClient } from '../../kit/cluster-client.ts';
import { eventually } from '../../kit/eventually.ts';
import { type BenchOptions, type BenchResult, type Metric, metric, percentile } from '../bench-report.ts';
import { FLEET_SOURCES, startFleet } from '../fleet/fleet.ts';
import { MeasuredController } from '../fleet/measured-controller.ts';
import { inParallel } from '../job-path/bench-client.ts';
import { cpuMsOf, residentMibOf } from '../job-path/process-usage.ts';

const AGENTS = 100;
const GPUS_PER_HOST = 8;
const JOBS = { quick: 5_000, whole: 50_000 };
const WARM_UP_JOBS = 1_000;
/** Calls at once from the one client process. */
const SUBMIT_WIDTH = 32;
const STEADY_PER_S = 250;
const STEADY_S = { quick: 8, whole: 40 };
/** Submits at a steady rate go out in groups this far apart. */
const GROUP_MS = 20;
/** Each look goes through all jobs, which costs the controller. */
const LOOK_EVERY_MS = 250;
const CONNECT_DEADLINE_MS = 120_000;

export async function benchDurable(options: BenchOptions): Promise<BenchResult> {
  const agents = options.agents ?? AGENTS;
  const controller = await MeasuredController.open(options.profileFolder);
  const client = await controller.client();
  try {
    options.say(`durable: ${agents} simulated hosts join`);
    const fleet = await startFleet({
      grpcAddress: controller.addresses.grpc,
      caFile: controller.addresses.caFile,
      adminToken: controller.adminToken,
      hosts: agents,
      gpusPerHost: GPUS_PER_HOST,
      taskMs: 1,
    });
    try {
      await fleet.untilConnected(agents, CONNECT_DEADLINE_MS);
      const metrics: Record<string, Metric> = {};
      await drain(client, WARM_UP_JOBS);
      await measureDrain(options, client, { controller: controller.pid, fleet: fleet.pid }, metrics);
      await measureSteady(options, client, metrics);
      metrics['controller_rss_mib'] = metric(residentMibOf(controller.pid), 'MiB');
      await requireAllSucceeded(client);
      return { inputs: FLEET_SOURCES, metrics };
    } finally {
      await fleet.close();
    }
  } finally {
    client.close();
    await controller.close();
  }
}

/** Resolves with the job's id once it is accepted, which means durable. */
async function submit(client: ClusterClient): Promise<string> {
  const { job } = await client.jobs.createJob({
    project: 'default',
    requestId: randomUUID(),
    spec: create(JobSpecSchema, {
      command: { form: { case: 'argv', value: { args: ['true'] } } },
      resources: { gpuMilli: 1_000n, cpuMilli: 100n, memoryBytes: 16n * 1024n * 1024n },
    }),
  });
  return job?.id ?? '';
}

async function measureDrain(
  options: BenchOptions,
  client: ClusterClient,
  pids: { readonly controller: number; readonly fleet: number },
  metrics: Record<string, Metric>,
): Promise<void> {
  const count = options.quick ? JOBS.quick : JOBS.whole;
  options.say(`durable: ${count} jobs as fast as they are taken`);
  const cpuBefore = cpuMsOf(pids.controller);
  const fleetBefore = cpuMsOf(pids.fleet);
  const ownBefore = process.cpuUsage();
  const { acceptedMs, finishedMs } = await drain(client, count);
  const own = process.cpuUsage(ownBefore);
  metrics['accepted_jobs_per_s'] = metric((count * 1_000) / acceptedMs, 'jobs/s');
  metrics['finished_jobs_per_s'] = metric((count * 1_000) / finishedMs, 'jobs/s', '>= 500');
  metrics['drain_s'] = metric(finishedMs / 1_000, 's');
  metrics['controller_cpu_ms_per_job'] = metric((cpuMsOf(pids.controller) - cpuBefore) / count, 'ms');
  metrics['simulated_hosts_cpu_ms_per_job'] = metric((cpuMsOf(pids.fleet) - fleetBefore) / count, 'ms');
  metrics['client_cpu_ms_per_job'] = metric((own.user + own.system) / 1_000 / count, 'ms');
}

/** Submits so many and waits for the last end. */
async function drain(
  client: ClusterClient,
  count: number,
): Promise<{ readonly acceptedMs: number; readonly finishedMs: number }> {
  const beganMs = performance.now();
  await inParallel(count, SUBMIT_WIDTH, async () => void (await submit(client)));
  const acceptedMs = performance.now() - beganMs;
  await eventually(() => isIdle(client), {
    deadlineMs: 600_000,
    everyMs: LOOK_EVERY_MS,
    what: 'the queue to drain',
  });
  return { acceptedMs, finishedMs: performance.now() - beganMs };
}

/** Nothing waits, starts or runs. */
async function isIdle(client: ClusterClient): Promise<boolean> {
  for (const state of ['queued', 'starting', 'running']) {
    const options = { limit: 1, filters: [`state=${state}`] };
    const page = await client.jobs.listJobs({ project: 'default', options });
    if (page.jobs.length > 0) return false;
  }
  return true;
}

/** From the call until the task runs on its host, at a rate that is held. */
async function measureSteady(
  options: BenchOptions,
  client: ClusterClient,
  metrics: Record<string, Metric>,
): Promise<void> {
  const seconds = options.quick ? STEADY_S.quick : STEADY_S.whole;
  options.say(`durable: ${STEADY_PER_S} jobs a second for ${seconds} s`);
  const calledAtMs = new Map<string, number>();
  const calls: Promise<void>[] = [];
  const beganMs = performance.now();
  const whole = STEADY_PER_S * seconds;
  for (let sent = 0; sent < whole; ) {
    const due = Math.min(whole, Math.floor(((performance.now() - beganMs) / 1_000) * STEADY_PER_S));
    for (; sent < due; sent += 1) {
      const atMs = Date.now();
      calls.push(submit(client).then((id) => void calledAtMs.set(id, atMs)));
    }
    await pause(GROUP_MS);
  }
  await Promise.all(calls);
  await eventually(() => isIdle(client), {
    deadlineMs: 60_000,
    everyMs: LOOK_EVERY_MS,
    what: 'the queue to drain',
  });
  const jobs = await client.listJobs();
  const listed = new Set(jobs.map(({ id }) => id));
  const lost = [...calledAtMs.keys()].filter((id) => !listed.has(id));
  if (lost.length > 0) throw new Error(`${lost.length} acknowledged jobs are not listed`);
  const startMs = jobs.flatMap((job) => toStartMs(job, calledAtMs.get(job.id)));
  if (startMs.length !== whole) throw new Error(`${startMs.length} of ${whole} jobs started`);
  metrics['start_ms_p50_at_250_per_s'] = metric(percentile(startMs, 50), 'ms');
  metrics['start_ms_p99_at_250_per_s'] = metric(percentile(startMs, 99), 'ms', '< 1000');
}

/** Both clocks are those of this machine. */
function toStartMs(job: Job, calledAtMs: number | undefined): readonly number[] {
  const startedAtMs = Number(job.startedAtMs);
  return calledAtMs === undefined || startedAtMs === 0 ? [] : [startedAtMs - calledAtMs];
}

async function requireAllSucceeded(client: ClusterClient): Promise<void> {
  const options = { limit: 1, filters: ['state!=succeeded'] };
  const [bad] = (await client.jobs.listJobs({ project: 'default', options })).jobs;
  if (bad !== undefined && bad.state !== JobState.SUCCEEDED)
    throw new Error(`job ${bad.id} ended as ${bad.state}: ${bad.reasonMessage}`);
}
