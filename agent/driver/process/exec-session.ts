/**
 * Commands run inside a running task: same control group, same view of the file system, same environment, with pipes
 * or with a real terminal.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { ExecPlan, ExecSession } from '../../core/driver-port.ts';
import { commandNotFound, unsupported } from '../driver-error.ts';
import { signalNumber } from '../signal-name.ts';
import { type ExecCommand, type ExecParts, findGroup, toExecCommand } from './exec-command.ts';
import { withoutInherited } from './inherited-handles.ts';
import type { ProcessHost } from './process-host.ts';
import type { TaskRun } from './task-run.ts';
import { openTerminal } from './terminal-session.ts';

/** @throws ClusterError TASK_ENDED, COMMAND_NOT_FOUND, TERMINAL_UNAVAILABLE, DRIVER_UNAVAILABLE */
export async function openExec(
  run: TaskRun,
  plan: ExecPlan,
  host: ProcessHost,
  signal: AbortSignal,
): Promise<ExecSession> {
  const command = await toExecCommand(run, plan, host);
  // Mostly they are gone by then; where only groups can be told apart, this is what ends them.
  const over = new AbortController();
  void run.ended.then(() => over.abort());
  const either = AbortSignal.any([signal, over.signal]);
  const parts = { signal: either, groupOf: (pid: number) => findGroup(run, host, pid) };
  return plan.tty ? await openTerminal(command, plan, parts) : await openPipes(command, parts);
}

async function openPipes(command: ExecCommand, { signal, groupOf }: ExecParts): Promise<ExecSession> {
  const { file, args, env, cwd } = command;
  const child = withoutInherited(
    ['pipe', 'pipe', 'pipe'],
    (stdio) =>
      spawn(file, args, { env, cwd, detached: true, stdio: [...stdio] }) as ChildProcessWithoutNullStreams,
  );
  const exited = new Promise<{ code: number; signal: number }>((resolve) => {
    child.once('exit', (code, name) =>
      resolve({ code: code ?? 0, signal: name === null ? 0 : signalNumber(name) }),
    );
  });
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw commandNotFound(file, error);
  }
  const { pid } = child;
  const abort = (): void => {
    if (pid === undefined) return;
    sendSignal(-pid, 9);
    void groupOf(pid).then((group) => sendSignal(-group, 9));
  };
  signal.addEventListener('abort', abort, { once: true });
  void exited.then(() => signal.removeEventListener('abort', abort));
  if (signal.aborted) abort();
  child.stdin.on('error', () => {
    // The command closed its input; what is written from now on is dropped, as a pipe would.
  });
  return {
    output: mergeOutput(child.stdout, child.stderr),
    async write(bytes) {
      if (child.stdin.destroyed || child.stdin.writableEnded) return;
      await new Promise<void>((resolve) => child.stdin.write(bytes, () => resolve()));
    },
    endInput: () => void child.stdin.end(),
    resize: () =>
      Promise.reject(unsupported('TERMINAL_UNAVAILABLE', 'the command has no terminal', 'ask for one')),
    async signal(name) {
      const number = signalNumber(name);
      const running = child.exitCode === null && child.signalCode === null;
      if (pid !== undefined && running) sendSignal(-(await groupOf(pid)), number);
    },
    exit: () => exited,
  };
}

function sendSignal(pid: number, number: number): void {
  try {
    process.kill(pid, number);
  } catch {
    // It ended between the look and the signal.
  }
}

type Piece = { readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array };

/** Both streams as one, in order of arrival, holding at most what the two pipes buffer. */
async function* mergeOutput(stdout: Readable, stderr: Readable): AsyncGenerator<Piece> {
  const sources = [
    { stream: 'stdout' as const, from: stdout[Symbol.asyncIterator]() },
    { stream: 'stderr' as const, from: stderr[Symbol.asyncIterator]() },
  ];
  const waiting = new Map(sources.map((source) => [source.stream, take(source)]));
  while (waiting.size > 0) {
    const { source, result } = await Promise.race(waiting.values());
    if (result.done === true) {
      waiting.delete(source.stream);
      continue;
    }
    waiting.set(source.stream, take(source));
    yield { stream: source.stream, bytes: result.value as Uint8Array };
  }
}

interface Source {
  readonly stream: 'stdout' | 'stderr';
  readonly from: AsyncIterator<unknown>;
}

async function take(source: Source): Promise<{ source: Source; result: IteratorResult<unknown> }> {
  try {
    return { source, result: await source.from.next() };
  } catch {
    // A pipe that broke has nothing more to say.
    return { source, result: { done: true, value: undefined } };
  }
}
