/**
 * Values of flags that carry a secret: from a file (`@FILE`), from stdin (`-`), or as they stand, with a warning
 * because the process list shows them.
 */
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Field } from './field.ts';
import type { ValueSource } from './field-values.ts';
import { readSmallFile } from './options-file.ts';
import { toKebabCase } from './spelling.ts';
import type { Terminal } from './terminal.ts';

/** Longest secret read from stdin, as the server allows. */
const SECRET_BYTES_MAX = 64 * 1024;

export interface SecretRequest {
  readonly field: Field;
  readonly text: string;
  readonly source: ValueSource;
  readonly terminal: Terminal;
  warn(text: string): void;
}

/** The secret itself, less one line feed at the end of a file or of stdin. */
export async function resolveSecret(request: SecretRequest): Promise<string> {
  const { field, text, source, terminal } = request;
  if (text === '-') return withoutLineEnd(await readAll(terminal));
  if (text.startsWith('@') && text.length > 1) return withoutLineEnd(await readSmallFile(text.slice(1)));
  if (source === 'command-line') {
    const flag = `--${toKebabCase(field.name)}`;
    const variable = field.environment === undefined ? '' : `, or the variable ${field.environment}`;
    request.warn(`the value of ${flag} shows in the process list; use ${flag} @FILE or ${flag} -${variable}`);
  }
  return text;
}

async function readAll(terminal: Terminal): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of terminal.stdin) {
    const bytes = Buffer.from(chunk as Uint8Array);
    size += bytes.length;
    if (size > SECRET_BYTES_MAX) {
      throw new ClusterError('invalid', 'SECRET_TOO_LARGE', 'the secret is larger than 64 KiB', {
        hint: 'give a smaller value',
      });
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}
