/**
 * Reads the whole store again while it is in use, a little at a time: LevelDB hides bit rot, and what nobody reads
 * would be found damaged on the day it is needed. What is wrong ends all writing, before more is built on it.
 */
import type { StoreFinding } from '../../proto/domain/admin-views.ts';
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';
import { checkChain } from './check-chain.ts';
import { openBytes } from './codec.ts';
import type { CommitLog, LogReader } from './commit-log.ts';
import { Findings } from './fsck-report.ts';

/** Begun so often, each value is read again within a day. */
export const SCRUB_EVERY_MS = 11 * 60 * 60_000;
/** A start has other things to do. */
export const SCRUB_FIRST_AFTER_MS = 10 * 60_000;
/** Between two slices of at most a few hundred values: a slice takes about a tenth of it. */
export const SCRUB_REST_MS = 25;

export interface ScrubOptions {
  readonly log: Pick<CommitLog, 'snapshot'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nothing may be written any more. */
  readonly onDamage: (error: ClusterError) => void;
}

export interface Scrub {
  /** Ends a pass under way. Idempotent. */
  close(): Promise<void>;
}

/** Begins after {@link SCRUB_FIRST_AFTER_MS}, and again {@link SCRUB_EVERY_MS} after each pass began. */
export function startScrub(options: ScrubOptions): Scrub {
  return new RunningScrub(options);
}

class RunningScrub implements Scrub {
  readonly #options: ScrubOptions;
  #timer: Timer;
  #endRest: () => void = () => undefined;
  #closed = false;
  #pass: Promise<void> | undefined;

  constructor(options: ScrubOptions) {
    this.#options = options;
    this.#timer = this.#begin(SCRUB_FIRST_AFTER_MS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer.cancel();
    this.#endRest();
    await this.#pass;
  }

  #begin(afterMs: number): Timer {
    return this.#options.clock.after(afterMs, () => {
      const beganAtMs = this.#options.clock.monotonicMs();
      this.#pass = this.#run().then((isSound) => {
        const tookMs = this.#options.clock.monotonicMs() - beganAtMs;
        // Damage is told once; who repairs it starts the controller anew.
        if (isSound && !this.#closed) this.#timer = this.#begin(Math.max(1, SCRUB_EVERY_MS - tookMs));
      });
    });
  }

  /** False when the store is damaged. Never throws. */
  async #run(): Promise<boolean> {
    const { log, clock, logger, onDamage } = this.#options;
    const beganAtMs = clock.monotonicMs();
    try {
      const reader = await log.snapshot();
      try {
        const { values, finding } = await this.#readAgain(reader);
        if (finding === undefined) {
          logger.info('the store was read again', {
            values,
            tookMs: Math.round(clock.monotonicMs() - beganAtMs),
          });
          return true;
        }
        onDamage(scrubFoundDamage(finding));
        return false;
      } finally {
        await reader.close();
      }
    } catch (error) {
      if (this.#closed) return true;
      if (isClusterError(error) && error.kind === 'corrupt') {
        onDamage(scrubFoundDamage({ code: error.code, message: error.message, where: 'log', hint: '' }));
        return false;
      }
      logger.warn('the store could not be read again', { error });
      return true;
    }
  }

  async #readAgain(
    reader: LogReader,
  ): Promise<{ readonly values: number; readonly finding: StoreFinding | undefined }> {
    const findings = new Findings();
    const rows = await this.#readRows(reader, findings);
    const paced: LogReader = {
      head: () => reader.head(),
      row: (key) => reader.row(key),
      rows: () => reader.rows(),
      readFrom: async (afterSeq, limit) => {
        await this.#rest();
        return await reader.readFrom(afterSeq, limit);
      },
    };
    const { entries } = await checkChain(paced, findings, () => undefined);
    return { values: rows + entries, finding: findings.all[0] };
  }

  async #readRows(reader: LogReader, findings: Findings): Promise<number> {
    const { rowCount } = await reader.head();
    let count = 0;
    for await (const chunk of reader.rows()) {
      count += chunk.length;
      for (const [key, value] of chunk) checkRow(key, value, findings);
      await this.#rest();
    }
    if (count !== rowCount) {
      findings.report('ROWS_MISSING', `there are ${count} records instead of ${rowCount}`, 'records');
    }
    return count;
  }

  /** @throws ClusterError unavailable CLOSING */
  async #rest(): Promise<void> {
    if (!this.#closed) {
      await new Promise<void>((resolve) => {
        const timer = this.#options.clock.after(SCRUB_REST_MS, resolve);
        this.#endRest = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    if (this.#closed) throw new ClusterError('unavailable', 'CLOSING', 'the controller is shutting down');
  }
}

function checkRow(key: string, value: Uint8Array, findings: Findings): void {
  try {
    openBytes(key, value);
  } catch (error) {
    if (!isClusterError(error)) throw error;
    findings.report(error.code, error.message, key);
  }
}

function scrubFoundDamage({ code, message, where }: StoreFinding): ClusterError {
  return new ClusterError('corrupt', 'STORE_ROTTED', `the store is damaged on the disk: ${message}`, {
    hint: 'reading goes on, nothing is written: take a copy of the data folder, look at the disk, and take the newest backup through nabla admin restore into a new folder',
    details: { finding: code, where },
  });
}
