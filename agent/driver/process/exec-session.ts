/**
 * Commands run inside a running task: same control group, same view of the file system, same environment, with pipes
 * or with a real terminal.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { ExecPlan, ExecSession } from '../../core/driver-port.ts';
import { commandNotFound, driverUnavailable, taskEnded, unsupported } from '../driver-error.ts';
import { signalNumber } from '../signal-name.ts';
import { toJoin } from './cgroup.ts';
import { DEFAULT_PATH } from './command-path.ts';
import { toHostPath } from './host-path.ts';
import { KEPT_CAPABILITIES } from './mount-view.ts';
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

/** @throws ClusterError TASK_ENDED, COMMAND_NOT_FOUND, TERMINAL_UNAVAILABLE, DRIVER_UNAVAILABLE */
export async function openExec(
  run: TaskRun,
  plan: ExecPlan,
  host: ProcessHost,
  signal: AbortSignal,
): Promise<ExecSession> {
  const command = await toExecCommand(run, plan, host);
  return plan.tty ? await openTerminal(command, plan, signal) : await openPipes(command, signal);
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
  const inside = record.viewed ? await enterArguments(run, host, folder) : [];
  return {
    file: '/bin/sh',
    args: ['-c', JOIN_SCRIPT, 'nabla', ...groups.map(({ file }) => file), '--', ...inside, ...plan.argv],
    env,
    cwd: record.viewed ? '/' : hostFolder,
  };
}

/** Entering the namespaces as the task has them; capabilities that the task lost are not brought back in. */
async function enterArguments(run: TaskRun, host: ProcessHost, folder: string): Promise<readonly string[]> {
  const main = run.main();
  const [inner] = main === undefined ? [] : await host.table.children(main.pid);
  if (inner === undefined) throw taskEnded(run.key);
  if (host.nsenter === undefined) throw driverUnavailable('nsenter is not installed');
  const asRoot = process.getuid?.() === 0;
  const user = asRoot ? [] : ['--user', '--preserve-credentials'];
  const kept = KEPT_CAPABILITIES.map((name) => `+${name}`).join(',');
  const cut =
    asRoot && host.setpriv !== undefined
      ? [host.setpriv, '--no-new-privs', '--inh-caps', '-all', '--bounding-set', `-all,${kept}`, '--']
      : [];
  const enter = [host.nsenter, '--target', String(inner.pid), ...user, '--mount', '--pid', '--ipc', '--'];
  return [...enter, ...cut, '/bin/sh', '-c', ENTER_SCRIPT, 'nabla', folder];
}

async function openPipes(command: ExecCommand, signal: AbortSignal): Promise<ExecSession> {
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
  const send = (number: number): void => {
    try {
      // The command leads a group of its own; -0 would be everybody's.
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, number);
    } catch {
      // It ended between the look and the signal.
    }
  };
  const abort = (): void => send(9);
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
      send(signalNumber(name));
    },
    exit: () => exited,
  };
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
