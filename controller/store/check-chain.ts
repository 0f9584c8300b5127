/**
 * The kept events as a chain: every checksum, every hash, no gap that nobody ordered, epochs that only rise, and at
 * the end the head.
 */
import { isClusterError } from '../../proto/errors/cluster-error.ts';
import type { StampedEvent } from '../core/event.ts';
import { decodeEntry, verifyChain } from './codec.ts';
import type { LogHead, LogReader } from './commit-log.ts';
import type { Findings } from './fsck-report.ts';

/** Few enough that the event loop is held for a few milliseconds at a time. */
const ENTRIES_PER_READ = 200;
const GENESIS = '0'.repeat(64);

export interface ChainCheck {
  readonly entries: number;
  /** False: from some entry on nothing more can be said. */
  readonly whole: boolean;
}

/** Hands every sound event to `onEvent` in order; stops at the first that is not. */
export async function checkChain(
  reader: LogReader,
  findings: Findings,
  onEvent: (event: StampedEvent) => void,
): Promise<ChainCheck> {
  const head = await reader.head();
  const link = {
    seq: head.firstSeq - 1,
    epoch: 0,
    hash: head.firstSeq === 1 ? GENESIS : (undefined as string | undefined),
  };
  let entries = 0;
  for (;;) {
    const read = await reader.readFrom(link.seq, ENTRIES_PER_READ);
    for (const { seq, value } of read) {
      try {
        if (!isNext(seq, link.seq, head)) {
          findings.report('EVENTS_MISSING', 'events are missing from the log', `event ${link.seq + 1}`);
          return { entries, whole: false };
        }
        const { stamped, chainHash } = decodeEntry(seq, value);
        if (link.hash !== undefined) verifyChain(seq, value, link.hash);
        if (stamped.epoch < link.epoch) {
          findings.report('EPOCH_FELL', 'an event follows one of a newer leader', `event ${seq}`);
        }
        Object.assign(link, { seq, epoch: stamped.epoch, hash: chainHash });
        entries += 1;
        onEvent(stamped);
      } catch (error) {
        if (!isClusterError(error)) throw error;
        findings.report(error.code, error.message, `event ${seq}`);
        return { entries, whole: false };
      }
    }
    if (read.length === 0) break;
  }
  if (link.seq !== head.seq && head.seq >= head.firstSeq && head.seq !== head.foldsAfter) {
    findings.report('EVENTS_MISSING', 'the newest events are missing from the log', `event ${head.seq}`);
    return { entries, whole: false };
  }
  if (entries > 0 && link.hash !== head.chainHash) {
    findings.report('HEAD_MISMATCH', 'the newest event does not match the head', 'head');
  }
  if (head.epoch < link.epoch) findings.report('EPOCH_FELL', 'the head is of an older leader', 'head');
  return { entries, whole: true };
}

/** A restore leaves one gap: from the last event that it had to the place where it went on. */
function isNext(seq: number, before: number, head: LogHead): boolean {
  return seq === before + 1 || (head.foldsAfter !== undefined && seq === head.foldsAfter + 1);
}
