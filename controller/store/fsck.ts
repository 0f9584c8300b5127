/**
 * Proves a store right, or says what is wrong: the events are whole, they lead to exactly the rows that are stored,
 * and the state keeps its invariants (ARCHITECTURE.md). Works on a log that is in use, through a snapshot of it.
 */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SecretId } from '../../proto/domain/ids.ts';
import { isClusterError } from '../../proto/errors/cluster-error.ts';
import type { StampedEvent } from '../core/event.ts';
import { apply, Touched } from '../state/apply.ts';
import { canonicalJson } from '../state/canonical.ts';
import { ClusterState } from '../state/cluster-state.ts';
import { checkInSteps } from '../state/invariants.ts';
import { type RowKey, rowKeysOf, rowOf, StateLoader } from '../state/rows.ts';
import { checkChain } from './check-chain.ts';
import { decodeRow, openBytes } from './codec.ts';
import type { LogHead, LogReader } from './commit-log.ts';
import { Findings, type FsckReport } from './fsck-report.ts';
import { SEALED_ROW_PREFIX } from './load-state.ts';
import { listSnapshots, readArchiveFile, type SnapshotFile } from './snapshot-folder.ts';

export interface FsckOptions {
  /** Folder of the snapshots; undefined: there are none. */
  readonly snapshotFolder?: string;
  /** Whether the data key of a secret is there. @throws ClusterError kind corrupt */
  readonly hasDataKey?: (id: SecretId) => Promise<boolean>;
}

/** Never throws for what is wrong with the store: that is what the report is for. */
export async function checkStore(reader: LogReader, options: FsckOptions = {}): Promise<FsckReport> {
  const findings = new Findings();
  const head = await reader.head();
  const snapshots = options.snapshotFolder === undefined ? [] : await listSnapshots(options.snapshotFolder);
  const base = await findBase(head, snapshots, findings);
  const fold = new Fold(base, findings);
  const chain = await checkChain(reader, findings, (event) => fold.take(event));
  const state = chain.whole ? fold.finish(head) : undefined;
  const rows = await checkRows(reader, state, options, findings);
  const loaded = state ?? rows.loaded;
  if (rows.count !== head.rowCount) {
    findings.report('ROWS_MISSING', `there are ${rows.count} records instead of ${head.rowCount}`, 'records');
  }
  if (loaded !== undefined) {
    const report = (rule: string): void => findings.report('INVARIANT_BROKEN', rule, 'state');
    for (const _pause of checkInSteps(loaded, report)) await nextTurn();
  }
  return {
    ok: findings.all.length === 0,
    clusterId: loaded?.clusterId ?? '',
    schemaVersion: head.schemaVersion,
    epoch: head.epoch,
    headSeq: head.seq,
    firstSeq: head.firstSeq,
    events: chain.entries,
    foldedFrom: state === undefined ? undefined : base?.headSeq,
    rows: rows.count,
    jobs: loaded?.jobCount ?? 0,
    stateHash: loaded === undefined ? '' : rows.stateHash,
    snapshots: snapshots.length,
    findings: findings.all,
    findingsDropped: findings.dropped,
  };
}

interface Base {
  readonly state: ClusterState;
  readonly headSeq: number;
}

/** The oldest state that the kept events lead on from: the empty one, or that of a sound snapshot. */
async function findBase(
  head: LogHead,
  snapshots: readonly SnapshotFile[],
  findings: Findings,
): Promise<Base | undefined> {
  const from = Math.max(head.firstSeq - 1, head.foldsAfter ?? 0);
  let base: Base | undefined = from === 0 ? { state: new ClusterState(), headSeq: 0 } : undefined;
  for (const file of snapshots) {
    const needed = base === undefined && file.seq >= from && file.seq <= head.seq;
    try {
      const loader = needed ? new StateLoader() : undefined;
      await readSnapshot(file, loader);
      if (loader !== undefined) base = { state: loader.finish(file.seq), headSeq: file.seq };
    } catch (error) {
      if (!isClusterError(error)) throw error;
      findings.report(
        'SNAPSHOT_DAMAGED',
        `a snapshot is damaged: ${error.details['reason'] ?? error.message}`,
        file.path,
      );
    }
  }
  if (base === undefined && head.seq > 0 && snapshots.length > 0) {
    findings.report('NO_BASE', 'no snapshot is left that the kept events lead on from', 'snapshots');
  }
  return base;
}

