/**
 * The command line that puts a command inside a running task: into its control group, its namespaces and its
 * environment.
 */
import type { ExecPlan } from '../../core/driver-port.ts';
import { KEPT_CAPABILITIES } from '../capabilities.ts';
import { DEFAULT_PATH } from '../command-path.ts';
import { driverUnavailable, taskEnded } from '../driver-error.ts';
import { toHostPath } from '../host-path.ts';
import { toJoin } from './cgroup.ts';
import { toFilteredStart } from './filter-loader.ts';
import { steersLoader } from './loader-environment.ts';
import type { ProcessHost } from './process-host.ts';
import type { TaskRun } from './task-run.ts';

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

/** @throws ClusterError TASK_ENDED, COMMAND_NOT_FOUND, DRIVER_UNAVAILABLE */
export async function toExecCommand(run: TaskRun, plan: ExecPlan, host: ProcessHost): Promise<ExecCommand> {
  const main = run.main();
  if (run.exit() !== undefined || main === undefined) throw taskEnded(run.key);
  run.noteExec();
  const { record } = run;
  const taskEnv = run.env ?? (await host.table.environment(main.pid)) ?? new Map<string, string>();
  const env = toExecEnvironment(taskEnv, plan);
  const folder = plan.workingDirectory === '' ? record.workingDirectory : plan.workingDirectory;
  const hostFolder = toHostPath(folder, record.mounts);
  if (!record.viewed) {
    const place = { path: env['PATH'] ?? DEFAULT_PATH, folder: hostFolder, toHost: (path: string) => path };
    await host.commands.check(plan.argv[0] ?? '', place);
  }
  const groups =
    record.group !== '' && host.cgroups !== undefined ? await toJoin(host.cgroups, record.group) : [];
  const inside = record.viewed ? await enterArguments(run, plan, host, folder) : [];
  const filter = record.viewed ? toFilteredStart(host.filterLoader, host.view?.filterFile) : [];
  const files = groups.map(({ file }) => file);
  return {
    file: '/bin/sh',
    args: ['-c', JOIN_SCRIPT, 'nabla', ...files, '--', ...filter, ...inside, ...plan.argv],
    env,
    cwd: record.viewed ? '/' : hostFolder,
  };
}

/** What the task wrote over its own block of variables is as little to be trusted as what the user asks for now. */
function toExecEnvironment(taskEnv: ReadonlyMap<string, string>, plan: ExecPlan): Record<string, string> {
  const asked = [
    ...taskEnv,
    ...(plan.tty ? [['TERM', 'xterm-256color'] as const] : []),
    ...Object.entries(plan.env),
  ];
  return Object.fromEntries(asked.filter(([name]) => !steersLoader(name)));
}

/** The group that a command on a terminal leads: its own, or that of the session made inside the view. */
export async function findGroup(run: TaskRun, host: ProcessHost, pid: number): Promise<number> {
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
