#!/usr/bin/env node
/**
 * The `nabla` program: wires the process's streams and environment to the command line and ends with its code.
 */
import { readFileSync } from 'node:fs';
import { COMMAND_TREE, needsConnection } from './command/nouns.ts';
import { runCommandLine } from './command/run-command-line.ts';
import { createTerminal } from './command/terminal.ts';

/** `package.json` stands two folders above the compiled file, one above the source. */
function readVersion(): string {
  for (const place of ['../../package.json', '../package.json']) {
    try {
      const text = readFileSync(new URL(place, import.meta.url), 'utf8');
      return (JSON.parse(text) as { version: string }).version;
    } catch {
      // The other place is tried; without either the version is unknown, which is no reason to fail.
    }
  }
  return 'unknown';
}

// A reader that goes away (`nabla jobs list | head`) is no failure of ours.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

// gRPC and protobuf take longer to load than everything else together, so their files are read while the command
// line is understood. A failure shows when the command imports them itself.
if (needsConnection(process.argv.slice(2))) import('./client/open-cluster-client.ts').catch(() => undefined);

const terminal = createTerminal(
  { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr },
  process.env,
);
const exitCode = await runCommandLine({
  tree: COMMAND_TREE,
  argv: process.argv.slice(2),
  terminal,
  variables: process.env,
  version: readVersion(),
});

// Waits for what was written, then leaves at once: closing connections politely would only cost the user time.
await new Promise((resolve) => process.stderr.write('', resolve));
await new Promise((resolve) => process.stdout.write('', resolve));
process.exit(exitCode);
