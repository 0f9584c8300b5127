/**
 * Makes a data folder out of a backup. The cluster goes on from there under an epoch and at a sequence that nobody
 * can have seen, so that what agents know of the lost time is told from what comes now; and it begins in recovery,
 * in which agents' tasks that it does not know are kept.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { writeFileAtomically } from '../../proto/runtime/durable-file.ts';
import type { ArchiveHeader } from './archive-file.ts';
import { type LogHead, SCHEMA_VERSION } from './commit-log.ts';
import { LOG_FOLDER, RECOVERY_FILE } from './folder-layout.ts';
import { checkStore } from './fsck.ts';
import type { FsckReport } from './fsck-report.ts';
import { createLevelLog, openLevelLog } from './level-log.ts';
import { SEALED_ROW_PREFIX } from './load-state.ts';
import { readArchiveFile, SNAPSHOT_FOLDER, writeSnapshot } from './snapshot-folder.ts';

/**
 * Epoch and sequence after a restore follow from its time and not from the backup: who restores the same backup again
 * must get beyond what hosts saw of the first restore, too. A leader lasts longer than a millisecond, and no cluster
 * keeps up a hundred thousand events a second; until the year 2286 both stay within 15 digits.
 */
export const SEQ_PER_MS = 100;
const DRAFT_FOLDER = 'log.restoring';

export interface RestoreOptions {
  readonly file: string;
  /** The controller's own folder; must be absent or empty. */
  readonly folder: string;
  readonly nowMs: number;
}

export interface RestoreReport {
  readonly clusterId: string;
  readonly backupMadeAtMs: number;
  readonly backupSeq: number;
  readonly epoch: number;
  readonly seq: number;
  readonly jobs: number;
  readonly sealedSecrets: number;
  readonly stateHash: string;
}

/** What a folder says that was made by a restore and has not yet heard of every host. */
export interface RecoveryMark {
  /** Attempts of older sequences than this were lost to the backup's age. */
  readonly restoredAtSeq: number;
  readonly restoredAtMs: number;
  readonly backup: string;
}

/**
 * Reads the backup twice: first to prove it, then to fill the folder. The folder is as it was when it throws.
 *
 * @throws ClusterError DATA_FOLDER_NOT_EMPTY, DATA_NEWER, ARCHIVE_UNKNOWN, ARCHIVE_DAMAGED, BACKUP_UNSOUND,
 * CLOCK_BEHIND_BACKUP
 */
export async function restoreBackup({ file, folder, nowMs }: RestoreOptions): Promise<RestoreReport> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0) throw folderNotEmpty(folder);
  const header = await proveArchive(file);
  if (nowMs < header.madeAtMs) throw clockBehind(header.madeAtMs, nowMs);
  const draft = join(folder, DRAFT_FOLDER);
  try {
    const sealedSecrets = await fill(draft, file, header.head);
    const report = await prove(draft);
    const head = await jump(draft, folder, nowMs);
    const mark: RecoveryMark = { restoredAtSeq: head.seq, restoredAtMs: nowMs, backup: basename(file) };
    await writeFileAtomically(join(folder, RECOVERY_FILE), `${JSON.stringify(mark)}\n`, { mode: 0o600 });
    // Last: a folder without a log of this name is no cluster.
    await rename(draft, join(folder, LOG_FOLDER));
    const { clusterId, jobs, stateHash } = report;
    const from = { backupMadeAtMs: header.madeAtMs, backupSeq: header.head.seq };
    return { clusterId, ...from, epoch: head.epoch, seq: head.seq, jobs, sealedSecrets, stateHash };
  } catch (error) {
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
    throw error;
  }
}

async function proveArchive(file: string): Promise<ArchiveHeader> {
  let header: ArchiveHeader | undefined;
  for await (const part of readArchiveFile(file)) if (part.kind === 'header') header = part.header;
  if (header === undefined || !header.withEntries) throw backupUnsound('it is a snapshot and no backup');
  if (header.head.schemaVersion > SCHEMA_VERSION) throw dataNewer(header.head.schemaVersion);
  return header;
}

/** Returns how many sealed values there are. */
async function fill(draft: string, file: string, head: LogHead): Promise<number> {
  const filler = await createLevelLog(draft);
  let sealed = 0;
  try {
    for await (const part of readArchiveFile(file)) {
      if (part.kind === 'rows') {
        await filler.putRows(part.rows);
        sealed += part.rows.filter(([key]) => key.startsWith(SEALED_ROW_PREFIX)).length;
      } else if (part.kind === 'entries') await filler.putEntries(part.entries);
    }
    await filler.finish(head);
  } finally {
    await filler.close();
  }
  return sealed;
}

async function prove(draft: string): Promise<FsckReport> {
  const log = await openLevelLog(draft);
  try {
    const report = await checkStore(log);
    const [first] = report.findings;
    if (first !== undefined) throw backupUnsound(`${first.message} (${first.where})`);
    return report;
  } finally {
    await log.close();
  }
}

/** Moves the head to where nobody has been, and leaves a snapshot there for later checks to begin with. */
async function jump(draft: string, folder: string, nowMs: number): Promise<LogHead> {
  const log = await openLevelLog(draft);
  try {
    const { seq, epoch } = await log.head();
    await log.jumpTo({ seq: Math.max(seq + 1, nowMs * SEQ_PER_MS), epoch: Math.max(epoch + 1, nowMs) });
    const head = await log.head();
    const reader = await log.snapshot();
    try {
      await writeSnapshot(join(folder, SNAPSHOT_FOLDER), reader, { madeAtMs: nowMs });
    } finally {
      await reader.close();
    }
    return head;
  } finally {
    await log.close();
  }
}

function folderNotEmpty(folder: string): ClusterError {
  return new ClusterError('precondition', 'DATA_FOLDER_NOT_EMPTY', 'the data folder is not empty', {
    hint: `name a new folder instead of ${folder}; a restore replaces nothing`,
    details: { folder },
  });
}

function dataNewer(stored: number): ClusterError {
  return new ClusterError('precondition', 'DATA_NEWER', 'the backup was made by a newer version', {
    hint: 'restore it with that version',
    details: { stored: String(stored), known: String(SCHEMA_VERSION) },
  });
}

/** The time keeps what comes now apart from what hosts have seen, so a clock that was put back would mix them up. */
function clockBehind(madeAtMs: number, nowMs: number): ClusterError {
  return new ClusterError(
    'precondition',
    'CLOCK_BEHIND_BACKUP',
    'the clock is behind the time of the backup',
    {
      hint: 'set the clock of this machine and restore again; nothing was changed',
      details: { madeAt: new Date(madeAtMs).toISOString(), now: new Date(nowMs).toISOString() },
    },
  );
}

function backupUnsound(reason: string): ClusterError {
  return new ClusterError('corrupt', 'BACKUP_UNSOUND', `the backup cannot be restored: ${reason}`, {
    hint: 'use another backup; nothing was changed',
  });
}
