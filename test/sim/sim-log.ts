/**
 * The controller's disk: the production memory log behind a latency, so that a crash can fall between the write
 * and its answer. What is not on the disk when the process dies is gone, or kept though nobody was told.
 */
import type { CommitLog, LogBatch } from '../../controller/store/commit-log.ts';
import { createMemoryDisk, createMemoryLog, type MemoryDisk } from '../../controller/store/memory-log.ts';
import type { Cluster } from './parts.ts';
import type { SimEvent, SimProcess } from './world.ts';

export class SimLogDisk {
  readonly disk: MemoryDisk = createMemoryDisk();
  /** Appends take up to this long. */
  latencyMs = 2;
  /** Share of appends that end unknown. */
  failing = 0;
  readonly #sim: Cluster;
  readonly #underWay = new Set<{
    readonly owner: SimProcess;
    readonly event: SimEvent;
    readonly write: () => void;
  }>();
  #writtenAtMs = 0;

  constructor(sim: Cluster) {
    this.#sim = sim;
  }

  /** The log as one life of a controller holds it. */
  open(owner: SimProcess): CommitLog {
    const inner = createMemoryLog(this.disk);
    return {
      ...inner,
      append: (batch, condition) =>
        new Promise((resolve) => {
          const { world, bug } = this.#sim;
          const fails = this.failing > 0 && this.#sim.chance.fraction() < this.failing;
          const kept = this.#sim.chance.integer(2) === 1;
          const reply = (result: Awaited<ReturnType<CommitLog['append']>>): void =>
            void world.schedule(0.05, 'log-answer', () => resolve(result), owner);
          if (bug === 'ack-before-sync') {
            const { disk } = this;
            const seq = condition.expectedHead + batch.entries.length;
            reply({ status: 'committed', head: { ...disk.head, seq, chainHash: batch.chainHash } });
          }
          const write = (): void => {
            const under =
              bug === 'log-unfenced'
                ? { epoch: this.disk.head.epoch, expectedHead: this.disk.head.seq }
                : condition;
            void inner.append(batch, under).then((result) => {
              if (result.status === 'committed') this.#sim.checker.committed(batch.entries);
              if (bug === 'ack-before-sync') return;
              reply(fails ? { status: 'unknown', cause: new Error('the disk failed') } : result);
            });
          };
          const afterMs = 0.2 + this.#sim.chance.fraction() * this.latencyMs;
          this.#writtenAtMs = Math.max(this.#writtenAtMs, world.nowMs + afterMs);
          const event = world.schedule(this.#writtenAtMs - world.nowMs, 'log-write', () => {
            this.#underWay.delete(entry);
            if (fails && !kept) reply({ status: 'unknown', cause: new Error('the disk failed') });
            else write();
          });
          const entry = { owner, event, write, batch };
          this.#underWay.add(entry);
        }),
    };
  }

  copy(): MemoryDisk {
    return { head: this.disk.head, entries: new Map(this.disk.entries), rows: new Map(this.disk.rows) };
  }

  /** In place of all that is there now. */
  putBack({ head, entries, rows }: MemoryDisk): void {
    this.disk.head = head;
    this.disk.entries.clear();
    for (const [seq, value] of entries) this.disk.entries.set(seq, value);
    this.disk.rows.clear();
    for (const [key, value] of rows) this.disk.rows.set(key, value);
  }

  /** The process died: each write under way is kept whole or lost whole. */
  crash(owner: SimProcess): void {
    for (const entry of Array.from(this.#underWay)) {
      if (entry.owner !== owner) continue;
      this.#underWay.delete(entry);
      entry.event.cancelled = true;
      const kept = this.#sim.chance.integer(2) === 1 && this.#sim.bug !== 'ack-before-sync';
      if (this.#sim.bug === 'torn-commit')
        this.#tear((entry as unknown as { readonly batch: LogBatch }).batch);
      else if (kept) entry.write();
    }
  }

  /** Planted: entries and head get to the disk, half of the rows do not. */
  #tear(batch: LogBatch): void {
    const rows = batch.rows.filter((_row, at) => at % 2 === 1);
    const { epoch, seq } = this.disk.head;
    void createMemoryLog(this.disk)
      .append({ ...batch, rows }, { epoch, expectedHead: seq })
      .then((result) => {
        if (result.status === 'committed') this.#sim.checker.committed(batch.entries);
      });
  }
}
