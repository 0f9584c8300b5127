/**
 * The agent's journal on a disk that can be slow, refuse writes, and lose what was not synced. It keeps the group
 * commit of agent/journal (changes of one turn share a write, notes travel along), without LevelDB.
 */
import type { Journal, JournalChange, JournalMeta } from '../../agent/core/journal-port.ts';
import type { TaskRecord } from '../../agent/core/task-record.ts';
import { toTaskName } from '../../proto/domain/ids.ts';
import type { Exit } from '../../proto/domain/job.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Host } from './parts.ts';
import type { SimEvent, SimProcess } from './world.ts';

const NOTE_DELAY_MS = 50;
const RETRY_MS = 1_000;

interface Batch {
  readonly changes: JournalChange[];
  readonly answers: (() => void)[];
}

export class SimJournalDisk {
  latencyMs = 2;
  failing = false;
  readonly #host: Host;
  #meta: JournalMeta;
  readonly #records = new Map<string, TaskRecord>();
  readonly #ended = new Map<string, Exit>();
  /** Written, but a power cut takes it. */
  #unsynced: JournalChange[] = [];
  #underWay: { readonly event: SimEvent; readonly batch: Batch } | undefined;
  #states = 0;
  #noted:
    | {
        readonly meta: JournalMeta;
        readonly records: readonly TaskRecord[];
        readonly ended: readonly [string, Exit][];
      }
    | undefined;

  constructor(host: Host) {
    this.#host = host;
    this.#meta = this.#freshMeta();
  }

  #freshMeta(): JournalMeta {
    this.#states += 1;
    const stateId = `${this.#host.id}-state-${this.#states}`;
    return { stateId, maxEpoch: 0, maxSeenSeq: 0, reportSeqReserved: 1, clusterId: '' };
  }

  get recordNames(): readonly string[] {
    return [...this.#records.keys()];
  }

  /** The disk is replaced. */
  wipe(): void {
    this.#unsynced = [];
    this.#records.clear();
    this.#ended.clear();
    this.#meta = this.#freshMeta();
  }

  /** Notes what is there, or puts back what was noted: a folder restored from a copy. */
  rollBack(): boolean {
    const noted = this.#noted;
    this.#noted = { meta: this.#meta, records: [...this.#records.values()], ended: [...this.#ended] };
    // A copy of another journal is another journal.
    if (noted === undefined || noted.meta.stateId !== this.#meta.stateId) return false;
    this.#noted = undefined;
    this.#meta = noted.meta;
    this.#records.clear();
    for (const record of noted.records) this.#records.set(toTaskName(record.key), record);
    this.#ended.clear();
    for (const [name, exit] of noted.ended) this.#ended.set(name, exit);
    return true;
  }

  /** The process died; `power`: so did the machine, and what was not synced is lost. */
  crash(power: boolean): void {
    const underWay = this.#underWay;
    this.#underWay = undefined;
    if (underWay !== undefined) {
      underWay.event.cancelled = true;
      if (this.#host.sim.chance.integer(2) === 1) this.#store(underWay.batch);
    }
    if (!power) for (const change of this.#unsynced) this.#apply(change);
    this.#unsynced = [];
  }

  open(owner: SimProcess): Journal {
    for (const change of this.#unsynced) this.#apply(change);
    this.#unsynced = [];
    const { world, bug } = this.#host.sim;
    const content = { meta: this.#meta, records: new Map(this.#records), ended: new Map(this.#ended) };
    let pending: Batch = { changes: [], answers: [] };
    let closed = false;
    let noteArmed = false;
    const flush = (): void => {
      if (this.#underWay !== undefined || !owner.alive) return;
      if (pending.changes.length === 0) return;
      const batch = pending;
      pending = { changes: [], answers: [] };
      write(batch, 0);
    };
    const write = (batch: Batch, waitMs: number): void => {
      const extraMs = bug === 'act-before-journal' ? 400 : 0;
      const afterMs = waitMs + extraMs + 0.1 + this.#host.sim.chance.fraction() * this.latencyMs;
      const event = world.schedule(afterMs, 'journal-write', () => {
        if (this.failing) return write(batch, RETRY_MS);
        this.#underWay = undefined;
        this.#store(batch);
        const tell = (): void => {
          for (const answer of batch.answers) answer();
          flush();
        };
        world.schedule(0.05, 'journal-answer', tell, owner);
      });
      this.#underWay = { event, batch };
    };
    return {
      content,
      commit: (change) => {
        if (closed)
          return Promise.reject(new ClusterError('cancelled', 'JOURNAL_CLOSED', 'the journal was closed'));
        pending.changes.push(change);
        if (bug === 'act-before-journal') {
          queueMicrotask(flush);
          return Promise.resolve();
        }
        return new Promise((resolve) => {
          pending.answers.push(resolve);
          queueMicrotask(flush);
        });
      },
      note: (change) => {
        if (closed) return;
        pending.changes.push(change);
        if (noteArmed) return;
        noteArmed = true;
        owner.clock.after(NOTE_DELAY_MS, () => {
          noteArmed = false;
          flush();
        });
      },
      close: async () => {
        closed = true;
      },
    };
  }

  #store(batch: Batch): void {
    this.#unsynced.push(...batch.changes);
    if (batch.answers.length === 0) return;
    for (const change of this.#unsynced) this.#apply(change);
    this.#unsynced = [];
  }

  #apply(change: JournalChange): void {
    const { bug } = this.#host.sim;
    for (const record of change.put ?? []) {
      const name = toTaskName(record.key);
      const over = record.state.phase === 'exited' || record.state.phase === 'finalizing';
      if (bug === 'forget-exit-before-ack' && over) {
        this.#records.delete(name);
        this.#host.containers.delete(name);
      } else if (bug === 'stop-not-journalled') {
        const { stop: _stop, ...rest } = record;
        this.#records.set(name, rest);
      } else this.#records.set(name, record);
    }
    for (const { name, exit } of change.forget ?? []) {
      this.#records.delete(name);
      this.#ended.set(name, exit);
    }
    if (change.meta === undefined) return;
    const { contact: _contact, ...rest } = change.meta;
    this.#meta = { ...this.#meta, ...(bug === 'fence-forgets-contact' ? rest : change.meta) };
  }
}
