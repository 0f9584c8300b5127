/**
 * Runs a command line in this process against streams in memory and a configuration folder of its own.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import type { CommandTree } from '../../../cli/command/command-tree.ts';
import { COMMAND_TREE } from '../../../cli/command/nouns.ts';
import { runCommandLine } from '../../../cli/command/run-command-line.ts';
import { createTerminal } from '../../../cli/command/terminal.ts';

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliRunOptions {
  readonly tree?: CommandTree;
  readonly variables?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Pretends that stdout and stderr are terminals of this width. */
  readonly columns?: number;
}

/** Collects what is written, as a terminal of `columns` when given. */
export function collector(columns?: number) {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return {
    stream: Object.assign(stream, columns === undefined ? {} : { isTTY: true, columns, rows: 24 }),
    text: () => Buffer.concat(chunks).toString('utf8'),
    bytes: () => Buffer.concat(chunks),
  };
}

/** The outcome of `nabla ARGV`. Never reads the real environment or configuration. */
export async function runCli(argv: readonly string[], options: CliRunOptions = {}): Promise<CliRun> {
  const home = mkdtempSync(join(tmpdir(), 'nabla-cli-'));
  const stdout = collector(options.columns);
  const stderr = collector(options.columns);
  const variables = {
    HOME: home,
    XDG_CONFIG_HOME: home,
    NABLA_DATA: join(home, 'data'),
    ...options.variables,
  };
  try {
    const terminal = createTerminal(
      { stdin: Readable.from([options.stdin ?? '']), stdout: stdout.stream, stderr: stderr.stream },
      variables,
    );
    const tree = options.tree ?? COMMAND_TREE;
    const code = await runCommandLine({ tree, argv, terminal, variables, version: '9.9.9' });
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
