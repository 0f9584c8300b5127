/**
 * Aim: the real store on a real disk: founded, reopened, locked, newer, damaged, unreadable. Method: LevelDB in a
 * temporary folder of each test, bytes bent through a second handle.
 */
import { chmod, cp, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import t from 'tap';
import { encodeRow } from '../../controller/store/codec.ts';
import { EMPTY_HEAD } from '../../controller/store/commit-log.ts';
import { openLevelLog } from '../../controller/store/level-log.ts';
import { foldEvents, loadState } from '../../controller/store/load-state.ts';
import { KEY_FILE, LOG_FOLDER, openEngine, WITNESS_FILE } from '../../controller/store/open-engine.ts';
import { stateHash } from '../../controller/store/state-hash.ts';
import { jobId, secretId } from '../kit/builders.ts';
import { context, createJob, registerHost, testOptions } from '../kit/stores-engine.ts';

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nabla-store-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A store with a host, ten jobs and a secret in it, closed. */
async function fill(folder: string): Promise<void> {
  const engine = await openEngine(testOptions(folder));
  await engine.submit(registerHost(), context);
  await Promise.all(Array.from({ length: 10 }, (_, index) => engine.submit(createJob(index), context)));
  const id = secretId('1');
  const sealed = await engine.sealer.seal(id, Buffer.from('hunter2'));
  await engine.submit({ type: 'set-secret', project: '', secret: { id, name: 'A', sealed } }, context);
  await engine.close();
}

type Raw = Level<string, Uint8Array>;
async function tamper(folder: string, bend: (raw: Raw) => Promise<void>): Promise<void> {
  const raw: Raw = new Level(join(folder, LOG_FOLDER), { valueEncoding: 'view' });
  await raw.open();
  await bend(raw);
  await raw.close();
}

const flip = async (raw: Raw, key: string): Promise<void> => {
  const value = Buffer.from((await raw.get(key))!);
  value[value.length - 3]! ^= 1;
  await raw.put(key, value);
};

t.test('a reopened store is the same cluster, one epoch on', async (t) => {
  await withFolder(async (folder) => {
    await fill(folder);
    const engine = await openEngine(testOptions(folder));
    t.equal(engine.epoch, 2);
    t.equal(await engine.read((view) => [...view.jobs()].length), 10);
    t.match(await engine.read((view) => view.job(jobId(3))), { state: 'queued', spec: { name: 'n3' } });
    const sealed = await engine.sealedSecret(secretId('1'));
    t.equal(Buffer.from(await engine.sealer.open(secretId('1'), sealed!)).toString(), 'hunter2');
    await engine.submit(createJob('later'), context);
    const epochs = (await engine.events(0, 100)).map((event) => event.epoch);
    t.same([...new Set(epochs)], [1, 2], 'epochs only rise');
    await engine.close();
    const log = await openLevelLog(join(folder, LOG_FOLDER));
    t.equal(
      stateHash(await loadState(log)),
      stateHash(await foldEvents(log)),
      'rows say what the events say',
    );
    await log.close();
  });
});

t.test('a second controller on the folder is refused by name', async (t) => {
  await withFolder(async (folder) => {
    const engine = await openEngine(testOptions(folder));
    await t.rejects(openEngine(testOptions(folder)), {
      kind: 'precondition',
      code: 'DATA_FOLDER_IN_USE',
      hint: new RegExp(folder),
    });
    await engine.submit(createJob(1), context);
    await engine.close();
  });
});

t.test('a folder of a newer version is refused and left alone', async (t) => {
  await withFolder(async (folder) => {
    await fill(folder);
    const head = encodeRow('m/head', { ...EMPTY_HEAD, schemaVersion: 99 });
    await tamper(folder, (raw) => raw.put('m/head', head));
    await t.rejects(openEngine(testOptions(folder)), { kind: 'precondition', code: 'DATA_NEWER' });
    await tamper(folder, async (raw) => {
      t.same(Buffer.from((await raw.get('m/head'))!), Buffer.from(head));
    });
  });
});

t.test('damage of every kind is found at the start', async (t) => {
  const cases: readonly (readonly [string, string, (raw: Raw) => Promise<void>])[] = [
    ['a bent row', 'ROW_DAMAGED', (raw) => flip(raw, 's/job/job_3')],
    ['a bent spec', 'ROW_DAMAGED', (raw) => flip(raw, 's/job-spec/job_3')],
    ['a bent sealed secret', 'ROW_DAMAGED', (raw) => flip(raw, 's/secret-sealed/sec_1')],
    ['a bent head', 'ROW_DAMAGED', (raw) => flip(raw, 'm/head')],
    [
      'a bent newest event',
      'ENTRY_DAMAGED',
      async (raw) => flip(raw, (await raw.keys({ gt: 'e/', lt: 'e0', reverse: true, limit: 1 }).all())[0]!),
    ],
    [
      'a lost newest event',
      'HEAD_MISMATCH',
      async (raw) => raw.del((await raw.keys({ gt: 'e/', lt: 'e0', reverse: true, limit: 1 }).all())[0]!),
    ],
    ['a lost row', 'ROWS_MISSING', (raw) => raw.del('s/host/host_1')],
    ['a lost spec', 'ROW_MISSING', (raw) => raw.del('s/job-spec/job_3')],
    ['a lost head', 'HEAD_MISSING', (raw) => raw.del('m/head')],
    [
      'two rows exchanged',
      'ROW_DAMAGED',
      async (raw) => raw.put('s/job/job_3', (await raw.get('s/job/job_4'))!),
    ],
  ];
  for (const [name, code, bend] of cases) {
    await withFolder(async (folder) => {
      await fill(folder);
      await tamper(folder, bend);
      await t.rejects(openEngine(testOptions(folder)), { kind: 'corrupt', code }, name);
      await tamper(folder, async () => undefined);
      t.pass('and the folder is not left locked');
    });
  }
});

t.test('a bent old event is found by the chain', async (t) => {
  await withFolder(async (folder) => {
    await fill(folder);
    await tamper(folder, (raw) => flip(raw, 'e/0000000000000004'));
    const log = await openLevelLog(join(folder, LOG_FOLDER));
    await t.rejects(foldEvents(log), { kind: 'corrupt', code: 'CHAIN_BROKEN' });
    await log.close();
  });
});

t.test('a lost tail is found, though the database itself is sound', async (t) => {
  await withFolder(async (folder) => {
    await (await openEngine(testOptions(folder))).close();
    const before = `${folder}-before`;
    await cp(join(folder, LOG_FOLDER), before, { recursive: true });
    await fill(folder);
    await rm(join(folder, LOG_FOLDER), { recursive: true });
    await rename(before, join(folder, LOG_FOLDER));
    const refused = { kind: 'corrupt', code: 'TAIL_LOST', hint: /head\.witness/ };
    await t.rejects(openEngine(testOptions(folder)), refused);
    const witness = await readFile(join(folder, WITNESS_FILE));
    const newest = witness.toString().indexOf('14 1 ') < 64 ? 0 : 64;
    witness[newest] = 0x58;
    await writeFile(join(folder, WITNESS_FILE), witness);
    await t.rejects(openEngine(testOptions(folder)), refused, 'a torn slot leaves the other');
    await rm(join(folder, WITNESS_FILE));
    await (await openEngine(testOptions(folder))).close();
  });
});

t.test('the key file is private, and its loss or exposure is told', async (t) => {
  await withFolder(async (folder) => {
    await fill(folder);
    const path = join(folder, KEY_FILE);
    t.equal((await stat(path)).mode & 0o777, 0o600);
    const key = await readFile(path);
    await chmod(path, 0o644);
    await t.rejects(openEngine(testOptions(folder)), { code: 'KEY_FILE_EXPOSED', hint: /chmod 600/ });
    await rm(path);
    await t.rejects(
      openEngine(testOptions(folder)),
      { code: 'KEY_FILE_MISSING' },
      'secrets are stored, so no new key',
    );
    await writeFile(path, 'short', { mode: 0o600 });
    await t.rejects(openEngine(testOptions(folder)), { code: 'KEY_FILE_BAD' });
    await writeFile(path, key, { mode: 0o600 });
    await (await openEngine(testOptions(folder))).close();
  });
});

t.test('a folder that cannot be made is refused', async (t) => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, 'file'), '');
    await t.rejects(openEngine(testOptions(join(folder, 'file', 'data'))), {
      kind: 'precondition',
      code: 'DATA_FOLDER_NOT_WRITABLE',
    });
  });
});
