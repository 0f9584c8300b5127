/**
 * Aim: what operators set decides what runs: lent quota comes back with notice, priority stops no more than it must,
 * reserved hosts are kept, projects share, and small jobs fill gaps without delaying who stands before them.
 * Method: a whole controller in this process with its own planner, scripted hosts whose tasks run until they are told
 * otherwise, settings by the command line.
 */
import type { Test } from 'tap';
import t from 'tap';
import { type TaskKey, toTaskName } from '../../proto/domain/ids.ts';
import { JobState } from '../../proto/gen/nabla/v1/job_pb.ts';
import { anInventory, someGpus } from '../kit/builders.ts';
import { eventually } from '../kit/eventually.ts';
import type { FakeAgent } from '../kit/fake-agent.ts';
import { type RunningController, runController } from '../kit/running-controller.ts';
import { runCli } from '../unit/cli/cli-kit.ts';

const COMMAND = { form: { case: 'shell' as const, value: 'true' } };
const DEADLINE = { deadlineMs: 20_000 };
const HOUR_MS = 3_600_000n;

interface JobPart {
  readonly project?: string;
  readonly gpus?: number;
  readonly priority?: number;
  readonly preemptible?: boolean;
  readonly timeLimitMs?: bigint;
  readonly excludeHosts?: string[];
}

class Cluster {
  readonly nabla: RunningController;
  readonly agents: FakeAgent[] = [];

  constructor(nabla: RunningController) {
    this.nabla = nabla;
  }

  async host(name: string, gpuCount: number): Promise<void> {
    const gpus = someGpus(gpuCount, { host: name });
    const script = () => ({ untilTold: true });
    this.agents.push(await this.nabla.agent({ host: name, inventory: anInventory({ gpus }), script }));
  }

  /** An operator's order; must be taken. */
  async set(...argv: string[]): Promise<void> {
    const { adminToken, controller, target } = this.nabla;
    const variables = {
      NABLA_URL: target.grpcAddress,
      NABLA_CA_FILE: controller.caFile,
      NABLA_TOKEN: adminToken,
    };
    const run = await runCli(argv, { variables });
    if (run.code !== 0) throw new Error(`${argv.join(' ')}: ${run.stderr}`);
  }

  async submit({ project = 'default', gpus = 1, ...part }: JobPart = {}): Promise<string> {
    const resources = { gpuMilli: BigInt(1000 * gpus) };
    const spec = { command: COMMAND, resources, preemptible: false, ...part };
    const { job } = await this.nabla.jobs.createJob({ project, spec });
    return job?.id ?? '';
  }

  async state(job: string, project = 'default') {
    return (await this.nabla.jobs.getJob({ project, job })).job;
  }

  async untilRunning(job: string, project = 'default'): Promise<void> {
    const isRunning = async () => (await this.state(job, project))?.state === JobState.RUNNING;
    await eventually(isRunning, DEADLINE);
  }

  /** Until the planner looked and left it waiting. */
  async untilTold(job: string, project = 'default'): Promise<string> {
    let reason = '';
    await eventually(async () => {
      const told = await this.state(job, project);
      reason = told?.state === JobState.QUEUED ? told.reason : '';
      return reason !== '' && reason !== 'QUEUED';
    }, DEADLINE);
    return reason;
  }

  async finish(job: string, attempt = 1): Promise<void> {
    const name = nameOf(job, attempt);
    await this.agents.find(({ tasks }) => tasks.has(name))?.finish(name, { code: 0 });
  }

  /** Orders to stop that hosts got, with the notice that each gives. */
  stops(): ReadonlyMap<string, number> {
    const stops = new Map<string, number>();
    for (const { received } of this.agents) {
      for (const message of received) {
        if (message.kind !== 'desired') continue;
        for (const task of message.tasks) {
          if (task.phase === 'stop') stops.set(task.key.jobId, task.graceMs);
        }
      }
    }
    return stops;
  }
}

function nameOf(jobId: string, attempt = 1): string {
  return toTaskName({ jobId, attempt, task: 0 } as TaskKey);
}

