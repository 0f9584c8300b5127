/**
 * A command on a pseudo-terminal, through node-pty. The package is optional: it is loaded when first asked for.
 */
import { existsSync } from 'node:fs';
import type { IPty } from '@lydell/node-pty';
import type { ExecPlan, ExecSession } from '../../core/driver-port.ts';
import { unsupported } from '../driver-error.ts';
import { signalNumber } from '../signal-name.ts';
import type { ExecCommand, ExecParts } from './exec-command.ts';
import { CLOSE_HANDLES_SCRIPT } from './inherited-handles.ts';

/** Where bash is, by its whole path: the task's PATH must not choose it. */
const SHELLS = ['/bin/bash', '/usr/bin/bash', '/usr/local/bin/bash', '/opt/homebrew/bin/bash'];

/** Output that may wait for a slow reader before the terminal is paused. */
const BACKLOG_BYTES_MAX = 256 * 1024;

/** @throws ClusterError TERMINAL_UNAVAILABLE when node-pty or bash is not installed */
export async function openTerminal(
  command: ExecCommand,
  plan: ExecPlan,
  { signal, groupOf }: ExecParts,
): Promise<ExecSession> {
  const { spawn } = await import('@lydell/node-pty').catch((): never => {
    throw unsupported(
      'TERMINAL_UNAVAILABLE',
      'this host has no terminals to give',
      'install @lydell/node-pty',
    );
  });
  const shell = SHELLS.find((path) => existsSync(path));
  if (shell === undefined) {
    throw unsupported('TERMINAL_UNAVAILABLE', 'this host has no terminals to give', 'install bash');
  }
  // node-pty lets the child inherit what the agent has open.
  const args = ['-p', '-c', CLOSE_HANDLES_SCRIPT, 'nabla', command.file, ...command.args];
  const pty = spawn(shell, args, {
    cols: Math.max(1, plan.columns),
    rows: Math.max(1, plan.rows),
    cwd: command.cwd,
    env: { ...command.env },
    name: command.env['TERM'] ?? 'xterm-256color',
    encoding: null,
  });
  const output = createBacklog(pty);
  const exited = new Promise<{ code: number; signal: number }>((resolve) => {
    pty.onExit(({ exitCode, signal: number }) => {
      output.end();
      resolve({ code: exitCode, signal: number ?? 0 });
    });
  });
  const abort = (): void => {
    // The group exists only once the child has made its session; the child itself exists at once.
    sendSignal(-pty.pid, 9);
    sendSignal(pty.pid, 9);
    void groupOf(pty.pid).then((group) => sendSignal(-group, 9));
  };
  signal.addEventListener('abort', abort, { once: true });
  void exited.then(() => signal.removeEventListener('abort', abort));
  if (signal.aborted) abort();
  return {
    output: output.read(),
    async write(bytes) {
      // Typed as text, but bytes pass through unchanged, and input need not be UTF-8.
      pty.write(Buffer.from(bytes) as unknown as string);
    },
    // Ctrl-D is how a terminal says that no more is coming.
    endInput: () => pty.write('\u0004'),
    async resize(rows, columns) {
      try {
        pty.resize(Math.max(1, columns), Math.max(1, rows));
      } catch {
        // The command ended meanwhile; there is nothing left to resize.
      }
    },
    async signal(name) {
      const number = signalNumber(name);
      sendSignal(-(await groupOf(pty.pid)), number);
    },
    exit: () => exited,
  };
}

function sendSignal(pid: number, number: number): void {
  try {
    process.kill(pid, number);
  } catch {
    // It has ended.
  }
}

function createBacklog(pty: IPty): {
  end(): void;
  read(): AsyncGenerator<{ readonly stream: 'stdout'; readonly bytes: Uint8Array }>;
} {
  const waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let over = false;
  let wake: (() => void) | undefined;
  pty.onData((text: string | Uint8Array) => {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    waiting.push(bytes);
    waitingBytes += bytes.length;
    if (waitingBytes > BACKLOG_BYTES_MAX) pty.pause();
    wake?.();
  });
  return {
    end() {
      over = true;
      wake?.();
    },
    async *read() {
      for (;;) {
        const bytes = waiting.shift();
        if (bytes !== undefined) {
          waitingBytes -= bytes.length;
          if (waitingBytes <= BACKLOG_BYTES_MAX / 2) pty.resume();
          yield { stream: 'stdout', bytes };
          continue;
        }
        if (over) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
    },
  };
}
