/**
 * What a check of the store found, each finding with what to do about it.
 */

export interface Finding {
  /** Stable UPPER_SNAKE. */
  readonly code: string;
  readonly message: string;
  /** Which event, record or file. */
  readonly where: string;
  readonly hint: string;
}

export interface FsckReport {
  readonly ok: boolean;
  readonly clusterId: string;
  readonly schemaVersion: number;
  readonly epoch: number;
  readonly headSeq: number;
  readonly firstSeq: number;
  /** Events checked by checksum and chain. */
  readonly events: number;
  /** Sequence of the state that the events were folded onto, 0 for the very beginning; undefined: none was found. */
  readonly foldedFrom: number | undefined;
  readonly rows: number;
  readonly jobs: number;
  /** sha256 over the state, equal exactly when two states are. */
  readonly stateHash: string;
  readonly snapshots: number;
  readonly findings: readonly Finding[];
  /** Findings beyond {@link FINDINGS_MAX}. */
  readonly findingsDropped: number;
}

export const FINDINGS_MAX = 100;

const RESTORE = 'stop the controller and restore a backup into a new folder; keep this folder';
const HINTS: Readonly<Record<string, string>> = {
  SNAPSHOT_DAMAGED: 'nothing is lost: delete the file; the next snapshot replaces it',
  NO_BASE: 'nothing is lost, but events cannot be compared with records until the next snapshot',
  WITNESS_DAMAGED: 'nothing is lost: the next commit writes it anew',
  SECRET_KEY_MISSING: 'set the secret again, or put its key file back',
  INVARIANT_BROKEN: 'report it with this output; stop the controller if GPUs are named',
};

export class Findings {
  readonly #found: Finding[] = [];
  #dropped = 0;

  report(code: string, message: string, where: string): void {
    if (this.#found.length >= FINDINGS_MAX) this.#dropped += 1;
    else this.#found.push({ code, message, where, hint: HINTS[code] ?? RESTORE });
  }

  get all(): readonly Finding[] {
    return this.#found;
  }

  get dropped(): number {
    return this.#dropped;
  }
}
