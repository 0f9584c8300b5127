/**
 * Aim: a data folder that was put back from too long ago is noticed by the first agent that has seen more: nothing is
 * written from then on, reading goes on, and everybody is told why; with the newest folder back all is well.
 * Method: a real cluster; the folder is copied, work goes on, the controller is killed and its folder replaced by the
 * copy, witness and all.
 */
import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import t from 'tap';
import { toClusterError } from '../../proto/errors/cluster-error.ts';
import { JobSpecSchema, JobState } from '../../proto/gen/nabla/v1/job_pb.ts';
import { type ClusterClient, openClusterClient } from '../kit/cluster-client.ts';
import { eventually } from '../kit/eventually.ts';
import { ChaosCluster } from './chaos-cluster.ts';

async function submit(client: ClusterClient, name: string): Promise<string> {
  const command = { form: { case: 'argv' as const, value: { args: ['true'] } } };
  const spec = create(JobSpecSchema, {
    name,
    command,
    resources: { cpuMilli: 10n, memoryBytes: 16n * 1024n * 1024n },
  });
  return (await client.jobs.createJob({ project: 'default', spec })).job?.id ?? '';
}

async function runToEnd(client: ClusterClient, name: string): Promise<string> {
  const id = await submit(client, name);
  const isOver = async (): Promise<boolean> =>
    (await client.jobs.getJob({ project: 'default', job: id })).job?.state === JobState.SUCCEEDED;
  await eventually(isOver, { what: `the end of ${name}` });
  return id;
}

t.test('a data folder from too long ago is only read, and says so', { timeout: 120_000 }, async (t) => {
  const cluster = await ChaosCluster.open({ agents: 1, gpusPerAgent: 1 });
  t.teardown(() => cluster.close());
  const { grpc: address, caFile } = cluster.addresses;
  const client = await openClusterClient({ address, caFile, token: cluster.adminToken });
  t.teardown(() => client.close());
  const folder = join(cluster.folder, 'controller');
  const old = join(cluster.folder, 'old');
  const newest = join(cluster.folder, 'newest');

  const before = await runToEnd(client, 'before');
  await cluster.killController();
  await cp(folder, old, { recursive: true, mode: 0, preserveTimestamps: true });
  await cluster.restartController();
  const after = await runToEnd(client, 'after');
  await cluster.killController();
  await rename(folder, newest);
  await rename(old, folder);
  await cluster.restartController();

  // No submit before: what is written meanwhile makes the old log longer, and hides how old it is.
  const isTold = async (): Promise<boolean> =>
    (await client.admin.status({})).writesRefused.startsWith('CONTROLLER_BEHIND');
  await eventually(isTold, { what: 'the agent that has seen more', everyMs: 50 });
  const refusal = await submit(client, 'refused').catch((error: unknown) => toClusterError(error).code);
  t.equal(refusal, 'CONTROLLER_BEHIND', 'nothing is written any more');
  const names = (await client.listJobs()).map(({ spec }) => spec?.name);
  t.ok(
    names.includes('before') && !names.includes('after'),
    'what it has is read, what it lacks is not there',
  );

  await cluster.killController();
  await rm(folder, { recursive: true, force: true });
  await rename(newest, folder);
  await cluster.restartController();
  await runToEnd(client, 'again');
  const known = new Set((await client.listJobs()).map(({ id }) => id));
  t.ok(known.has(before) && known.has(after), 'with the newest folder nothing is missing');
});
