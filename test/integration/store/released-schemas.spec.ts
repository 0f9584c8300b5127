/**
 * Aim: the store of every released schema opens, is converted once, and loses nothing; erasing a secret destroys its
 * key, which no log and no backup holds. Method: folders as those versions left them, from test/golden/store.
 */
import { chmod, cp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { SCHEMA_VERSION } from '../../../controller/store/commit-log.ts';
import { DATA_KEYS_FOLDER } from '../../../controller/store/data-keys.ts';
import { MIGRATION_FOLDER } from '../../../controller/store/migrations.ts';
import { KEY_FILE, type OpenedEngine, openEngine } from '../../../controller/store/open-engine.ts';
import { readArchiveFile } from '../../../controller/store/snapshot-folder.ts';
import { jobId, secretId } from '../../kit/builders.ts';
import { eventually } from '../../kit/eventually.ts';
import { repoRoot } from '../../kit/repo-root.ts';
import { context, createJob, testOptions } from '../../kit/stores-engine.ts';
import {
  fillStore,
  fillStoreWithPeople,
  fillStoreWithScheduling,
  SECRET_VALUE,
  TOKEN_DIGEST,
  tamper,
  withFolder,
} from '../../kit/stores-folder.ts';

const FIXTURES = join(repoRoot, 'test', 'golden', 'store');

async function takeOut(schema: number, folder: string): Promise<void> {
  await cp(join(FIXTURES, `schema-${schema}`), folder, { recursive: true });
  // Git keeps no such modes, and the store insists on them.
  await chmod(join(folder, KEY_FILE), 0o600);
}

async function checkPeople(t: Test, engine: OpenedEngine): Promise<void> {
  const found = await engine.read(({ identity }) => {
    const token = identity.tokenOf(TOKEN_DIGEST);
    return { token, projects: token === undefined ? [] : identity.memberships(token.userId) };
  });
  t.match(found, { token: { userName: 'ann', name: 'laptop' }, projects: [{ role: 'owner' }] });
}

async function checkScheduling(t: Test, engine: OpenedEngine): Promise<void> {
  await engine.read((view) => {
    const { scheduling } = view;
    t.match(scheduling.findQueue('short'), { priorityBand: 5, limits: { runningPerUser: 1 } });
    t.match(scheduling.quota('lab'), { parent: 'root', shares: [{ resource: 'gpu', limit: 4000 }] });
    t.match(scheduling.policy, { version: 1, policy: { backfill: 'off' }, note: 'quiet' });
    t.match(scheduling.reservations(), [{ name: 'course', gpuMilli: 2000 }]);
    t.same(
      [...scheduling.usage()].map(({ gpuMilliMs }) => gpuMilliMs),
      [1_800_000_000, 1_800_000_000],
      'half an hour of a GPU on each side of midnight',
    );
    t.match(view.job(jobId('array1')), { spec: { array: { concurrency: 1 } } });
    t.match(view.gateOf(jobId('last')), { code: 'HELD' });
  });
}

for (let schema = 1; schema <= SCHEMA_VERSION; schema += 1) {
  t.test(`a store of schema ${schema} opens, whole, and stays that way`, async (t) => {
    await withFolder(async (folder) => {
      await takeOut(schema, folder);
      for (const round of ['first', 'second']) {
        const engine = await openEngine(testOptions(folder));
        t.match(
          await engine.maintenance.fsck(),
          { ok: true, findings: [], schemaVersion: SCHEMA_VERSION, jobs: schema >= 4 ? 10 : 6 },
          round,
        );
        t.match(await engine.read((view) => view.job(jobId(1))), { state: 'cancelled' });
        const sealed = await engine.sealedSecret(secretId('1'));
        t.equal(Buffer.from(await engine.sealer.open(secretId('1'), sealed!)).toString(), SECRET_VALUE);
        if (schema >= 3) await checkPeople(t, engine);
        if (schema >= 4) await checkScheduling(t, engine);
        await engine.close();
      }
      const reopened = await openEngine(testOptions(folder));
      await reopened.submit(createJob('new'), context);
      await reopened.close();
      if (schema === SCHEMA_VERSION) return;
      const [backup = ''] = await readdir(join(folder, MIGRATION_FOLDER));
      const kinds = new Set<string>();
      for await (const part of readArchiveFile(join(folder, MIGRATION_FOLDER, backup))) kinds.add(part.kind);
      t.same([...kinds], ['header', 'rows', 'entries', 'trailer'], 'with a backup of what was before');
    });
  });
}

t.test('a store with people and policies in it is whole, and stays so', async (t) => {
  await withFolder(async (folder) => {
    await fillStore(folder);
    await fillStoreWithPeople(folder);
    await fillStoreWithScheduling(folder);
    const engine = await openEngine(testOptions(folder));
    t.match(await engine.maintenance.fsck(), { ok: true, findings: [], jobs: 15 });
    await checkPeople(t, engine);
    await checkScheduling(t, engine);
    await engine.close();
  });
});

t.test('a key is kept beside the log, dies with its secret, and strays are swept', async (t) => {
  await withFolder(async (folder) => {
    await fillStore(folder);
    const keys = join(folder, DATA_KEYS_FOLDER);
    const path = join(keys, 'sec_1');
    t.equal((await stat(path)).mode & 0o777, 0o600);
    const key = (await readFile(path)).subarray(4);
    await tamper(folder, async (raw) => {
      for await (const value of raw.values())
        t.notOk(Buffer.from(value).includes(key), 'no record holds the key');
    });
    await writeFile(join(keys, 'sec_stray'), 'x', { mode: 0o600 });
    const engine = await openEngine(testOptions(folder));
    t.same(await readdir(keys), ['sec_1']);
    const sealed = (await engine.sealedSecret(secretId('1')))!;
    await engine.submit({ type: 'delete-secret', project: '', name: 'A' }, context);
    await eventually(async () => (await readdir(keys)).length === 0);
    await t.rejects(
      engine.sealer.open(secretId('1'), sealed),
      { code: 'SECRET_UNREADABLE' },
      'what a backup holds of it is noise now',
    );
    await engine.close();
  });
});
