/**
 * What a check of the store found, each finding with what to do about it.
 */
import type { StoreCheck, StoreFinding } from '../../proto/domain/admin-views.ts';

export interface FsckReport extends StoreCheck {
  readonly clusterId: string;
  readonly schemaVersion: number;
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
  readonly #found: StoreFinding[] = [];
  #dropped = 0;

  report(code: string, message: string, where: string): void {
    if (this.#found.length >= FINDINGS_MAX) this.#dropped += 1;
    else this.#found.push({ code, message, where, hint: HINTS[code] ?? RESTORE });
  }

  get all(): readonly StoreFinding[] {
    return this.#found;
  }

  get dropped(): number {
    return this.#dropped;
  }
}