/** Reads a snapshot to its end, into the loader if there is one. @throws ClusterError kind corrupt */
async function readSnapshot({ path }: SnapshotFile, loader: StateLoader | undefined): Promise<void> {
  for await (const part of readArchiveFile(path)) {
    if (part.kind !== 'rows') continue;
    for (const [key, value] of part.rows) {
      if (key.startsWith(SEALED_ROW_PREFIX)) openBytes(key, value);
      else if (loader === undefined) decodeRow(key, value);
      else loader.add(key, decodeRow(key, value));
    }
  }
}

/** The state that events lead to, as far as they follow one another. */
class Fold {
  readonly #findings: Findings;
  readonly #state: ClusterState | undefined;
  #broken = false;

  constructor(base: Base | undefined, findings: Findings) {
    this.#state = base?.state;
    this.#findings = findings;
  }

  take(event: StampedEvent): void {
    const state = this.#state;
    if (state === undefined || this.#broken || event.seq <= state.headSeq) return;
    try {
      apply(state, event, new Touched());
    } catch (error) {
      this.#broken = true;
      const code = isClusterError(error) ? error.code : 'EVENT_DOES_NOT_FOLLOW';
      this.#findings.report(code, 'an event cannot follow the ones before it', `event ${event.seq}`);
    }
  }

  finish(head: LogHead): ClusterState | undefined {
    return this.#broken || this.#state?.headSeq !== head.seq ? undefined : this.#state;
  }
}

interface RowCheck {
  readonly count: number;
  /** State from the rows; undefined when the fold was there to compare with, or the rows are unsound. */
  readonly loaded: ClusterState | undefined;
  /** As stateHash of the state that these rows are. */
  readonly stateHash: string;
}

/** Every row by checksum and, given the fold, by content. */
async function checkRows(
  reader: LogReader,
  folded: ClusterState | undefined,
  options: FsckOptions,
  findings: Findings,
): Promise<RowCheck> {
  const head = await reader.head();
  const loader = folded === undefined ? new StateLoader() : undefined;
  // Rows come in the order in which stateHash takes them, so one pass does for both.
  const hash = createHash('sha256').update(`head ${head.seq}\n`);
  const found = new Set<string>();
  let count = 0;
  let sound = true;
  for await (const chunk of reader.rows()) {
    for (const [key, value] of chunk) {
      count += 1;
      try {
        if (key.startsWith(SEALED_ROW_PREFIX)) {
          openBytes(key, value);
          await checkDataKey(key, options, findings);
          continue;
        }
        const row = decodeRow(key, value);
        const text = canonicalJson(row);
        hash.update(`${key} ${text}\n`);
        loader?.add(key, row);
        if (folded === undefined) continue;
        found.add(key);
        const expected = rowOf(folded, key as RowKey);
        if (expected === undefined || canonicalJson(expected) !== text) {
          findings.report('ROW_DIFFERS', 'a record is not what its events say', key);
        }
      } catch (error) {
        if (!isClusterError(error)) throw error;
        sound = false;
        findings.report(error.code, error.message, key);
      }
    }
  }
  for (const key of folded === undefined ? [] : rowKeysOf(folded)) {
    if (!found.has(key)) findings.report('ROW_MISSING', 'a record is missing that events tell of', key);
  }
  const loaded = sound ? finish(loader, head, findings) : undefined;
  return { count, loaded, stateHash: hash.digest('hex') };
}

function finish(
  loader: StateLoader | undefined,
  head: LogHead,
  findings: Findings,
): ClusterState | undefined {
  try {
    return loader?.finish(head.seq);
  } catch (error) {
    if (!isClusterError(error)) throw error;
    findings.report(error.code, error.message, 'records');
    return undefined;
  }
}

async function checkDataKey(key: string, { hasDataKey }: FsckOptions, findings: Findings): Promise<void> {
  const id = key.slice(SEALED_ROW_PREFIX.length) as SecretId;
  if (hasDataKey === undefined || (await hasDataKey(id))) return;
  findings.report('SECRET_KEY_MISSING', 'the data key of a secret is missing', key);
}
