/**
 * The one error class of Nabla. `kind` is closed and decides status and exit codes; `code` is open and
 * stable; ids and values go into `details`, never into the message.
 */

export const ERROR_KINDS = [
  'invalid',
  'not-found',
  'exists',
  'precondition',
  'conflict',
  'gone',
  'quota',
  'unavailable',
  'deadline',
  'cancelled',
  'unauthenticated',
  'forbidden',
  'unsupported',
  'corrupt',
  'bug',
] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];

/** One wrong field of a request: `path` as in the JSON form (`spec.resources.gpuMilli`). */
export interface FieldViolation {
  readonly path: string;
  readonly reason: string;
}

export interface ClusterErrorOptions {
  /** What the user can do about it: one clause. */
  readonly hint?: string;
  readonly fields?: readonly FieldViolation[];
  readonly details?: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

const BRAND: unique symbol = Symbol.for('nabla.ClusterError') as never;

export class ClusterError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string;
  readonly fields: readonly FieldViolation[];
  readonly details: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;

  constructor(kind: ErrorKind, code: string, message: string, options: ClusterErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ClusterError';
    this.kind = kind;
    this.code = code;
    this.hint = options.hint ?? '';
    this.fields = options.fields ?? [];
    this.details = options.details ?? {};
    this.retryAfterMs = options.retryAfterMs;
    Object.defineProperty(this, BRAND, { value: true, enumerable: false });
  }
}

/** Recognises a ClusterError by brand, so that duplicate copies of the class are recognised too. */
export function isClusterError(value: unknown): value is ClusterError {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[BRAND] === true;
}

/** Any thrown value as a ClusterError; what is not one becomes kind `bug`, with the cause kept. */
export function toClusterError(value: unknown): ClusterError {
  if (isClusterError(value)) return value;
  return new ClusterError('bug', 'UNEXPECTED', 'an unexpected error happened', {
    cause: value,
    hint: 'report it with the log of this process',
  });
}

/**
 * Asserts a rule that only a bug can break.
 *
 * @throws ClusterError kind `bug` when `condition` is false; the top level logs, flushes and exits.
 */
export function invariant(
  condition: boolean,
  code: string,
  details: Readonly<Record<string, string>> = {},
): asserts condition {
  if (!condition) {
    throw new ClusterError('bug', code, 'an internal rule was broken', {
      details,
      hint: 'report it with the log of this process',
    });
  }
}

/** For the default branch of a switch over a closed union. */
export function assertNever(value: never): never {
  throw new ClusterError('bug', 'UNREACHABLE', 'a closed set had another member', {
    details: { value: JSON.stringify(value) },
  });
}
