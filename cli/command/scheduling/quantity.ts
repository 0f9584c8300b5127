/** Flags and arguments read in their units, with a refusal that names the flag. */
import type { Parsed } from '../../../proto/domain/units.ts';
import type { CommandContext } from '../command-tree.ts';
import { toKebabCase } from '../spelling.ts';
import { usageError } from '../usage-error.ts';

/** Undefined when the flag was not given. @throws ClusterError invalid FLAGS_INVALID */
export function readFlag<T>(
  context: CommandContext,
  name: string,
  parse: (text: string) => Parsed<T>,
): T | undefined {
  const text = context.values.text(name);
  return text === undefined ? undefined : readPart(`--${toKebabCase(name)}`, text, parse);
}

/** @throws ClusterError invalid FLAGS_INVALID */
export function readPart<T>(flag: string, text: string, parse: (text: string) => Parsed<T>): T {
  const parsed = parse(text);
  if (parsed.ok) return parsed.value;
  throw usageError('FLAGS_INVALID', `flag ${flag} ${parsed.reason}`, 'correct the flag', [
    { path: flag, reason: parsed.reason },
  ]);
}

/** `RESOURCE=VALUE` apart; the name may hold a colon, as in `gpu:A100=8`. */
export function readPair(flag: string, text: string): readonly [string, string] {
  const cut = text.indexOf('=');
  if (cut > 0) return [text.slice(0, cut), text.slice(cut + 1)];
  const reason = 'must be NAME=VALUE';
  throw usageError('FLAGS_INVALID', `flag ${flag} ${reason}`, 'correct the flag', [{ path: flag, reason }]);
}
