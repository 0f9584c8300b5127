/**
 * Aim: an engine that is killed is silence, never an end: a container that outlives it is taken up again without a
 * gap, one that its engine or its operator ends comes to one end that is no fault of the job, and no attempt starts
 * twice. Method: an engine of the test's own with and without live-restore, killed or stopped while a job prints; each
 * start leaves a line in the project's storage.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { create } from '@bufbuild/protobuf';
import t from 'tap';
import { type Job, JobSpecSchema, JobState, Verdict } from '../../proto/gen/nabla/v1/job_pb.ts';
import { type ClusterClient, openClusterClient } from '../kit/cluster-client.ts';
import { prepareImages } from '../kit/docker/index.ts';
import { openOwnEngine, ownEngineObstacle } from '../kit/docker/own-engine.ts';
import { eventually } from '../kit/eventually.ts';
import { skipUnless } from '../kit/skips.ts';
import { ChaosCluster } from './chaos-cluster.ts';

const LINES = 40;
const PRINTING = [
  'echo "$NABLA_JOB_ID $NABLA_ATTEMPT" >> /storage/starts',
  `i=0; while [ $i -lt ${LINES} ]; do i=$((i+1)); echo line $i; sleep 0.2; done`,
].join('; ');
/** The job must be seen running all this time while its engine is gone. */
const SILENT_MS = 2_500;

async function submit(client: ClusterClient, image: string): Promise<string> {
  const { job } = await client.jobs.createJob({
    project: 'default',
    spec: create(JobSpecSchema, {
      image,
      command: { form: { case: 'shell', value: PRINTING } },
      resources: { cpuMilli: 100n, memoryBytes: 64n * 1024n * 1024n },
    }),
  });
  return job?.id ?? '';
}

async function show(client: ClusterClient, job: string): Promise<Job> {
  const reply = await client.jobs.getJob({ project: 'default', job });
  if (reply.job === undefined) throw new Error('no job in the answer');
  return reply.job;
}

async function readLog(client: ClusterClient, job: string, attempt: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const { data } of client.jobs.readLogs({ project: 'default', job, attempt })) chunks.push(data);
  return Buffer.concat(chunks).toString();
}

/** Which attempts started, in order, as their own containers wrote it. */
async function readStarts(agentFolder: string): Promise<readonly string[]> {
  const found = await promisify(execFile)('find', [agentFolder, '-name', 'starts']);
  const file = found.stdout.trim();
  return file === '' ? [] : (await readFile(file, 'utf8')).trim().split('\n');
}

const CASES = [
  { liveRestore: true, how: 'kill' },
  { liveRestore: false, how: 'kill' },
  { liveRestore: false, how: 'stop' },
  { liveRestore: false, how: 'killContainers' },
] as const;

for (const { liveRestore, how } of CASES) {
  const word = liveRestore ? 'with' : 'without';
  t.test(
    `${how} by an engine’s operator under a running job, ${word} live-restore`,
    { timeout: 180_000 },
    async (t) => {
      const obstacle = await ownEngineObstacle();
      if (skipUnless(t, obstacle === undefined, obstacle ?? '')) return;
      const engine = await openOwnEngine({ liveRestore });
      t.teardown(() => engine.close());
      const { socketPath } = engine;
      const made = await prepareImages({ needs: ['busybox'], allowCostly: false, socketPath });
      if (skipUnless(t, made.ok, made.ok ? '' : made.reason) || !made.ok) return;
      const driverArgs = ['--driver', 'docker', '--docker-socket', socketPath];
      const cluster = await ChaosCluster.open({ agents: 1, gpusPerAgent: 1, driverArgs });
      t.teardown(() => cluster.close());
      const { grpc: address, caFile } = cluster.addresses;
      const client = await openClusterClient({ address, caFile, token: cluster.adminToken });
      t.teardown(() => client.close());

      const id = await submit(client, made.images.busybox);
      const hasPrinted = async (): Promise<boolean> => (await readLog(client, id, 1)).includes('line 5\n');
      await eventually(hasPrinted, { deadlineMs: 60_000, everyMs: 100, what: 'the fifth line' });
      await engine[how]();
      if (how !== 'killContainers') {
        await pause(SILENT_MS);
        const { state } = await show(client, id);
        t.equal(state, JobState.RUNNING, 'an engine that is silent has ended nothing');
        await engine.start();
      }

      const end = await eventually(
        async () => {
          const job = await show(client, id);
          return job.state === JobState.SUCCEEDED || job.state === JobState.FAILED ? job : undefined;
        },
        { deadlineMs: 90_000, everyMs: 200, what: 'the end of the job' },
      );
      const starts = await readStarts(join(cluster.folder, 'agent-0'));
      t.same(
        starts,
        end.attempts.map(({ number }) => `${id} ${number}`),
        'every attempt started once',
      );
      const whole = Array.from({ length: LINES }, (_, index) => `line ${index + 1}\n`).join('');
      if (liveRestore) {
        t.equal(end.state, JobState.SUCCEEDED);
        t.equal(end.attempts.length, 1, 'the container was taken up again');
        t.equal(await readLog(client, id, 1), whole, 'its log has no gap');
      } else {
        // Such an engine, or its operator, ends the container, which is no failure of the job and uses up no retry: it asked for none.
        t.match(end.attempts[0]?.exit, { verdict: Verdict.HOST, reason: 'ENGINE_STOPPED' });
        t.equal(end.state, JobState.SUCCEEDED, 'the next attempt runs to its end');
        t.equal(await readLog(client, id, end.attempts.at(-1)?.number ?? 0), whole, 'and its log is whole');
      }
    },
  );
}
