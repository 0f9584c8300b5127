/**
 * The journal as the rest of the agent needs it: what must be on disk before the agent acts or speaks.
 */
import type { Exit } from '../../proto/domain/job.ts';
import type { TaskRecord } from './task-record.ts';

export interface JournalMeta {
  /** Changes when the journal was lost. */
  readonly stateId: string;
  /** Highest leader epoch ever obeyed; 0 before the first. */
  readonly maxEpoch: number;
  /** Highest commit sequence ever acknowledged to this agent: a witness against a rolled-back controller. */
  readonly maxSeenSeq: number;
  /** Newest proof of its history that the cluster gave; opaque. */
  readonly proof?: string;
  /** No report at or above it was ever sent; rises in blocks, so that a report costs no disk sync. */
  readonly reportSeqReserved: number;
  /** Cluster that this agent belongs to; empty before the first welcome. */
  readonly clusterId: string;
  /** When the newest heartbeat that was answered was sent, in the uptime of that boot of the machine. */
  readonly contact?: { readonly bootId: string; readonly uptimeMs: number };
}

/** One task that was forgotten, and how it ended: it must never start again. */
export interface Tombstone {
  readonly name: string;
  readonly exit: Exit;
}

export interface JournalChange {
  readonly put?: readonly TaskRecord[];
  readonly forget?: readonly Tombstone[];
  readonly meta?: Partial<JournalMeta>;
}

export interface JournalContent {
  readonly meta: JournalMeta;
  readonly records: ReadonlyMap<string, TaskRecord>;
  readonly ended: ReadonlyMap<string, Exit>;
}

export interface Journal {
  /** What was found when it was opened. */
  readonly content: JournalContent;
  /**
   * Resolves when the change survives a power cut. Changes asked for while a sync runs share the next one. A
   * disk that cannot be written is waited for: the agent then neither acts nor speaks, which is safe.
   *
   * @throws ClusterError cancelled when the journal is closed before the change is stored
   */
  commit(change: JournalChange): Promise<void>;
  /** Stores the change with the next commit or soon; it may be lost in a crash, which recovery can repair. */
  note(change: JournalChange): void;
  close(): Promise<void>;
}
