/**
 * What a decision returns: events to commit, or a refusal as data. Core never throws for a refusal; the shell turns
 * it into a ClusterError for the caller.
 */
import type { ErrorKind, FieldViolation } from '../../proto/errors/cluster-error.ts';
import type { RefusedPlacement } from './engine.ts';
import type { ClusterEvent } from './event.ts';

export interface Refusal {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly fields: readonly FieldViolation[];
  readonly details: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number;
}

export interface DecisionOutcome {
  /** Id (or name) of the record made or changed. */
  readonly subject: string;
  readonly replayed: boolean;
  /** Of an order about an array: the elements that it was carried out on. */
  readonly subjects?: readonly string[];
  readonly ignored?: number;
  readonly refused?: readonly RefusedPlacement[];
  readonly declared?: readonly string[];
}

export type Refused = { readonly ok: false; readonly error: Refusal };
export type Decision =
  | { readonly ok: true; readonly events: readonly ClusterEvent[]; readonly outcome: DecisionOutcome }
  | Refused;

export interface RefusalOptions {
  readonly hint?: string;
  readonly fields?: readonly FieldViolation[];
  readonly details?: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number;
}

export function refuse(
  kind: ErrorKind,
  code: string,
  message: string,
  options: RefusalOptions = {},
): Refused {
  const { hint = '', fields = [], details = {}, retryAfterMs } = options;
  const error: Refusal = { kind, code, message, hint, fields, details };
  return { ok: false, error: retryAfterMs === undefined ? error : { ...error, retryAfterMs } };
}

/** A refusal for one field: the sentence stands in the message and at the field. */
export function refuseField(
  kind: ErrorKind,
  code: string,
  field: FieldViolation,
  hint: string,
  details: Readonly<Record<string, string>> = {},
): Refused {
  return refuse(kind, code, `${field.path} ${field.reason}`, { hint, fields: [field], details });
}

export function accept(subject: string, events: readonly ClusterEvent[]): Decision {
  return { ok: true, events, outcome: { subject, replayed: false } };
}
