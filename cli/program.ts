/**
 * The whole of `nabla` behind its entry: wires the process's streams and environment to the command line.
 */
import { Writable } from 'node:stream';
import { PACKAGE_VERSION } from '../proto/domain/version.ts';
import { COMMAND_TREE, needsConnection } from './command/nouns.ts';
import { runCommandLine } from './command/run-command-line.ts';
import { createTerminal, type EnvironmentVariables } from './command/terminal.ts';

/** Runs the command line of this process and ends it with the command's code. */
export async function runProgram(variables: EnvironmentVariables): Promise<void> {
  // A reader that goes away (`nabla jobs list | head`) is no failure of ours.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  const argv = process.argv.slice(2);
  // gRPC and protobuf take longer to load than everything else together, so their files are read while the command
  // line is understood. A failure shows when the command imports them itself.
  if (needsConnection(argv)) import('./client/open-cluster-client.ts').catch(() => undefined);
  const streams = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr };
  const terminal = createTerminal(streams, variables);
  const code = await runCommandLine({
    tree: COMMAND_TREE,
    argv,
    terminal,
    variables,
    version: PACKAGE_VERSION,
  });
  // Waits for what was written, then leaves at once: closing connections politely would only cost the user time.
  await new Promise((resolve) => process.stderr.write('', resolve));
  await new Promise((resolve) => process.stdout.write('', resolve));
  process.exit(code);
}

/** Runs command lines here without showing what they print, for {@link loadCommonParts}' reason. */
export async function rehearse(
  commands: readonly (readonly string[])[],
  variables: EnvironmentVariables,
): Promise<void> {
  for (const argv of commands) {
    const streams = { stdin: process.stdin, stdout: createSink(), stderr: createSink() };
    const terminal = createTerminal(streams, variables);
    await runCommandLine({ tree: COMMAND_TREE, argv, terminal, variables, version: PACKAGE_VERSION });
  }
}

function createSink(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

/** Loads what common commands need, so that a compile cache made afterwards holds it. */
export async function loadCommonParts(): Promise<void> {
  await Promise.all([
    ...COMMAND_TREE.nouns.map((noun) => noun.load()),
    import('./client/open-cluster-client.ts'),
    import('./client/cluster-calls.ts'),
    import('./client/resolve-target.ts'),
    import('./command/help.ts'),
    import('./command/jobs/run-job.ts'),
    import('./command/jobs/job-records.ts'),
  ]);
}
