/**
 * Starting one task: everything that can be wrong is looked at first, then a record is written, then the starter is
 * asked. When anything fails after the record, all traces go before the error is passed on.
 */
import { chmodSync, mkdirSync, rmdirSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { toTaskName } from '../../../proto/domain/ids.ts';
import { ClusterError } from '../../../proto/errors/cluster-error.ts';
import { toFileError } from '../../../proto/runtime/file-error.ts';
import type { TaskPlan } from '../../core/driver-port.ts';
import { DEFAULT_PATH } from '../command-path.ts';
import { driverUnavailable, folderMissing, portInUse, unsupported } from '../driver-error.ts';
import { processGpuEnvironment, withoutGpuSteering } from '../gpu-environment.ts';
import { toHostPath } from '../host-path.ts';
import { clearGroups, toAttachments, toLeftFiles } from './cgroup.ts';
import { steersLoader } from './loader-environment.ts';
import type { ViewRequest } from './mount-view.ts';
import { checkPorts } from './port-check.ts';
import { isGroupGone, toStartError } from './process-error.ts';
import { findUser, type ProcessHost } from './process-host.ts';
import type { TaskRecord } from './run-file.ts';
import type { Starter } from './starter.ts';
import { createTaskRun, type TaskRun, toMarker } from './task-run.ts';
import { type TaskStore, unlinkIfThere } from './task-store.ts';

export interface LaunchParts {
  readonly host: ProcessHost;
  readonly store: TaskStore;
  readonly starter: Starter;
  readonly isPortHeld: (port: number) => boolean;
}

export type Launched =
  | { readonly kind: 'started'; readonly run: TaskRun }
  /** Somebody started or recorded it before. `ours`: this very request did, unheard, so the task uses its group. */
  | { readonly kind: 'exists'; readonly ours: boolean };

/** @throws ClusterError as Driver.start; nothing of the task is left then */
export async function launchTask(plan: TaskPlan, parts: LaunchParts): Promise<Launched> {
  try {
    return await tryLaunch(plan, parts, { freshGroup: false });
  } catch (error) {
    if (!isGroupGone(error)) throw error;
    // Somebody else removed an idle group; one made this moment will do.
    return await tryLaunch(plan, parts, { freshGroup: true });
  }
}

interface Choice {
  readonly freshGroup: boolean;
}

async function tryLaunch(plan: TaskPlan, parts: LaunchParts, choice: Choice): Promise<Launched> {
  const { host, store } = parts;
  let request: Request;
  try {
    request = await planRequest(plan, parts, choice);
  } catch (error) {
    // A task that runs holds its own port, and may have removed its own command: it is there all the same.
    if ((await store.read(plan.key)) !== undefined) return { kind: 'exists', ours: false };
    throw error;
  }
  try {
    if (host.view !== undefined) makeTmp(plan);
    const launched = await askStarter(request, parts);
    if (launched.kind === 'exists' && !launched.ours) giveUpGroup(request, host);
    return launched;
  } catch (error) {
    giveUpGroup(request, host);
    await removeTaskFiles(plan.driverFolder, host.view !== undefined);
    await store.remove(plan.key);
    throw error;
  }
}

/** Never waited for: it holds nothing of the task. */
function giveUpGroup({ record }: Request, host: ProcessHost): void {
  if (host.cgroups === undefined) return;
  void clearGroups(host.cgroups, record.group, host.options.clock).catch(() => undefined);
}

interface Request {
  readonly plan: TaskPlan;
  readonly record: TaskRecord;
  readonly env: ReadonlyMap<string, string>;
  readonly argv: (staged: boolean) => readonly string[];
}

async function planRequest(plan: TaskPlan, parts: LaunchParts, choice: Choice): Promise<Request> {
  const env = toEnvironment(plan, parts.host);
  await checkPlan(plan, env, parts.host);
  const argv = await toArgv(plan, parts.host);
  return { plan, record: await planRecord(plan, parts, choice), env, argv };
}

async function askStarter({ plan, record, env, argv }: Request, parts: LaunchParts): Promise<Launched> {
  const { host, store, starter } = parts;
  const { cgroups } = host;
  const left = cgroups === undefined ? { processes: '', memory: '' } : toLeftFiles(cgroups, record.group);
  const launch = await starter.launch((staged) => ({
    runFile: store.runFile(plan.key),
    stdoutFile: `${plan.driverFolder}/stdout`,
    stderrFile: `${plan.driverFolder}/stderr`,
    folder: host.view === undefined ? toHostPath(plan.workingDirectory, plan.mounts) : '/',
    record: JSON.stringify(record),
    processesFile: left.processes,
    memoryFile: left.memory,
    filterFile: host.view?.filterFile ?? '',
    env,
    requiredPaths: plan.mounts.map(({ source }) => source),
    attachments: cgroups === undefined ? [] : toAttachments(cgroups, record.group, plan),
    argv: argv(staged),
  }));
  if (launch.kind === 'running') {
    const run = createTaskRun({ host, store, key: plan.key, record, env, main: launch.main });
    void launch.exited.then((exit) => run.onWrapperExit(exit));
    return { kind: 'started', run };
  }
  if (launch.kind === 'lost') return { kind: 'exists', ours: false };
  // Taking the run file keeps a wrapper from beginning later; when it has begun, the task is found by its file.
  if (launch.kind === 'orphaned' && !(await store.callOff(plan.key))) return { kind: 'exists', ours: true };
  const file = await store.read(plan.key);
  throw launch.kind === 'failed' ? toStartError(file?.text ?? '') : driverUnavailable('the starter ended');
}

async function planRecord(plan: TaskPlan, parts: LaunchParts, choice: Choice): Promise<TaskRecord> {
  const { host } = parts;
  for (const { containerPort } of plan.ports) {
    if (parts.isPortHeld(containerPort)) throw portInUse(containerPort);
  }
  const ports = plan.ports.length === 0 ? [] : await checkPorts(plan.ports);
  const bootId = await host.table.bootId();
  const group = (await host.pool?.take(choice.freshGroup)) ?? '';
  return {
    version: 1,
    name: toTaskName(plan.key),
    driverFolder: plan.driverFolder,
    bootId,
    startedAtMs: host.options.clock.nowMs(),
    ports,
    viewed: host.view !== undefined,
    group,
    workingDirectory: plan.workingDirectory,
    mounts: plan.mounts,
  };
}

function toEnvironment(plan: TaskPlan, host: ProcessHost): ReadonlyMap<string, string> {
  const marker = toMarker(host.options.hostId, toTaskName(plan.key));
  const at = marker.indexOf('=');
  return new Map([
    ['PATH', DEFAULT_PATH],
    ['HOME', toHome(plan, host)],
    ...[...withoutGpuSteering(plan.env)].filter(([name]) => !steersLoader(name)),
    ...processGpuEnvironment(plan),
    [marker.slice(0, at), marker.slice(at + 1)],
  ]);
}

/**
 * The task's own workspace, as it sees it: what programs write to a home folder must be writable, and nobody else's.
 * Left to themselves they would take that of the agent's user.
 */
function toHome({ env, workingDirectory, mounts }: TaskPlan, host: ProcessHost): string {
  const home = env.get('NABLA_WORKSPACE') ?? workingDirectory;
  return host.view === undefined ? toHostPath(home, mounts) : home;
}

/** Working directory and command, before anything is made; mounts are looked at by the wrapper. */
async function checkPlan(plan: TaskPlan, env: ReadonlyMap<string, string>, host: ProcessHost): Promise<void> {
  const view = viewRequest(plan);
  const toHost = (path: string): string => (host.view === undefined ? path : host.view.toHost(path, view));
  const hostFolder =
    host.view === undefined ? toHostPath(plan.workingDirectory, plan.mounts) : toHost(view.folder);
  // The wrapper looks at mounts, and at the folder that it enters itself; those made for this task are there.
  const isLookedAt =
    plan.mounts.some(({ source }) => source === hostFolder) ||
    (host.view === undefined && dirname(hostFolder) === dirname(plan.driverFolder));
  if (!isLookedAt && !(await isFolder(hostFolder, plan))) throw folderMissing(plan.workingDirectory);
  if (plan.command.kind === 'shell') return;
  await host.commands.check(plan.command.args[0] ?? '', {
    path: env.get('PATH') ?? DEFAULT_PATH,
    folder: host.view === undefined ? hostFolder : view.folder,
    toHost,
  });
}

async function isFolder(path: string, plan: TaskPlan): Promise<boolean> {
  // The private /tmp is made with the task.
  if (path === `${plan.driverFolder}/tmp`) return true;
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function toArgv(plan: TaskPlan, host: ProcessHost): Promise<Request['argv']> {
  const command = plan.command.kind === 'shell' ? ['/bin/sh', '-c', plan.command.line] : plan.command.args;
  const switched = [...(await userArguments(plan.user, host)), ...command];
  const { view } = host;
  if (view === undefined) return () => switched;
  const request = viewRequest(plan);
  return (staged) => [...view.argv(request, staged), ...switched];
}

async function userArguments(user: string, host: ProcessHost): Promise<readonly string[]> {
  if (user === '') return [];
  const found = await findUser(user);
  if (found === undefined) {
    throw new ClusterError('invalid', 'USER_UNKNOWN', 'the host does not know that user', {
      hint: 'give a number, or leave it out',
      details: { user },
    });
  }
  if (process.getuid?.() === found.uid && process.getgid?.() === found.gid) return [];
  if (process.getuid?.() !== 0 || host.setpriv === undefined) {
    throw unsupported(
      'USER_UNAVAILABLE',
      'this agent cannot run a task as another user',
      'run the agent as root',
    );
  }
  return [host.setpriv, '--reuid', String(found.uid), '--regid', String(found.gid), '--clear-groups', '--'];
}

function viewRequest(plan: TaskPlan): ViewRequest {
  return {
    mounts: plan.mounts,
    tmpFolder: `${plan.driverFolder}/tmp`,
    folder: plan.workingDirectory,
    withGpus: plan.gpuUuids.length > 0 && !plan.gpusSimulated,
  };
}

/**
 * What the driver and the wrapper put into a task's driver folder. Idempotent. Files that are known to be empty say
 * nothing to anybody and may stay until the folder itself goes: taking them away one by one costs more than a start.
 */
export async function removeTaskFiles(
  driverFolder: string,
  viewed: boolean,
  isKnownEmpty: (stream: 'stdout' | 'stderr') => boolean = () => false,
): Promise<void> {
  const written = (['stdout', 'stderr'] as const).filter((stream) => !isKnownEmpty(stream));
  await Promise.all(written.map((stream) => unlinkIfThere(`${driverFolder}/${stream}`)));
  if (!viewed) return;
  const tmp = `${driverFolder}/tmp`;
  // Mostly empty, and then this is the cheaper way.
  if (!removeEmpty(tmp)) await rm(tmp, { recursive: true, force: true });
}

function removeEmpty(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

/**
 * World-writable and sticky, as /tmp is; chmod because mkdir's mode is cut by the umask. Microseconds in a folder of a
 * local disk that was used this moment; handing them to another thread takes ten times that.
 */
function makeTmp(plan: TaskPlan): void {
  const folder = `${plan.driverFolder}/tmp`;
  try {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o1777);
  } catch (error) {
    throw toFileError(error, folder);
  }
}
