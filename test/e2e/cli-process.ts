/**
 * The compiled `nabla` program as a child process, for end-to-end specs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { distPath } from '../kit/cluster-processes.ts';

export interface CliEnd {
  /** Exit code, or 128 and the signal's place left out: `null` when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliProcess {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<CliEnd>;
}

/** A run longer than this is stuck: it is killed and the test sees `null`. */
const RUN_TIMEOUT_MS = 120_000;

export function spawnCli(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  options: { readonly cwd?: string; readonly stdin?: string } = {},
): CliProcess {
  const child = spawn(process.execPath, [distPath('cli', 'main.js'), ...args], {
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), RUN_TIMEOUT_MS);
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin?.on('error', () => {
    // A command that reads no input closes it; that is its right.
  });
  child.stdin?.end(options.stdin ?? '');
  const ended = new Promise<CliEnd>((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}
