/**
 * What this host should tell its operator beside its inventory: conditions raised and cleared by the parts of
 * the agent, at most one per code and subject.
 */
import type { Condition } from '../../proto/domain/catalog.ts';
import type { Clock } from '../../proto/ports/index.ts';

/** More subjects of one code than this are counted, not listed. */
const SUBJECTS_MAX = 32;

export interface ConditionBoard {
  /** Raises or renews a condition. `subject` tells several of one code apart; `since` stays the first time. */
  raise(code: string, message: string, subject?: string): void;
  clear(code: string, subject?: string): void;
  /** Sorted by code, then subject. */
  list(): readonly Condition[];
}

/** `onChange` is called when the list differs from before. */
export function createConditionBoard(clock: Pick<Clock, 'nowMs'>, onChange: () => void): ConditionBoard {
  const raised = new Map<string, Condition>();

  function countOf(code: string): number {
    let count = 0;
    for (const condition of raised.values()) if (condition.code === code) count += 1;
    return count;
  }

  return {
    raise(code, message, subject = '') {
      const key = `${code}/${subject}`;
      const known = raised.get(key);
      if (known?.message === message || (known === undefined && countOf(code) >= SUBJECTS_MAX)) return;
      raised.set(key, { code, message, sinceMs: known?.sinceMs ?? clock.nowMs() });
      onChange();
    },
    clear(code, subject = '') {
      if (raised.delete(`${code}/${subject}`)) onChange();
    },
    list: () => [...raised].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, condition]) => condition),
  };
}
