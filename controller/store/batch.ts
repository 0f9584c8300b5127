/**
 * One group of commands on its way to the disk: decided and applied in order, encoded as they go, written as one
 * synced batch.
 */

import type { SecretId } from '../../proto/domain/ids.ts';
import { ClusterError, toClusterError } from '../../proto/errors/cluster-error.ts';
import type { Command, CommandContext } from '../core/command.ts';
import type { FoundCluster } from '../core/decide.ts';
import { decide } from '../core/decide.ts';
import type { DecisionOutcome, Refusal } from '../core/decision.ts';
import type { CommandOutcome } from '../core/engine.ts';
import type { StampedEvent } from '../core/event.ts';
import { apply, Touched } from '../state/apply.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { rowOf } from '../state/rows.ts';
import { encodeEntry, encodeRow, sealBytes } from './codec.ts';
import type { LogBatch, LogEntry, RowWrite } from './commit-log.ts';
import { SEALED_ROW_PREFIX } from './load-state.ts';

/** A command that waits for its answer. */
export interface Ticket {
  readonly command: Command | FoundCluster;
  readonly context: CommandContext;
  readonly resolve: (outcome: CommandOutcome) => void;
  readonly reject: (error: ClusterError) => void;
}

/** Group commit bounds: a batch is closed when it reaches either. */
export const BATCH_COMMANDS_MAX = 256;
export const BATCH_BYTES_MAX = 1024 * 1024;
/** Fewer answers than this go out together. */
const ANSWERS_PER_TURN_MIN = 4;
/** Whoever listens to commits hears of a large group after so many turns of the event loop at most. */
const ANSWER_TURNS_MAX = 4;

export class Batch {
  readonly events: StampedEvent[] = [];
  readonly touched = new Touched();
  readonly #state: ClusterState;
  readonly #epoch: number;
  readonly #entries: LogEntry[] = [];
  readonly #sealed = new Map<SecretId, Uint8Array | undefined>();
  readonly #answers: { readonly ticket: Ticket; readonly outcome: CommandOutcome }[] = [];
  readonly #decide: typeof decide;
  #chainHash: string;
  #bytes = 0;

  constructor(state: ClusterState, epoch: number, chainHash: string, decideWith: typeof decide = decide) {
    this.#state = state;
    this.#epoch = epoch;
    this.#chainHash = chainHash;
    this.#decide = decideWith;
  }

  get isFull(): boolean {
    return this.#answers.length >= BATCH_COMMANDS_MAX || this.#bytes >= BATCH_BYTES_MAX;
  }

  get chainHash(): string {
    return this.#chainHash;
  }

  /**
   * Decides one command and applies its events; a refusal is answered at once, for it changes nothing.
   *
   * @throws ClusterError when apply fails: the state is unusable then
   */
  take(ticket: Ticket): void {
    const { command, context } = ticket;
    let decision: ReturnType<typeof decide>;
    try {
      decision = this.#decide(this.#state, command, context);
    } catch (error) {
      // decide changes nothing, so a bug in it costs one command and not the cluster.
      ticket.reject(toClusterError(error));
      return;
    }
    if (!decision.ok) {
      ticket.reject(toError(decision.error));
      return;
    }
    for (const event of decision.events) {
      const seq = this.#state.headSeq + 1;
      this.#write(
        { seq, epoch: this.#epoch, timeMs: context.nowMs, principal: context.principal, event },
        command,
      );
    }
    this.#answers.push({ ticket, outcome: outcomeOf(decision.outcome, this.#state.headSeq) });
  }

  #write(stamped: StampedEvent, command: Command | FoundCluster): void {
    const entry = encodeEntry(stamped, this.#chainHash);
    apply(this.#state, stamped, this.touched);
    this.events.push(stamped);
    this.#entries.push({ seq: stamped.seq, value: entry.value });
    this.#chainHash = entry.chainHash;
    this.#bytes += entry.value.length;
    const { event } = stamped;
    if (event.type === 'secret-set') this.#sealed.set(event.secretId, sealedIn(command, event.secretId));
    else if (event.type === 'secret-deleted') this.#sealed.set(event.secretId, undefined);
  }

  /** Rows are encoded once, as they are after the last command of the batch. */
  toLogBatch(): LogBatch {
    const rows: RowWrite[] = [];
    for (const key of this.touched.rows) {
      const value = rowOf(this.#state, key);
      rows.push({ key, value: value === undefined ? undefined : encodeRow(key, value) });
    }
    for (const [id, sealed] of this.#sealed) {
      const key = SEALED_ROW_PREFIX + id;
      rows.push({ key, value: sealed === undefined ? undefined : sealBytes(key, sealed) });
    }
    return { entries: this.#entries, rows, chainHash: this.#chainHash, rowCount: this.#state.rowCount };
  }

  /**
   * In slices, with a turn of the event loop after each: what the first callers are told goes out, and they go on, while
   * the answers of the others are still being written. In one go a client and the controller would work in turns only.
   */
  async answer(): Promise<void> {
    const perTurn = Math.max(ANSWERS_PER_TURN_MIN, Math.ceil(this.#answers.length / ANSWER_TURNS_MAX));
    for (const [index, { ticket, outcome }] of this.#answers.entries()) {
      if (index > 0 && index % perTurn === 0) await new Promise((next) => setImmediate(next));
      ticket.resolve(outcome);
    }
  }

  fail(error: ClusterError): void {
    for (const { ticket } of this.#answers) ticket.reject(error);
  }
}

function outcomeOf(outcome: DecisionOutcome, seq: number): CommandOutcome {
  return { ...outcome, seq };
}

function sealedIn(command: Command | FoundCluster, id: SecretId): Uint8Array {
  const secrets =
    command.type === 'set-secret' ? [command.secret] : command.type === 'create-job' ? command.secrets : [];
  return secrets.find((secret) => secret.id === id)?.sealed ?? new Uint8Array();
}

function toError(refusal: Refusal): ClusterError {
  const { kind, code, message, hint, fields, details, retryAfterMs } = refusal;
  const options = { hint, fields, details };
  return new ClusterError(
    kind,
    code,
    message,
    retryAfterMs === undefined ? options : { ...options, retryAfterMs },
  );
}
