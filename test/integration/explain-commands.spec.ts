/**
 * Aim: `why`, `--dry-run` and `top` tell the truth about a running cluster, keep what they may not tell, store nothing,
 * and what they suggest works. Method: a whole controller in this process with its own planner, scripted hosts whose
 * tasks run until they are told otherwise, everything by the command line.
 */
import t, { type Test } from 'tap';
import { toTaskName } from '../../proto/domain/ids.ts';
import { ExplainService } from '../../proto/gen/nabla/v1/explain_pb.ts';
import { createClient } from '../../proto/rpc/client.ts';
import { anInventory, someGpus } from '../kit/builders.ts';
import { eventually } from '../kit/eventually.ts';
import type { FakeAgent } from '../kit/fake-agent.ts';
import { type RunningController, runController } from '../kit/running-controller.ts';
import { makeUser } from '../kit/users.ts';
import { type CliRun, type CliRunOptions, runCli } from '../unit/cli/cli-kit.ts';

const DEADLINE = { deadlineMs: 20_000 };

/** Parts of the JSON forms that are looked into; the rest is matched as a whole. */
interface Answer {
  readonly id: string;
  readonly state: string;
  readonly length: number;
  readonly estimate: { readonly basis: string };
  readonly changes: readonly { readonly kind: string; readonly flags: string }[];
  readonly plan: {
    readonly gpuUuids: readonly string[];
    readonly estimate: { readonly basis: string };
    readonly displaced: unknown;
  };
  readonly projects: readonly unknown[];
}

class Cluster {
  readonly nabla: RunningController;
  readonly agents: FakeAgent[] = [];
  token: string;

  constructor(nabla: RunningController) {
    this.nabla = nabla;
    this.token = nabla.adminToken;
  }

  async host(name: string, gpuCount: number): Promise<void> {
    const gpus = someGpus(gpuCount, { host: name, model: 'NVIDIA H100 80GB HBM3' });
    const script = () => ({ untilTold: true });
    this.agents.push(await this.nabla.agent({ host: name, inventory: anInventory({ gpus }), script }));
  }

  run(argv: readonly string[], more: CliRunOptions = {}): Promise<CliRun> {
    const variables = {
      NABLA_URL: this.nabla.target.grpcAddress,
      NABLA_CA_FILE: this.nabla.controller.caFile,
      NABLA_TOKEN: this.token,
    };
    return runCli(argv, { ...more, variables });
  }

  async json(...argv: string[]): Promise<Answer> {
    const { code, stdout, stderr } = await this.run([...argv, '-o', 'json']);
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
    return JSON.parse(stdout);
  }

  async submit(...flags: string[]): Promise<string> {
    return (await this.json('jobs', 'create', '--command', 'true', ...flags)).id;
  }

  async untilState(job: string, state: string, ...flags: string[]): Promise<void> {
    await eventually(async () => (await this.json('jobs', 'show', job, ...flags)).state === state, DEADLINE);
  }

  async finish(jobId: string): Promise<void> {
    const name = toTaskName({ jobId, attempt: 1, task: 0 } as never);
    await this.agents.find(({ tasks }) => tasks.has(name))?.finish(name, { code: 0 });
  }
}

async function open(t: Test, ...gpuCounts: number[]): Promise<Cluster> {
  const cluster = new Cluster(await runController(t));
  for (const [at, gpuCount] of gpuCounts.entries()) await cluster.host(`h${at}`, gpuCount);
  return cluster;
}

