/**
 * Collects what is wrong with a request field by field, so that one answer names everything.
 */
import type { FieldViolation } from '../errors/cluster-error.ts';

/** Violations told at most; the rest would not fit a screen or a trailer. */
const VIOLATIONS_MAX = 32;

export interface Violations {
  /** Notes a violation when there is a reason. */
  add(path: string, reason: string | undefined): void;
  /** Notes `reason` unless `holds`. */
  require(holds: boolean, path: string, reason: string): void;
  /** Bounds a whole number: not an integer or out of range is one violation. */
  requireRange(value: number, min: number, max: number, path: string, show?: (value: number) => string): void;
  readonly fields: readonly FieldViolation[];
}

export function createViolations(): Violations {
  const fields: FieldViolation[] = [];
  const add = (path: string, reason: string | undefined): void => {
    if (reason !== undefined && fields.length < VIOLATIONS_MAX) fields.push({ path, reason });
  };
  return {
    fields,
    add,
    require(holds, path, reason) {
      if (!holds) add(path, reason);
    },
    requireRange(value, min, max, path, show = String) {
      if (!Number.isSafeInteger(value)) add(path, 'must be a whole number');
      else if (value < min || value > max) add(path, `must be between ${show(min)} and ${show(max)}`);
    },
  };
}
