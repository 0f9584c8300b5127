/**
 * A real agent as a child process, pointed at a controller of the test; killed by its own process id.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';
import type { FakeController } from './fake-controller.ts';

export interface AgentChild {
  readonly folder: string;
  readonly process: ChildProcess;
  readonly pid: number;
  /** What it logged so far. */
  log(): Promise<string>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
}

/** Starts an agent on `folder`; the same folder again is the same host. */
export async function startAgentChild(
  controller: FakeController,
  folder: string,
  args: readonly string[] = [],
): Promise<AgentChild> {
  await mkdir(folder, { recursive: true });
  const logFile = `${folder}.log`;
  const log = createWriteStream(logFile, { flags: 'a' });
  const main = fileURLToPath(new URL('../../agent/main.js', import.meta.url));
  const common = ['--data', folder, '--controller', controller.address, '--ca-file', controller.caFile];
  const child = spawn(
    process.execPath,
    [
      '--enable-source-maps',
      main,
      ...common,
      '--token-file',
      controller.tokenFile,
      '--driver',
      'process',
      '--allow-volatile-store',
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], HOME: path.dirname(folder) } },
  );
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return exited;
  };
  return {
    folder,
    process: child,
    pid: child.pid ?? -1,
    log: () => readFile(logFile, 'utf8'),
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  };
}

/** The agent and its controller have met. */
export async function untilConnected(controller: FakeController, hellos = 1): Promise<void> {
  await eventually(() => controller.connected && controller.hellos.length >= hellos, {
    deadlineMs: 60_000,
    what: 'hello of the agent',
  });
}
