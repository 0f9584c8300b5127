/**
 * Aim: a backup taken while commits go on restores the cluster as it was at one moment, into a new folder only, under
 * an epoch and at a sequence that nobody can have seen; without the key files no secret comes back. Method: real
 * folders, the archive as a file.
 */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { createHistoryProofs } from '../../../controller/effects/agent-link/history-proof.ts';
import { createHostClaims } from '../../../controller/effects/agent-link/host-claims.ts';
import { type ArchivePart, readArchive } from '../../../controller/store/archive-file.ts';
import { DATA_KEYS_FOLDER } from '../../../controller/store/data-keys.ts';
import { KEY_FILE, type OpenedEngine, openEngine } from '../../../controller/store/open-engine.ts';
import { restoreBackup, SEQ_PER_MS } from '../../../controller/store/restore.ts';
import { readArchiveFile } from '../../../controller/store/snapshot-folder.ts';
import type { HelloMessage } from '../../../proto/domain/session.ts';
import { SILENT_LOGGER } from '../../../proto/runtime/logger.ts';
import { hostId, jobId, secretId, T0_MS } from '../../kit/builders.ts';
import { createSimClock } from '../../kit/sim-clock.ts';
import { context, createJob, testOptions } from '../../kit/stores-engine.ts';
import { fillStore, SECRET_VALUE, withFolder } from '../../kit/stores-folder.ts';

async function backUp(folder: string, file: string): Promise<void> {
  const engine = await openEngine(testOptions(folder));
  const chunks: Uint8Array[] = [];
  for await (const chunk of engine.maintenance.backup()) chunks.push(chunk);
  await writeFile(file, Buffer.concat(chunks));
  await engine.close();
}

async function textOf(parts: AsyncIterable<ArchivePart>): Promise<string> {
  const found: ArchivePart[] = [];
  for await (const part of parts) found.push(part);
  return JSON.stringify(found);
}

t.test('a backup under load is one moment, and restores to exactly that', async (t) => {
  await withFolder(async (base) => {
    const [folder, file, restored] = [join(base, 'old'), join(base, 'a.backup'), join(base, 'new')];
    await fillStore(folder, 500);
    const engine = await openEngine(testOptions(folder));
    const before = await engine.maintenance.fsck();
    const chunks: Uint8Array[] = [];
    let racing: Promise<unknown> = Promise.resolve();
    for await (const chunk of engine.maintenance.backup()) {
      if (chunks.length === 0) {
        racing = Promise.all(
          Array.from({ length: 100 }, (_, n) => engine.submit(createJob(`late${n}`), context)),
        );
      }
      chunks.push(chunk);
    }
    await racing;
    await writeFile(file, Buffer.concat(chunks));
    const { headSeq } = await engine.maintenance.status();
    await engine.close();

    const report = await restoreBackup({ file, folder: restored, nowMs: T0_MS });
    t.equal(report.stateHash, before.stateHash);
    t.match(report, {
      jobs: 501,
      sealedSecrets: 1,
      backupSeq: before.headSeq,
      epoch: T0_MS,
    });
    t.equal(report.seq, T0_MS * SEQ_PER_MS);
    t.ok(report.seq > headSeq, 'beyond anything that an agent can have seen');

    await t.rejects(
      openEngine(testOptions(restored)),
      { code: 'KEY_FILE_MISSING' },
      'keys are not in a backup',
    );
    await cp(join(folder, KEY_FILE), join(restored, KEY_FILE));
    const again = await openEngine(testOptions(restored));
    t.equal(again.epoch, report.epoch + 1);
    t.match(again.recovery, { restoredAtSeq: report.seq, backup: 'a.backup' });
    const sealed = (await again.sealedSecret(secretId('1')))!;
    await t.rejects(again.sealer.open(secretId('1'), sealed), { code: 'SECRET_UNREADABLE' });
    t.match(await again.maintenance.fsck(), { ok: false, findings: [{ code: 'SECRET_KEY_MISSING' }] });
    await cp(join(folder, DATA_KEYS_FOLDER), join(restored, DATA_KEYS_FOLDER), { recursive: true });
    t.equal(Buffer.from(await again.sealer.open(secretId('1'), sealed)).toString(), SECRET_VALUE);

    t.equal(
      await again.read((view) => view.job(jobId('late1'))),
      undefined,
      'what came after the backup is lost',
    );
    await again.submit(createJob('after'), context);
    const old = await again.events(0, 3);
    t.equal(old[0]?.seq, 1, 'the history before is kept');
    t.same(
      (await again.events(before.headSeq, 10)).map(({ seq }) => seq),
      [report.seq + 1],
    );
    t.match(await again.maintenance.fsck(), { ok: true, findings: [], jobs: 502, foldedFrom: report.seq });
    await again.recovery?.finish();
    await again.close();
    const third = await openEngine(testOptions(restored));
    t.equal(third.recovery, undefined);
    await third.close();
  });
});