t.test('why tells the reason, the hosts, the place and a change that then works', async (t) => {
  const cluster = await open(t, 4);
  const running = await cluster.submit('--gpus', '2', '--time-limit', '2h');
  await cluster.untilState(running, 'running');
  const first = await cluster.submit('--gpus', '4', '--time-limit', '1h');
  const waiting = await cluster.submit('--gpus', '1', '--time-limit', '10h');
  const blocked = await cluster.json('why', first);
  t.match(blocked, {
    jobId: first,
    state: 'queued',
    code: 'NO_FREE_GPU',
    position: 1,
    hosts: [{ code: 'NO_FREE_GPU', hostCount: 1, passesWithTime: true }],
    holders: { jobIds: [running], hiddenCount: 0 },
    unknownBecause: null,
  });
  t.match(blocked.estimate.basis, 'time limits');
  // Submitted anew it stands behind the other, which then takes one of the two that are free.
  t.match(blocked.changes[0], { kind: 'gpus', flags: '--gpus 1', startsNow: true, inPlace: false });
  const why = await cluster.json('jobs', 'why', waiting);
  t.match(why, { code: 'BACKFILL_WOULD_DELAY', position: 2, ahead: { jobIds: [first] } });
  const change = why.changes.find((one) => one.kind === 'time-limit');
  t.match(change, { startsNow: true, inPlace: true });
  const flags = change?.flags ?? '';
  const told = await cluster.run(['why', waiting]);
  t.match(told.stdout, `nabla jobs update ${waiting} ${flags}`, 'as a command that can be copied');
  const quick = await cluster.json('why', waiting, '--quick');
  t.match(quick, { code: 'BACKFILL_WOULD_DELAY', changes: [], plans: 1 });
  t.equal((await cluster.run(['jobs', 'update', waiting, ...flags.split(' ')])).code, 0);
  await cluster.untilState(waiting, 'running');
});

t.test('a dry run names the host, or says why it would wait, and stores nothing', async (t) => {
  const cluster = await open(t, 2);
  const before = await cluster.json('jobs', 'list');
  const { plan } = await cluster.json('jobs', 'create', '--command', 'true', '--gpus', '2', '--dry-run');
  t.match(plan, { fitsNow: true, reason: 'FITS', position: 1, elements: 1, elementsStarting: 1 });
  t.equal(plan.gpuUuids.length, 2);
  t.same(await cluster.json('jobs', 'list'), before);
  const running = await cluster.submit('--gpus', '2', '--time-limit', '1h');
  await cluster.untilState(running, 'running');
  const waits = await cluster.json('jobs', 'run', '--command', 'true', '--gpus', '1', '--dry-run');
  t.match(waits.plan, { fitsNow: false, reason: 'NO_FREE_GPU', hostId: null, unknownBecause: null });
  t.match(waits.plan.estimate.basis, 'time limits');
  const array = await cluster.run([
    'jobs',
    'create',
    '--command',
    'true',
    '--array',
    '0-3',
    '--gpus',
    '1',
    '--dry-run',
  ]);
  t.match(array.stdout, '0 of 4 start at once');
  const refused = ['jobs', 'create', '--command', 'true', '--gpus', '64'];
  const real = await cluster.run(refused);
  const dry = await cluster.run([...refused, '--dry-run']);
  t.not(real.code, 0);
  t.same([dry.code, dry.stderr], [real.code, real.stderr], 'refused as the real one is');
  t.equal((await cluster.json('jobs', 'list')).length, 1);
});

t.test('a dry run tells whom it would displace, and displaces nobody', async (t) => {
  const cluster = await open(t, 1);
  t.equal((await cluster.run(['policy', 'set', 'preemptionMinRuntime=0s'])).code, 0);
  const victim = await cluster.submit('--gpus', '1', '--priority', 'low', '--preemptible');
  await cluster.untilState(victim, 'running');
  const urgent = ['--command', 'true', '--gpus', '1', '--priority', 'high', '--dry-run'];
  const { plan } = await cluster.json('jobs', 'create', ...urgent);
  t.match(plan, { fitsNow: false, reason: 'EVICTION', displaced: { jobIds: [victim], hiddenCount: 0 } });
  t.equal((await cluster.json('jobs', 'show', victim)).state, 'running');
});

