/**
 * Refusals of the controller in the words of the command line: the controller names fields of its requests, people
 * wrote flags.
 */
import { ClusterError, isClusterError } from '../../proto/errors/cluster-error.ts';
import type { CommandSpec } from './command-tree.ts';
import { fieldsOf } from './global-fields.ts';
import { findNearest, toKebabCase } from './spelling.ts';

/** Refusals of a request's own fields; all others name what people wrote already. */
const REQUEST_CODES: ReadonlySet<string> = new Set(['LIST_OPTIONS_INVALID', 'REQUEST_INVALID']);

/** Request fields whose flag has another name. */
const FLAG_NAMES: Readonly<Record<string, string>> = {
  afterSeq: 'after',
  filters: 'filter',
  graceMs: 'grace',
  tailLines: 'tail',
  types: 'type',
};

/**
 * The refusal with the flags of `command` in place of the fields that they fill, and with the nearest known word where
 * the hint lists them; other errors unchanged.
 */
export function nameRequest(error: unknown, command: CommandSpec): unknown {
  if (!isClusterError(error) || !REQUEST_CODES.has(error.code)) return error;
  const flags = new Set(fieldsOf(command).map((field) => field.name));
  const fields = error.fields.map(({ path, reason }) => ({ path: toFlag(path, flags), reason }));
  const [first] = fields;
  if (first === undefined || fields.every(({ path }, at) => path === error.fields[at]?.path)) return error;
  return new ClusterError(error.kind, error.code, fields.length === 1 ? toMessage(first) : error.message, {
    fields,
    hint: withNearest(error.hint, first.reason),
    details: error.details,
    cause: error,
  });
}

function toFlag(path: string, flags: ReadonlySet<string>): string {
  const field = path.replace(/^options\./, '');
  const name = FLAG_NAMES[field] ?? field;
  return flags.has(name) ? `--${toKebabCase(name)}` : path;
}

function toMessage({ path, reason }: { readonly path: string; readonly reason: string }): string {
  return `${path} ${reason}`;
}

/** `known values: a, b` behind a reason that ends in `: c` is asked back when one is near. */
function withNearest(hint: string, reason: string): string {
  const known = /^known \w+: (.+)$/s.exec(hint)?.[1]?.split(', ');
  const wrong = /: ([^:]*)$/.exec(reason)?.[1];
  const nearest = known === undefined || wrong === undefined ? undefined : findNearest(wrong, known);
  return nearest === undefined ? hint : `did you mean ${nearest}? ${hint}`;
}
