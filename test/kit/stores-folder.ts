/** Real data folders for tests: made, filled with a bit of everything, bent through a second handle. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { LOG_FOLDER, type OpenEngineOptions, openEngine } from '../../controller/store/open-engine.ts';
import type { TokenId, UserId } from '../../proto/domain/ids.ts';
import { aJobSpec, secretId } from './builders.ts';
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