t.test('of projects that are hidden only numbers are told', async (t) => {
  const cluster = await open(t, 1);
  t.equal((await cluster.run(['policy', 'set', 'preemptionMinRuntime=0s'])).code, 0);
  t.equal((await cluster.run(['projects', 'create', 'secret-lab'])).code, 0);
  const secret = ['--project', 'secret-lab'];
  const victim = await cluster.submit('--gpus', '1', '--priority', 'low', '--preemptible', ...secret);
  await cluster.untilState(victim, 'running', ...secret);
  const ahead = await cluster.submit('--gpus', '1', '--hold', ...secret);
  const { token } = await makeUser(cluster.nabla, 'alice');
  cluster.token = token;
  t.equal((await cluster.run(['projects', 'create', 'own'])).code, 0);
  const own = ['--project', 'own'];
  const dry = ['--command', 'true', '--gpus', '1', '--priority', 'high', '--dry-run'];
  const planned = await cluster.json('jobs', 'create', ...dry, ...own);
  t.match(planned.plan.displaced, { jobIds: [], visibleCount: 0, hiddenCount: 1 });
  const waiting = await cluster.submit('--gpus', '1', '--priority', 'low', ...own);
  const why = await cluster.json('why', waiting, ...own);
  t.match(why, { holders: { jobIds: [], hiddenCount: 1 } });
  const load = await cluster.json('top');
  t.match(load.projects.at(-1), { projectId: null, projectName: '', running: 1, gpuMilli: 1000 });
  for (const told of [planned, why, load]) {
    for (const hidden of [victim, ahead, 'secret-lab']) t.notMatch(JSON.stringify(told), hidden);
  }
  const missing = await cluster.run(['why', 'job_0missing', ...own]);
  const forbidden = await cluster.run(['why', victim, ...own]);
  t.equal(missing.code, forbidden.code);
  t.not(missing.code, 0);
  t.equal(missing.stderr.replace('job_0missing', 'X'), forbidden.stderr.replace(victim, 'X'));
  const nowhere = await cluster.run(['why', victim, '--project', 'none']);
  const hidden = await cluster.run(['why', victim, ...secret]);
  t.equal(nowhere.stderr.replace('none', 'X'), hidden.stderr.replace('secret-lab', 'X'));
});

t.test('top draws the cluster once, or as JSON', async (t) => {
  const cluster = await open(t, 4, 2);
  const running = await cluster.submit('--gpus', '3');
  await cluster.untilState(running, 'running');
  await cluster.submit('--gpus', '4');
  const load = await cluster.json('top');
  t.match(load, {
    hostCount: 2,
    hostsReady: 2,
    gpus: [{ model: 'H100', total: 6, used: 3, unusable: 0 }],
    queues: [
      { name: 'default', running: 1, waiting: 1, ready: 1, readyGpuMilli: 4000, runningGpuMilli: 3000 },
    ],
    fragmentation: { freeGpuMilli: 3000, stuckForWaitingMilli: 3000, waitingShapes: 1 },
    hostsLeftOut: 0,
  });
  const { code, stdout } = await cluster.run(['top', '--once']);
  t.equal(code, 0);
  t.match(stdout, /H100 +\[#{12}\.{12}\] 3 of 6 GPUs/);
  t.match(stdout, /default +1 +1 +1 +\[#{12}\.{12}\] +3/);
  t.match(stdout, '3.0 of 3 (100 %) lie where nothing that waits fits');
  t.equal(
    (await cluster.run(['top', '--interval', '10ms'])).code !== 0,
    true,
    'no faster than the controller counts',
  );
});

t.test('top is drawn again on a terminal until Ctrl-C, and gives the screen back', async (t) => {
  const cluster = await open(t, 1);
  const before = new Set(process.listeners('SIGINT'));
  const own = (): readonly NodeJS.SignalsListener[] =>
    process.listeners('SIGINT').filter((listener) => !before.has(listener));
  const drawn = cluster.run(['top', '--interval', '1s'], { columns: 90 });
  await eventually(() => own().length > 0, DEADLINE);
  // Told to the command alone: whoever runs the specs listens too, and would end them all.
  for (const listener of own()) listener('SIGINT');
  const { code, stdout } = await drawn;
  t.equal(code, 0);
  t.match(stdout, /^\u001b\[\?1049h/);
  t.match(stdout, 'hosts ready');
  t.match(stdout, /\u001b\[\?1049l$/);
  for (const line of stdout.split('\r\n')) t.ok(line.length < 200);
});

t.test('questions of one user are bounded', async (t) => {
  const cluster = await open(t, 1);
  const running = await cluster.submit('--gpus', '1');
  await cluster.untilState(running, 'running');
  const job = await cluster.submit('--gpus', '1');
  const client = createClient(ExplainService, cluster.nabla.channel);
  const asked = Array.from({ length: 24 }, () => client.explainJob({ project: 'default', job }));
  const answers = await Promise.allSettled(asked);
  const refused = answers.filter((answer) => answer.status === 'rejected');
  t.ok(refused.length > 0 && refused.length < answers.length, `${refused.length} of ${answers.length}`);
  for (const { reason } of refused) t.match(reason, { kind: 'quota', code: 'TOO_MANY_QUESTIONS' });
});