/** What a host holds in its hand after its last ack, and the epoch that it obeys. */
type Seen = Pick<HelloMessage, 'hostId' | 'clusterId' | 'maxSeenSeq' | 'maxEpoch' | 'proof'>;

function seenOf(engine: OpenedEngine): Seen {
  const { clusterId, epoch } = engine;
  const proof = createHistoryProofs('key', engine).current(clusterId);
  return { hostId: hostId('1'), clusterId, maxSeenSeq: engine.durableHead.seq, maxEpoch: epoch, proof };
}

t.test('the same backup restored again is beyond what hosts saw of the first restore', async (t) => {
  await withFolder(async (base) => {
    const [old, file] = [join(base, 'old'), join(base, 'a.backup')];
    await fillStore(old);
    await backUp(old, file);
    const clock = createSimClock();
    const restore = async (name: string): Promise<string> => {
      const folder = join(base, name);
      clock.advance(1000);
      await restoreBackup({ file, folder, nowMs: clock.nowMs() });
      for (const key of [KEY_FILE, DATA_KEYS_FOLDER]) {
        await cp(join(old, key), join(folder, key), { recursive: true });
      }
      return folder;
    };
    let seen: Seen | undefined;
    for (const name of ['first', 'second', 'third']) {
      const folder = await restore(name);
      // Started twice: each start is an epoch.
      await (await openEngine(testOptions(folder))).close();
      const engine = await openEngine(testOptions(folder));
      const proofs = createHistoryProofs('key', engine);
      const claims = createHostClaims({ engine, proofs, clock, logger: SILENT_LOGGER });
      const { clusterId, durableHead } = engine;
      if (seen !== undefined) await claims.judge(seen, durableHead.seq, clusterId);
      t.equal(engine.writesRefused, undefined, 'the hosts of the one before are let in');
      for (let n = 0; n < 5; n++) await engine.submit(createJob(`${name}${n}`), context);
      seen = seenOf(engine);
      t.match(await engine.maintenance.fsck(), { ok: true, findings: [] });
      await engine.close();
    }
  });
});

t.test(
  'a backup of a restored cluster goes on from there, and a clock that was put back is told',
  async (t) => {
    await withFolder(async (base) => {
      const [old, file, late] = [join(base, 'old'), join(base, 'a.backup'), join(base, 'b.backup')];
      await fillStore(old);
      await backUp(old, file);
      const nowMs = T0_MS + 60_000;
      const first = await restoreBackup({ file, folder: join(base, 'first'), nowMs });
      for (const key of [KEY_FILE, DATA_KEYS_FOLDER]) {
        await cp(join(old, key), join(base, 'first', key), { recursive: true });
      }
      await backUp(join(base, 'first'), late);
      const second = await restoreBackup({ file: late, folder: join(base, 'second'), nowMs: nowMs + 1 });
      t.ok(second.seq > first.seq && second.epoch > first.epoch);
      const behind = { file, folder: join(base, 'third'), nowMs: T0_MS - 1 };
      await t.rejects(restoreBackup(behind), { kind: 'precondition', code: 'CLOCK_BEHIND_BACKUP' });
      t.same(await readdir(behind.folder), [], 'nothing is left');
    });
  },
);

t.test('a restore touches nothing that is there, and leaves nothing when it fails', async (t) => {
  await withFolder(async (base) => {
    const [folder, file, restored] = [join(base, 'old'), join(base, 'a.backup'), join(base, 'new')];
    await fillStore(folder);
    await backUp(folder, file);
    const options = { file, folder: restored, nowMs: T0_MS };
    await t.rejects(restoreBackup({ ...options, folder }), { code: 'DATA_FOLDER_NOT_EMPTY' });
    const bytes = await readFile(file);
    for (const [name, bent, code] of [
      ['cut short', bytes.subarray(0, bytes.length - 1), 'ARCHIVE_DAMAGED'],
      ['with a tail', Buffer.concat([bytes, Buffer.from('x')]), 'ARCHIVE_DAMAGED'],
      ['empty', Buffer.alloc(0), 'ARCHIVE_UNKNOWN'],
      ['something else', Buffer.from('hello, world, this is a text'), 'ARCHIVE_UNKNOWN'],
    ] as const) {
      await writeFile(file, bent);
      await t.rejects(restoreBackup(options), { code }, name);
      t.same(await readdir(restored), [], 'nothing is left');
    }
    await rm(restored, { recursive: true });
    await mkdir(restored);
    await writeFile(file, bytes);
    t.match(await restoreBackup(options), { jobs: 11 }, 'an empty folder will do');
  });
});

t.test('an archive of any chunking reads the same', async (t) => {
  await withFolder(async (base) => {
    const file = join(base, 'a.backup');
    await fillStore(join(base, 'old'));
    await backUp(join(base, 'old'), file);
    const bytes = await readFile(file);
    const whole = await textOf(readArchiveFile(file));
    for (const size of [1, 7, 1000]) {
      const chunks = async function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      };
      t.equal(await textOf(readArchive(chunks())), whole, `chunks of ${size}`);
    }
  });
});
