/**
 * A large fleet: thousands of simulated hosts on streams with heartbeats, and a long queue of jobs that none of them
 * may take. What the controller costs while nothing happens, how late its answers are, whether it calls a healthy
 * host lost, and how soon it works again after it was killed.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { HostState } from '../../../proto/gen/nabla/v1/catalog_pb.ts';
import { JobSpecSchema } from '../../../proto/gen/nabla/v1/job_pb.ts';
import type { ClusterClient } from '../../kit/cluster-client.ts';
import { eventually } from '../../kit/eventually.ts';
import { type BenchOptions, type BenchResult, type Metric, metric, percentile } from '../bench-report.ts';
import { inParallel } from '../job-path/bench-client.ts';
import { cpuMsOf, residentMibOf } from '../job-path/process-usage.ts';
import { FLEET_SOURCES, type Fleet, startFleet } from './fleet.ts';
import { MeasuredController } from './measured-controller.ts';

const FLEETS = { quick: [500], whole: [2_000, 5_000] };
const QUEUED = { quick: 5_000, whole: 100_000 };
const GPUS_PER_HOST = 8;
const SUBMIT_WIDTH = 64;
const SETTLE_MS = 10_000;
const WINDOW_MS = { quick: 20_000, whole: 60_000 };
const CONNECT_DEADLINE_MS = 600_000;
const READY_DEADLINE_MS = 120_000;

export async function benchFleet(options: BenchOptions): Promise<BenchResult> {
  const metrics: Record<string, Metric> = {};
  const sizes = options.agents === undefined ? FLEETS[options.quick ? 'quick' : 'whole'] : [options.agents];
  for (const agents of sizes) await measureFleet(options, agents, metrics);
  return { inputs: FLEET_SOURCES, metrics };
}

async function measureFleet(
  options: BenchOptions,
  agents: number,
  metrics: Record<string, Metric>,
): Promise<void> {
  const controller = await MeasuredController.open(options.profileFolder);
  const client = await controller.client();
  let fleet: Fleet | undefined;
  try {
    const queued = options.queued ?? QUEUED[options.quick ? 'quick' : 'whole'];
    options.say(`fleet: ${queued} jobs are queued`);
    const beganMs = performance.now();
    await inParallel(queued, SUBMIT_WIDTH, async () => void (await submit(client, true)));
    const put = (key: string, value: Metric): void => {
      metrics[`agents_${agents}.${key}`] = value;
      // At once, so that a restart that fails does not take what was measured before it along.
      options.say(`fleet: ${key} ${value.value} ${value.unit}`);
    };
    put('queued_jobs_per_s', metric((queued * 1_000) / (performance.now() - beganMs), 'jobs/s'));
    options.say(`fleet: ${agents} simulated hosts join`);
    const joinCpuMs = cpuMsOf(controller.pid);
    const joinMs = performance.now();
    fleet = await startFleet({
      grpcAddress: controller.addresses.grpc,
      caFile: controller.addresses.caFile,
      adminToken: controller.adminToken,
      hosts: agents,
      gpusPerHost: GPUS_PER_HOST,
      taskMs: 1,
    });
    put('join_all_s', metric((performance.now() - joinMs) / 1_000, 's'));
    put('join_cpu_ms_per_host', metric((cpuMsOf(controller.pid) - joinCpuMs) / agents, 'ms'));
    const connectMs = await fleet.untilConnected(agents, CONNECT_DEADLINE_MS);
    put('connect_all_s', metric(connectMs / 1_000, 's'));
    await measureQuiet(options, { controller, client, fleet, agents }, put);
    await measureRestart(options, { controller, client, fleet, agents }, put);
  } finally {
    client.close();
    await fleet?.close();
    await controller.close();
  }
}

interface Parts {
  readonly controller: MeasuredController;
  readonly client: ClusterClient;
  readonly fleet: Fleet;
  readonly agents: number;
}

type Put = (key: string, value: Metric) => void;

async function measureQuiet(options: BenchOptions, parts: Parts, put: Put): Promise<void> {
  const { controller, fleet } = parts;
  const windowMs = WINDOW_MS[options.quick ? 'quick' : 'whole'];
  options.say(`fleet: ${windowMs / 1_000} s of heartbeats`);
  await pause(SETTLE_MS);
  await fleet.look();
  const cpuBefore = cpuMsOf(controller.pid);
  await pause(windowMs);
  const cpuMs = cpuMsOf(controller.pid) - cpuBefore;
  const { lagsMs, breaks } = await fleet.look();
  put('controller_cpu_percent', metric((cpuMs * 100) / windowMs, '%', '< 70'));
  put('controller_rss_mib', metric(residentMibOf(controller.pid), 'MiB', '< 4096'));
  put('heartbeat_lag_ms_p99', metric(percentile(lagsMs, 99), 'ms'));
  // A host that was given up for a while breaks its session or is not ready now.
  put('false_losses', metric((await countNotReady(parts)) + breaks, 'hosts', '<= 0'));
}

async function countNotReady({ client, agents }: Parts): Promise<number> {
  const ready = (await client.listHosts()).filter(({ state }) => state === HostState.READY).length;
  return agents - ready;
}

/** Ready: the API answers, and a new job starts. */
async function measureRestart(options: BenchOptions, parts: Parts, put: Put): Promise<void> {
  const { controller, client, fleet, agents } = parts;
  options.say('fleet: the controller is killed and started again');
  const beganMs = performance.now();
  await controller.killAndRestart();
  put('restart_listening_s', metric((performance.now() - beganMs) / 1_000, 's'));
  const canary = await eventually(() => submit(client, false), {
    deadlineMs: READY_DEADLINE_MS,
    everyMs: 50,
    what: 'a submit to be taken',
  });
  const isStarted = async (): Promise<boolean> => {
    const { job } = await client.jobs.getJob({ project: 'default', job: canary });
    return (job?.startedAtMs ?? 0n) > 0n;
  };
  await eventually(isStarted, { deadlineMs: READY_DEADLINE_MS, everyMs: 50, what: 'a new job to start' });
  put('restart_ready_s', metric((performance.now() - beganMs) / 1_000, 's', '< 30'));
  await fleet.untilConnected(agents, CONNECT_DEADLINE_MS);
  put('restart_all_hosts_s', metric((performance.now() - beganMs) / 1_000, 's', '<= 45'));
  const lost = (await client.listHosts()).filter(
    ({ state }) => state === HostState.LOST || state === HostState.UNKNOWN,
  );
  put('restart_false_losses', metric(lost.length, 'hosts', '<= 0'));
}

async function submit(client: ClusterClient, waits: boolean): Promise<string> {
  const { job } = await client.jobs.createJob({
    project: 'default',
    requestId: randomUUID(),
    spec: create(JobSpecSchema, {
      command: { form: { case: 'argv', value: { args: ['true'] } } },
      resources: { cpuMilli: 100n, memoryBytes: 16n * 1024n * 1024n },
      ...(waits ? { constraints: { bench: 'never' }, waitForHosts: true } : {}),
    }),
  });
  return job?.id ?? '';
}
