/**
 * One small, long-lived /bin/sh that starts wrappers for the agent. Forking the agent itself copies the page tables
 * of its whole heap (measured: 0.9 ms with a small one, 5 ms with 300 MB) and blocks its event loop meanwhile; a
 * shell of one megabyte forks in a tenth of that. Requests go in and answers come back over pipes, so secrets are
 * never in an argument list or a file. The starter is expendable: tasks are sessions of their own and outlive it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Clock, Logger } from '../../../proto/ports/index.ts';
import { driverUnavailable } from '../driver-error.ts';
import { withoutInherited } from './inherited-handles.ts';
import type { ProcStat } from './proc-stat.ts';
import { parseMainLine } from './run-file.ts';
import { renderPrologue, renderStart, type StartRequest } from './start-script.ts';

/** Bytes of requests that may wait in the pipe before starts are refused. */
export const STARTER_BACKLOG_BYTES_MAX = 64 * 1024 * 1024;
/** A host on which a shell takes longer to start is as good as one where it does not start. */
const LAUNCH_TIMEOUT_MS = 60_000;
/** An answer line is one /proc stat line at most. */
const ANSWER_BYTES_MAX = 4096;

/** What a wrapper says in the end. */
export interface WrapperExit {
  /** As the shell has it: 128 and more may stand for a signal. */
  readonly status: number;
  /** Whether these files hold anything. */
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Of the control group; always false without one. */
  readonly processesLeft: boolean;
  readonly memoryBytesLeft: number;
}

/** What became of a request. */
export type Launch =
  /** The user's program is about to run; `exited` is undefined when the pipe broke. */
  | { readonly kind: 'running'; readonly main: ProcStat; readonly exited: Promise<WrapperExit | undefined> }
  /** The wrapper ended before that. */
  | { readonly kind: 'failed' }
  /** Somebody else holds the run file. */
  | { readonly kind: 'lost' }
  /** The starter went away; the run file tells. */
  | { readonly kind: 'orphaned' };

export interface Starter {
  /** @throws ClusterError DRIVER_UNAVAILABLE when too many starts wait, and as renderStart */
  launch(request: Omit<StartRequest, 'id'>): Promise<Launch>;
  /** Leaves running tasks alone. */
  close(): void;
}

interface Pending {
  readonly settle: (launch: Launch) => void;
  /** Set once the task runs. */
  exit?: (exit: WrapperExit | undefined) => void;
}

/** `setsidArgv`: the command that runs its arguments in a new session and returns at once. */
export function createStarter(setsidArgv: readonly string[], clock: Clock, log: Logger): Starter {
  let shell: ChildProcess | undefined;
  let pending = new Map<number, Pending>();
  let lastId = 0;

  const ensureShell = (): ChildProcess => {
    if (shell !== undefined) return shell;
    const opened = openShell(log);
    const mine = new Map<number, Pending>();
    pending = mine;
    shell = opened;
    const forget = (which: (entry: Pending) => boolean): void => {
      if (shell === opened) shell = undefined;
      for (const [id, entry] of mine) {
        if (!which(entry)) continue;
        mine.delete(id);
        orphan(entry);
      }
    };
    // Wrappers hold the other end of the pipe too and go on answering after the starter itself is gone.
    opened.once('exit', () => forget((entry) => entry.exit === undefined));
    opened.once('error', () => forget(() => true));
    opened.once('close', () => forget(() => true));
    readLines(opened, (line) => {
      answer(mine, line);
      if (mine.size === 0) holdProcess(opened, false);
    });
    opened.stdin?.write(renderPrologue());
    return opened;
  };

  return {
    launch(request) {
      const id = ++lastId;
      const text = renderStart({ ...request, id }, setsidArgv);
      const { stdin } = ensureShell();
      if (stdin === null || stdin.writableLength + text.length > STARTER_BACKLOG_BYTES_MAX) {
        return Promise.reject(driverUnavailable('too many starts are waiting'));
      }
      const mine = pending;
      return new Promise((resolve) => {
        const timer = clock.after(LAUNCH_TIMEOUT_MS, () => {
          mine.delete(id);
          resolve({ kind: 'orphaned' });
        });
        const settle = (launch: Launch): void => {
          timer.cancel();
          resolve(launch);
        };
        mine.set(id, { settle });
        if (shell !== undefined) holdProcess(shell, true);
        stdin.write(text);
      });
    },
    close() {
      if (shell === undefined) return;
      shell.stdin?.end();
      holdProcess(shell, false);
      shell = undefined;
    },
  };
}

function openShell(log: Logger): ChildProcess {
  // An empty environment: what the agent was started with is none of the tasks' business.
  const shell = withoutInherited(['pipe', 'pipe', 'ignore'], (stdio) =>
    spawn('/bin/sh', [], { stdio: [...stdio], env: {}, detached: true, cwd: '/' }),
  );
  // Without this a write to a dead starter would be an uncaught error; its end is handled by 'close'.
  shell.stdin?.on('error', () => {});
  shell.once('close', (code, signal) => log.debug('starter ended', { code, signal }));
  shell.unref();
  (shell.stdin as Socket | null)?.unref();
  holdProcess(shell, false);
  return shell;
}

/** Open answers keep the agent's event loop alive; an idle starter does not. */
function holdProcess(shell: ChildProcess, hold: boolean): void {
  const pipe = shell.stdout as Socket | null;
  if (hold) pipe?.ref();
  else pipe?.unref();
}

function orphan(entry: Pending): void {
  if (entry.exit !== undefined) entry.exit(undefined);
  else entry.settle({ kind: 'orphaned' });
}

function readLines(shell: ChildProcess, onLine: (line: string) => void): void {
  let rest = '';
  shell.stdout?.setEncoding('latin1').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(-ANSWER_BYTES_MAX);
    for (const line of lines) onLine(line);
  });
}

/** `ID run STAT`, `ID exit STATUS LETTERS.BYTES` or `ID lost`. */
function answer(pending: Map<number, Pending>, line: string): void {
  const [idText = '', word] = line.split(' ', 2);
  const id = Number(idText);
  const entry = pending.get(id);
  if (entry === undefined) return;
  if (word === 'run') {
    const main = parseMainLine(line.slice(idText.length + 5));
    if (main === undefined) return;
    const exited = new Promise<WrapperExit | undefined>((exit) => {
      entry.exit = exit;
    });
    entry.settle({ kind: 'running', main, exited });
    return;
  }
  pending.delete(id);
  if (word === 'exit' && entry.exit !== undefined) entry.exit(parseExit(line.slice(idText.length + 6)));
  else entry.settle(word === 'lost' ? { kind: 'lost' } : { kind: 'failed' });
}

function parseExit(text: string): WrapperExit {
  const [, status, letters = '', bytes = ''] = /^(\d+)(?: (\w*)\.(\d*))?/.exec(text) ?? [];
  return {
    status: Number(status ?? 0),
    stdout: letters.includes('o'),
    stderr: letters.includes('e'),
    processesLeft: letters.includes('l'),
    memoryBytesLeft: bytes === '' ? Number.MAX_SAFE_INTEGER : Number(bytes),
  };
}
