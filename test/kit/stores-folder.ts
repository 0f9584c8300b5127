/** Real data folders for tests: made, filled with a bit of everything, bent through a second handle. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import {
  LOG_FOLDER,
  type OpenEngineOptions,
  type OpenedEngine,
  openEngine,
} from '../../controller/store/open-engine.ts';
import type { ArrayId, HostId, JobId, ReservationId, TokenId, UserId } from '../../proto/domain/ids.ts';
import {
  aHost,
  aJobSpec,
  anExit,
  anInventory,
  anObservation,
  secretId,
  someGpus,
  T0_MS,
} from './builders.ts';
import { context, createJob, registerHost, testOptions } from './stores-engine.ts';

export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-store-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export const SECRET_VALUE = 'hunter2';
export const TOKEN_DIGEST = 'a'.repeat(64);

/** A store with a host, jobs (one placed, one stopped) and a secret in it, closed. */
export async function fillStore(
  folder: string,
  jobs = 10,
  part: Partial<OpenEngineOptions> = {},
): Promise<void> {
  const engine = await openEngine({ ...testOptions(folder), ...part });
  await engine.submit(registerHost(), context);
  const spec = aJobSpec({ name: 'mark', waitForHosts: true });
  const request = { requestId: 'r1', contentHash: 'h' };
  await engine.submit(createJob('marked', { spec, request }), context);
  await Promise.all(Array.from({ length: jobs }, (_, index) => engine.submit(createJob(index), context)));
  await engine.submit({ type: 'stop-job', project: 'default', job: 'job_1' }, context);
  const id = secretId('1');
  const sealed = await engine.sealer.seal(id, Buffer.from(SECRET_VALUE));
  await engine.submit({ type: 'set-secret', project: '', secret: { id, name: 'A', sealed } }, context);
  await engine.close();
}

/** Adds to such a store what schema 3 brought: a user with a token in a project, and a token for a host to join. */
export async function fillStoreWithPeople(folder: string): Promise<void> {
  const engine = await openEngine(testOptions(folder));
  const digest = TOKEN_DIGEST;
  const id = 'usr_000001' as UserId;
  await engine.submit({ type: 'create-user', id, name: 'ann', role: 'admin' }, context);
  const token = { id: 'tok_000001' as TokenId, user: 'ann', name: 'laptop', digest } as const;
  await engine.submit({ type: 'create-token', ...token }, context);
  await engine.submit({ type: 'add-member', project: 'default', user: 'ann', role: 'owner' }, context);
  const tokenHash = 'b'.repeat(64);
  const join = { tokenHash, hostName: '', host: '', ttlMs: 3_600_000 } as const;
  await engine.submit({ type: 'create-join-token', ...join }, context);
  await engine.close();
}

/** Adds to such a store what schema 4 brought: a queue, quotas, a policy, a reservation, an array, and usage. */
export async function fillStoreWithScheduling(folder: string): Promise<void> {
  const engine = await openEngine(testOptions(folder));
  const limits = { runningPerUser: 1, timeLimitMs: 3_600_000 };
  await engine.submit({ type: 'create-queue', name: 'short', change: { limits, priorityBand: 5 } }, context);
  const shares = [{ resource: 'gpu', guaranteed: 1000, limit: 4000 }] as const;
  const quota = { type: 'set-quota', name: 'lab', kind: 'group', shares, removeShares: [] } as const;
  await engine.submit(quota, context);
  await engine.submit({ ...quota, name: 'default', kind: 'project', parent: 'lab' }, context);
  await engine.submit({ type: 'set-policy', settings: { backfill: 'off' }, note: 'quiet' }, context);
  const reservation = { id: 'rsv_000001' as ReservationId, name: 'course', project: 'default' } as const;
  const gpus = { hosts: [], gpuMilli: 2000, gpuModel: 'A100', startMs: 0, endMs: T0_MS + 3_600_000 } as const;
  await engine.submit({ type: 'create-reservation', ...reservation, ...gpus }, context);
  const id = 'job_array0' as JobId;
  const elements = [
    { id, index: 0 },
    { id: 'job_array1' as JobId, index: 1 },
  ];
  const array = { id: 'arr_000001' as ArrayId, elements, concurrency: 1 };
  const spec = aJobSpec({ queue: 'short', timeLimitMs: 60_000, waitForHosts: true });
  const create = { type: 'create-job', project: 'default', secrets: [] } as const;
  await engine.submit({ ...create, id, spec, array }, context);
  const after = aJobSpec({ after: [{ on: array.id, when: 'ok' }], waitForHosts: true });
  await engine.submit({ ...create, id: 'job_last' as JobId, spec: after, hold: true }, context);
  await runForAWhile(engine, 'job_used' as JobId);
  await engine.close();
}

/** A job with a GPU that ran for an hour over midnight, so that there is usage on two days. */
async function runForAWhile(engine: OpenedEngine, id: JobId): Promise<void> {
  const {
    id: hostId,
    name,
    bootId,
    agentVersion,
    inventory,
  } = aHost({
    id: 'host_gpu' as HostId,
    name: 'gpu-1',
    inventory: anInventory({ gpus: someGpus(1) }),
  });
  await engine.submit({ type: 'register-host', hostId, name, bootId, agentVersion, inventory }, context);
  const spec = aJobSpec({ priority: 1000, resources: { gpuMilli: 1000 } });
  await engine.submit({ type: 'create-job', project: 'default', secrets: [], id, spec }, context);
  const { gpus } = inventory;
  const placement = { jobId: id, attempt: 1, hostId, gpuUuids: [gpus[0]!.uuid], driver: 'process' };
  const placedAtMs = T0_MS + 86_400_000 - 1_800_000;
  const at = (nowMs: number) => ({ ...context, nowMs });
  await engine.submit({ type: 'place-jobs', placements: [placement] }, at(placedAtMs));
  const key = { jobId: id, attempt: 1, task: 0 };
  const tasks = [anObservation({ key, phase: 'exited', exit: anExit(), stopped: true, logArchived: true })];
  const report = { type: 'observe-tasks', hostId, bootId, reportSeq: 1, complete: false, tasks } as const;
  await engine.submit(report, at(placedAtMs + 3_600_000));
}

export type Raw = Level<string, Uint8Array>;

export async function tamper(folder: string, bend: (raw: Raw) => Promise<void>): Promise<void> {
  const raw: Raw = new Level(join(folder, LOG_FOLDER), { valueEncoding: 'view' });
  await raw.open();
  try {
    await bend(raw);
  } finally {
    await raw.close();
  }
}

export async function flipByte(raw: Raw, key: string): Promise<void> {
  const value = Buffer.from((await raw.get(key))!);
  value[value.length - 3]! ^= 1;
  await raw.put(key, value);
}