async function open(t: Test): Promise<Cluster> {
  const cluster = new Cluster(await runController(t));
  await cluster.set('policy', 'set', 'preemptionMinRuntime=0s', 'preemptionGrace=2s', 'reclaimBound=1m');
  return cluster;
}

t.test('a guarantee is lent while it is idle and comes back with notice', async (t) => {
  const cluster = await open(t);
  await cluster.host('1', 2);
  await cluster.set('projects', 'create', 'lab');
  await cluster.set('quotas', 'set', 'lab', '--project', '--guarantee', 'gpu=1');
  const borrowers = [await cluster.submit(), await cluster.submit()];
  for (const job of borrowers) await cluster.untilRunning(job);
  const owner = await cluster.submit({ project: 'lab' });
  await cluster.untilRunning(owner, 'lab');
  const stops = [...cluster.stops()];
  t.equal(stops.length, 1, 'one of the two');
  const [stopped = '', graceMs = 0] = stops[0] ?? [];
  t.ok(borrowers.includes(stopped));
  t.ok(graceMs >= 2_000, `${graceMs} ms`);
  const victim = await cluster.state(stopped);
  t.equal(victim?.state, JobState.QUEUED, 'and waits again');
  await cluster.finish(owner);
  await cluster.untilRunning(stopped);
});

t.test('priority stops the least that makes room', async (t) => {
  const cluster = await open(t);
  await cluster.host('1', 3);
  const cheap = await cluster.submit({ priority: 100, preemptible: true });
  const better = await cluster.submit({ priority: 200, preemptible: true });
  const firm = await cluster.submit({ priority: 50 });
  for (const job of [cheap, better, firm]) await cluster.untilRunning(job);
  const urgent = await cluster.submit({ priority: 900 });
  await cluster.untilRunning(urgent);
  t.same([...cluster.stops().keys()], [cheap]);
  for (const job of [better, firm]) t.equal((await cluster.state(job))?.state, JobState.RUNNING);
});

t.test('a reserved host is kept for its project', async (t) => {
  const cluster = await open(t);
  await cluster.host('1', 1);
  await cluster.set('projects', 'create', 'lab');
  const [host] = (await cluster.nabla.hosts.listHosts({})).hosts;
  const reserve = ['reservations', 'create', 'course', '--project', 'lab', '--for', '8h', '--host'];
  await cluster.set(...reserve, host?.id ?? '');
  const other = await cluster.submit();
  t.equal(await cluster.untilTold(other), 'SET_ASIDE');
  const own = await cluster.submit({ project: 'lab' });
  await cluster.untilRunning(own, 'lab');
  await cluster.finish(own);
  await cluster.set('reservations', 'delete', 'course');
  await cluster.untilRunning(other);
});

t.test('projects share what becomes free, whoever came first', async (t) => {
  const cluster = await open(t);
  await cluster.host('1', 2);
  await cluster.set('projects', 'create', 'lab');
  await cluster.set('projects', 'create', 'shop');
  const blocker = await cluster.submit({ project: 'shop', gpus: 2 });
  await cluster.untilRunning(blocker, 'shop');
  const first = [await cluster.submit(), await cluster.submit()];
  const lab = await cluster.submit({ project: 'lab' });
  await cluster.untilTold(lab, 'lab');
  await cluster.finish(blocker);
  await cluster.untilRunning(lab, 'lab');
  await cluster.untilRunning(first[0]!);
  t.equal((await cluster.state(first[1]!))?.state, JobState.QUEUED);
});

t.test('a gap is filled only by what leaves it in time', async (t) => {
  const cluster = await open(t);
  await cluster.host('1', 2);
  const long = await cluster.submit({ timeLimitMs: HOUR_MS });
  await cluster.untilRunning(long);
  const head = await cluster.submit({ gpus: 2, timeLimitMs: HOUR_MS });
  await cluster.untilTold(head);
  const endless = await cluster.submit();
  t.equal(await cluster.untilTold(endless), 'BACKFILL_WOULD_DELAY');
  const short = await cluster.submit({ timeLimitMs: HOUR_MS / 4n });
  await cluster.untilRunning(short);
  await cluster.finish(short);
  await cluster.finish(long);
  await cluster.untilRunning(head);
  t.equal((await cluster.state(endless))?.state, JobState.QUEUED);
});
