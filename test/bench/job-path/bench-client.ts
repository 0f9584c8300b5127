/**
 * The typed client of the bench: the same gRPC services that the CLI uses, over TLS.
 */
import { readFile } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import {
  MemberService,
  ProjectRole,
  TokenService,
  UserService,
} from '../../../proto/gen/nabla/v1/identity_pb.ts';
import { type Job, JobService, JobSpecSchema, JobState } from '../../../proto/gen/nabla/v1/job_pb.ts';
import { openChannel, type RpcChannel } from '../../../proto/rpc/channel.ts';
import { createClient } from '../../../proto/rpc/client.ts';
import type { ServiceClient } from '../../../proto/rpc/method-types.ts';
import { createClock } from '../../../proto/runtime/clock.ts';
import { createSystemRng } from '../../../proto/runtime/rng.ts';
import type { ClusterProcesses } from '../../kit/cluster-processes.ts';

export interface BenchClient {
  readonly jobs: ServiceClient<typeof JobService>;
  readonly channel: RpcChannel;
  /** Of the user that it works as. */
  readonly token: string;
}

/** Works as a user with a token of its own and a role in one project, as people do. */
export async function openBenchClient(cluster: ClusterProcesses): Promise<BenchClient> {
  const caPem = await readFile(cluster.addresses.caFile, 'utf8');
  const open = (token: string): RpcChannel =>
    openChannel({
      address: cluster.addresses.grpc,
      tls: { caPem },
      token,
      clock: createClock(),
      rng: createSystemRng(),
    });
  const admin = open(cluster.adminToken);
  const token = await makeUser(admin);
  admin.close();
  const channel = open(token);
  await channel.ready(10_000);
  return { channel, jobs: createClient(JobService, channel), token };
}

async function makeUser(admin: RpcChannel): Promise<string> {
  await createClient(UserService, admin).createUser({ name: 'bench' });
  const member = { project: 'default', user: 'bench', role: ProjectRole.MEMBER };
  await createClient(MemberService, admin).addMember(member);
  const lifetimeMs = 86_400_000n;
  const made = await createClient(TokenService, admin).createToken({ name: 'b', user: 'bench', lifetimeMs });
  return made.value;
}

/** An eighth of the two cores that a test machine has: eight tasks fit on an agent, none is throttled. */
const CPU_MILLI = 250;

export interface TrivialJob {
  readonly requestId: string;
  readonly gpus?: number;
  /** Only hosts with this label may take it: none has it, so the job stays queued. */
  readonly neverRuns?: boolean;
}

/** Submits `true`, without a shell. Resolves when the controller has accepted it. */
export async function submitTrivialJob(client: BenchClient, job: TrivialJob): Promise<Job> {
  const reply = await client.jobs.createJob({
    project: 'default',
    requestId: job.requestId,
    spec: create(JobSpecSchema, {
      command: { form: { case: 'argv', value: { args: ['true'] } } },
      resources: {
        gpuMilli: BigInt((job.gpus ?? 0) * 1000),
        cpuMilli: BigInt(CPU_MILLI),
        memoryBytes: 16n * 1024n * 1024n,
      },
      ...(job.neverRuns === true ? { constraints: { bench: 'never' }, waitForHosts: true } : {}),
    }),
  });
  if (reply.job === undefined) throw new Error('no job in the answer');
  return reply.job;
}

export function isEnded(state: JobState): boolean {
  return state === JobState.SUCCEEDED || state === JobState.FAILED || state === JobState.CANCELLED;
}

/** Runs `work(0..count-1)` with `width` at a time. */
export async function inParallel(
  count: number,
  width: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
}
