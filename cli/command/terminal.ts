/**
 * What a command may print to and read from. Built from the process's streams in main.ts, from buffers in tests.
 */
import type { Readable, Writable } from 'node:stream';
import { createStyle, type Style } from '../render/style.ts';

export interface TerminalStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface TerminalInput extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
}

export interface Terminal {
  readonly stdin: TerminalInput;
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
  /** Width of stdout; undefined when it is no terminal. */
  readonly columns: number | undefined;
  readonly outStyle: Style;
  readonly errorStyle: Style;
  /** Progress may be drawn over on stderr. */
  readonly animated: boolean;
}

export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

/** Colours: only on terminals, never with `NO_COLOR` (https://no-color.org) or `TERM=dumb`. */
export function createTerminal(
  streams: {
    readonly stdin: TerminalInput;
    readonly stdout: TerminalStream;
    readonly stderr: TerminalStream;
  },
  variables: EnvironmentVariables,
): Terminal {
  const isDumb = variables['TERM'] === 'dumb';
  const mayColour = (variables['NO_COLOR'] ?? '') === '' && !isDumb;
  const { stdin, stdout, stderr } = streams;
  return {
    stdin,
    stdout,
    stderr,
    columns: stdout.isTTY === true ? (stdout.columns ?? 80) : undefined,
    outStyle: createStyle(mayColour && stdout.isTTY === true),
    errorStyle: createStyle(mayColour && stderr.isTTY === true),
    animated: stderr.isTTY === true && !isDumb,
  };
}

/** Writes all of `text` and waits until the stream took it, so that large output never piles up. */
export function writeText(stream: Writable, text: string | Uint8Array): Promise<void> {
  if (text.length === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}
