/**
 * State from what is stored: from the rows at start (fast), or from the events (the proof that the rows are right).
 */
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import { apply, Touched } from '../state/apply.ts';
import { ClusterState } from '../state/cluster-state.ts';
import { StateLoader } from '../state/rows.ts';
import { decodeEntry, decodeRow, openBytes, verifyChain } from './codec.ts';
import type { LogHead, LogReader } from './commit-log.ts';

/** Sealed values of secrets: rows beside the state, which holds only their ids. */
export const SEALED_ROW_PREFIX = 'secret-sealed/';

const ENTRIES_PER_READ = 1_000;

/**
 * The state at the head, from its rows. Every value's checksum is verified, the newest entry must match the head,
 * and no row may be missing. `onRows` hears how many rows were read, chunk by chunk, and may end it by throwing.
 *
 * @throws ClusterError kind corrupt
 */
export async function loadState(
  log: LogReader,
  onRows?: (rows: number) => Promise<void>,
): Promise<ClusterState> {
  const head = await log.head();
  await verifyHead(log, head);
  const loader = new StateLoader();
  let rows = 0;
  for await (const chunk of log.rows()) {
    for (const [key, value] of chunk) {
      if (key.startsWith(SEALED_ROW_PREFIX)) openBytes(key, value);
      else loader.add(key, decodeRow(key, value));
    }
    rows += chunk.length;
    await onRows?.(rows);
  }
  const state = loader.finish(head.seq);
  if (state.rowCount === head.rowCount) return state;
  throw new ClusterError('corrupt', 'ROWS_MISSING', 'the store has lost records', {
    hint: 'stop the controller and restore a backup',
    details: { expected: String(head.rowCount), found: String(state.rowCount) },
  });
}

async function verifyHead(log: LogReader, head: LogHead): Promise<void> {
  // Right after a restore the head stands where no event is: the next one follows it.
  if (head.seq < head.firstSeq || head.seq === head.foldsAfter) return;
  const [newest] = await log.readFrom(head.seq - 1, 1);
  if (newest?.seq === head.seq && decodeEntry(newest.seq, newest.value).chainHash === head.chainHash) return;
  throw new ClusterError('corrupt', 'HEAD_MISMATCH', 'the newest event does not match the head', {
    hint: 'stop the controller and restore a backup',
    details: { seq: String(head.seq) },
  });
}

/**
 * The state as the fold of all events, with the hash chain checked on the way. Needs a log that was never pruned.
 *
 * @throws ClusterError kind corrupt; precondition EVENTS_PRUNED
 */
export async function foldEvents(log: LogReader): Promise<ClusterState> {
  const head = await log.head();
  if (head.firstSeq !== 1) {
    throw new ClusterError('precondition', 'EVENTS_PRUNED', 'the oldest events are no longer kept', {
      hint: 'check the rows alone',
    });
  }
  const state = new ClusterState();
  let chainHash = '0'.repeat(64);
  for (;;) {
    const entries = await log.readFrom(state.headSeq, ENTRIES_PER_READ);
    if (entries.length === 0) return state;
    for (const { seq, value } of entries) {
      verifyChain(seq, value, chainHash);
      const entry = decodeEntry(seq, value);
      chainHash = entry.chainHash;
      apply(state, entry.stamped, new Touched());
    }
  }
}
