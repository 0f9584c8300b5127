/**
 * Commands run inside a running task: same control group, same view of the file system, same environment, with pipes
 * or with a real terminal.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { ExecPlan, ExecSession } from '../../core/driver-port.ts';
import { KEPT_CAPABILITIES } from '../capabilities.ts';
import { DEFAULT_PATH } from '../command-path.ts';
import { commandNotFound, driverUnavailable, taskEnded, unsupported } from '../driver-error.ts';
import { toHostPath } from '../host-path.ts';
import { signalNumber } from '../signal-name.ts';
import { toJoin } from './cgroup.ts';
import type { ProcessHost } from './process-host.ts';
import type { TaskRun } from './task-run.ts';
import { openTerminal } from './terminal-session.ts';

/** Joins the groups named before `--`, then becomes the command. */
const JOIN_SCRIPT = `while [ "$1" != -- ]; do
echo 0 >"$1" || exit 126
shift
done
shift
exec "$@"
`;
/** Goes to the folder inside the view, where the host's shell could not. */
const ENTER_SCRIPT = 'cd "$1" || exit 126; shift; exec "$@"';

export interface ExecCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface ExecParts {
  readonly signal: AbortSignal;
  /** The process group of the command, given the process that was started for it. */
  readonly groupOf: (pid: number) => Promise<number>;
}

/** @throws ClusterError TASK_ENDED, COMMAND_NOT_FOUND, TERMINAL_UNAVAILABLE, DRIVER_UNAVAILABLE */
export async function openExec(
  run: TaskRun,
  plan: ExecPlan,
  host: ProcessHost,
  signal: AbortSignal,
): Promise<ExecSession> {
  const command = await toExecCommand(run, plan, host);
  const parts = { signal, groupOf: (pid: number) => findGroup(run, host, pid) };
  return plan.tty ? await openTerminal(command, plan, parts) : await openPipes(command, parts);
}

async function toExecCommand(run: TaskRun, plan: ExecPlan, host: ProcessHost): Promise<ExecCommand> {
  const main = run.main();
  if (run.exit() !== undefined || main === undefined) throw taskEnded(run.key);
  run.noteExec();
  const { record } = run;
  const taskEnv = run.env ?? (await host.table.environment(main.pid)) ?? new Map<string, string>();
  const env: Record<string, string> = {
    ...Object.fromEntries(taskEnv),
    ...(plan.tty ? { TERM: 'xterm-256color' } : {}),
    ...plan.env,
  };
  const folder = plan.workingDirectory === '' ? record.workingDirectory : plan.workingDirectory;
  const hostFolder = toHostPath(folder, record.mounts);
  if (!record.viewed) {
    const place = { path: env['PATH'] ?? DEFAULT_PATH, folder: hostFolder, toHost: (path: string) => path };
    await host.commands.check(plan.argv[0] ?? '', place);
  }
  const groups = record.group !== '' && host.cgroups !== undefined ? toJoin(host.cgroups, record.group) : [];
  const inside = record.viewed ? await enterArguments(run, plan, host, folder) : [];
  return {
    file: '/bin/sh',
    args: ['-c', JOIN_SCRIPT, 'nabla', ...groups.map(({ file }) => file), '--', ...inside, ...plan.argv],
    env,
    cwd: record.viewed ? '/' : hostFolder,
  };
}

/** The group that a command on a terminal leads: its own, or that of the session made inside the view. */
async function findGroup(run: TaskRun, host: ProcessHost, pid: number): Promise<number> {
  if (!run.record.viewed) return pid;
  const [inside] = await host.table.children(pid);
  return inside?.groupId ?? pid;
}

/** Entering the namespaces as the task has them; capabilities that the task lost are not brought back in. */
async function enterArguments(
  run: TaskRun,
  plan: ExecPlan,
  host: ProcessHost,
  folder: string,
): Promise<readonly string[]> {
  const inner = await run.findInner();
  if (inner === undefined) throw taskEnded(run.key);
  if (host.nsenter === undefined) throw driverUnavailable('nsenter is not installed');
  const asRoot = process.getuid?.() === 0;
  const user = asRoot ? [] : ['--user', '--preserve-credentials'];
  const kept = KEPT_CAPABILITIES.map((name) => `+${name}`).join(',');
  const cut =
    asRoot && host.setpriv !== undefined
      ? [host.setpriv, '--no-new-privs', '--inh-caps', '-all', '--bounding-set', `-all,${kept}`, '--']
      : [];
  const enter = [
    host.nsenter,
    '--target',
    String(inner.first.pid),
    ...user,
    '--mount',
    '--pid',
    '--ipc',
    '--',
  ];
  // A session inside, so that signals reach the command and not nsenter, which waits for it. Job control needs it
  // too; taking the terminal over needs root.
  const takesTerminal = plan.tty && asRoot ? ['--ctty'] : [];
  const session =
    host.setsid === undefined || (plan.tty && !asRoot) ? [] : [host.setsid, ...takesTerminal, '--'];
  return [...enter, ...session, ...cut, '/bin/sh', '-c', ENTER_SCRIPT, 'nabla', folder];
}

async function openPipes(command: ExecCommand, { signal, groupOf }: ExecParts): Promise<ExecSession> {
  const { file, args, env, cwd } = command;
  const child = spawn(file, args, { env, cwd, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
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
