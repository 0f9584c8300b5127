/**
 * Makes any value fit for a log line: secrets out by the name of their key, everything bounded in depth, count
 * and length, errors with code and cause. Never throws.
 */
import { isClusterError } from '../errors/cluster-error.ts';

export const REDACTED = '[redacted]';
/** Longest text of one field; the rest is cut with a mark. */
export const LOG_FIELD_CHARACTERS_MAX = 2048;
const DEPTH_MAX = 5;
const ENTRIES_MAX = 64;
const STACK_CHARACTERS_MAX = 4096;
const CAUSE_DEPTH_MAX = 4;

const SECRET_KEY =
  /(token|passw|secret|credential|authorization|cookie|private.?key|api.?key|access.?key|ticket|keypem)/i;
/** Names that hold a secret word but only point at one. */
const HARMLESS_KEY = /(id|ids|name|count|hash|url|path|file)$/i;
/** Environment values never go into logs, whatever they are called. */
const ENVIRONMENT_KEY = /^(env|environment|secretValues)$/i;

export function isSecretKey(key: string): boolean {
  return ENVIRONMENT_KEY.test(key) || (SECRET_KEY.test(key) && !HARMLESS_KEY.test(key));
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}… (${text.length} characters)`;
}

function describeError(error: Error, causeDepth: number): Record<string, unknown> {
  const described: Record<string, unknown> = {
    name: error.name,
    message: cut(error.message, LOG_FIELD_CHARACTERS_MAX),
  };
  if (isClusterError(error)) {
    Object.assign(described, { kind: error.kind, code: error.code });
    if (error.hint !== '') described['hint'] = error.hint;
    if (error.fields.length > 0) described['fields'] = redactValue(error.fields);
    if (Object.keys(error.details).length > 0) described['details'] = redactValue(error.details);
  } else if ('code' in error) {
    described['code'] = cut(String(error.code), 128);
  }
  if (!isClusterError(error) || error.kind === 'bug' || error.kind === 'corrupt') {
    described['stack'] = cut(error.stack ?? '', STACK_CHARACTERS_MAX);
  }
  if (error.cause !== undefined && causeDepth < CAUSE_DEPTH_MAX) {
    const { cause } = error;
    described['cause'] =
      cause instanceof Error ? describeError(cause, causeDepth + 1) : redactValue(cause, DEPTH_MAX - 1);
  }
  return described;
}

function redactObject(value: object, depth: number): unknown {
  if (depth >= DEPTH_MAX) return '[deeper]';
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) {
    const members = value.slice(0, ENTRIES_MAX).map((member) => redactValue(member, depth + 1));
    return value.length > ENTRIES_MAX ? [...members, `[${value.length - ENTRIES_MAX} more]`] : members;
  }
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const kept = entries.slice(0, ENTRIES_MAX).map(([key, member]): [string, unknown] => {
    const name = cut(String(key), 128);
    return [name, isSecretKey(name) ? REDACTED : redactValue(member, depth + 1)];
  });
  if (entries.length > ENTRIES_MAX) kept.push(['…', `[${entries.length - ENTRIES_MAX} more]`]);
  return Object.fromEntries(kept);
}

/** A JSON-safe copy of `value` for a log line. */
export function redactValue(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
      return cut(value, LOG_FIELD_CHARACTERS_MAX);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
    case 'undefined':
      return value;
    case 'bigint':
    case 'symbol':
      return String(value);
    case 'function':
      return '[function]';
    default:
      if (value === null) return null;
      if (value instanceof Error) return describeError(value, 0);
      return redactObject(value as object, depth);
  }
}
