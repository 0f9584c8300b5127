/**
 * The view of the file system that a task gets from bubblewrap: its own mounts, the host's root read-only, private
 * /tmp and /dev, and a process namespace of its own, which ends whole when its first process ends.
 */
import { execFile } from 'node:child_process';
import { readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mount } from '../../core/driver-port.ts';
import { KEPT_CAPABILITIES } from '../capabilities.ts';
import { mountTargetUnavailable } from '../driver-error.ts';
import { isBelow, toHostPath } from '../host-path.ts';

export interface MountView {
  /** Arguments in front of the command. `tmpFolder` is the host folder shown as /tmp. */
  argv(request: ViewRequest): readonly string[];
  /** From a path inside the view to a path of the host. */
  toHost(path: string, request: ViewRequest): string;
}

export interface ViewRequest {
  readonly mounts: readonly Mount[];
  readonly tmpFolder: string;
  /** Working directory inside the view. */
  readonly folder: string;
  readonly withGpus: boolean;
}

export interface MountViewProbe {
  /** Absent: there is no mount view, and `reason` says why. */
  readonly view?: MountView;
  readonly reason: string;
}

/**
 * The first process in a view: keeps orphans from staying as zombies, and ends with the command. Bubblewrap's own would
 * let bubblewrap end before it; of this one bubblewrap is the parent, so it ends after every process of the view did
 * (pid_namespaces(7)), which is the proof of stop. What shells say about signals is for nobody here.
 */
const INIT_SCRIPT = `trap : HUP INT QUIT TERM USR1 USR2 ALRM
exec 3>&2 2>/dev/null
(exec "$@" 2>&3 3>&-)
exit $?`;
const PROBE_TIMEOUT_MS = 5000;
/** Entries of a PATH that are looked at. */
const PROGRAM_FOLDERS_MAX = 64;
/** Never shown as they are on the host: kernel interfaces, sockets of daemons, other people's temporary files. */
const OWN_ENTRIES = new Set(['proc', 'sys', 'dev', 'run', 'tmp', 'boot', 'lost+found']);
/** What programs read below /sys and /run: the processors, and the resolver that /etc/resolv.conf names. */
const SHOWN_PATHS = ['/sys/devices', '/run/systemd/resolve', '/run/resolvconf'];
/** What the libraries of accelerators read besides; each mount costs a tenth of a millisecond. */
const GPU_PATHS = ['/sys/bus', '/sys/class', '/sys/module'];
/** Device nodes of accelerators and RDMA; shown to tasks that hold a GPU. Which of them it uses is advisory. */
const GPU_DEVICES = /^(nvidia.*|infiniband|dri|kfd)$/;
/**
 * `hidden`: host folders that no task may read, such as the agent's own. `program` is a whole path: a name would be
 * looked up in the PATH of each task, where the task may have put a program of its own. `programFolders`: those of the
 * agent's own PATH, shown also where they lie below /tmp, which a task has for itself. Never throws.
 */
export async function probeMountView(
  hidden: readonly string[],
  program: string | undefined,
  programFolders: readonly string[] = [],
): Promise<MountViewProbe> {
  if (program === undefined) return { reason: 'bwrap is not installed' };
  const base = [program, ...(await baseArguments()), ...hidden.flatMap((folder) => ['--tmpfs', folder])];
  const args = [
    ...base.slice(1),
    ...isolationArguments('/'),
    '--',
    '/bin/sh',
    '-c',
    'test -r /proc/self/stat',
  ];
  const failure = await new Promise<string>((settle) => {
    execFile(program, args, { timeout: PROBE_TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, _out, stderr) =>
      settle(error === null ? '' : stderr.trim() || error.message),
    );
  });
  if (failure !== '') return { reason: failure };
  const gpuArgs = await gpuArguments();
  const shown = base.flatMap((word, at) => (word === '--ro-bind' ? [base[at + 2] ?? ''] : []));
  const programs = await findPrivatePrograms(programFolders, hidden);
  return { view: createView(base, gpuArgs, shown, programs), reason: '' };
}

function createView(
  base: readonly string[],
  gpuArgs: readonly string[],
  shown: readonly string[],
  programs: readonly Mount[],
): MountView {
  const tmp = (request: ViewRequest): Mount => ({
    source: request.tmpFolder,
    target: '/tmp',
    readOnly: false,
  });
  return {
    argv(request) {
      for (const { target } of request.mounts) {
        // Mount points are made in the view, which cannot be done inside a folder that is shown read-only.
        if (shown.some((folder) => isBelow(target, folder))) throw mountTargetUnavailable(target);
      }
      const mounts = [tmp(request), ...request.mounts].sort((a, b) => a.target.length - b.target.length);
      return [
        ...base,
        ...(request.withGpus ? gpuArgs : []),
        ...mounts.flatMap(({ source, target, readOnly }) => [
          readOnly ? '--ro-bind' : '--bind',
          source,
          target,
        ]),
        ...programs.flatMap(({ source, target }) => ['--ro-bind-try', source, target]),
        ...isolationArguments(request.folder),
        '--',
        '/bin/sh',
        '-c',
        INIT_SCRIPT,
        'nabla',
      ];
    },
    toHost: (path, request) => toHostPath(path, [tmp(request), ...programs, ...request.mounts]),
  };
}

/** Folders below /tmp that hold the agent's programs and none of what is hidden. */
async function findPrivatePrograms(
  folders: readonly string[],
  hidden: readonly string[],
): Promise<readonly Mount[]> {
  const mounts: Mount[] = [];
  for (const folder of new Set(folders.slice(0, PROGRAM_FOLDERS_MAX))) {
    const secret = hidden.some((path) => isBelow(path, folder) || isBelow(folder, path) || path === folder);
    if (!isBelow(folder, '/tmp') || folder === '/tmp' || secret) continue;
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory() === true) mounts.push({ source: folder, target: folder, readOnly: true });
  }
  return mounts;
}

async function baseArguments(): Promise<readonly string[]> {
  const args: string[] = [];
  for (const entry of await readdir('/', { withFileTypes: true })) {
    const path = join('/', entry.name);
    if (OWN_ENTRIES.has(entry.name)) continue;
    if (entry.isSymbolicLink()) args.push('--symlink', await readlink(path), path);
    else if (entry.isDirectory()) args.push('--ro-bind', path, path);
  }
  for (const path of SHOWN_PATHS) args.push('--ro-bind-try', path, path);
  return [...args, '--dev', '/dev', '--proc', '/proc'];
}

async function gpuArguments(): Promise<readonly string[]> {
  const names = await readdir('/dev').catch(() => []);
  const devices = names.filter((name) => GPU_DEVICES.test(name)).map((name) => `/dev/${name}`);
  return [
    ...devices.flatMap((path) => ['--dev-bind-try', path, path]),
    ...GPU_PATHS.flatMap((path) => ['--ro-bind-try', path, path]),
  ];
}

function isolationArguments(folder: string): readonly string[] {
  const asRoot = process.getuid?.() === 0;
  const kept = KEPT_CAPABILITIES.flatMap((name) => ['--cap-add', `CAP_${name.toUpperCase()}`]);
  return [
    '--unshare-pid',
    '--as-pid-1',
    '--unshare-ipc',
    '--new-session',
    '--die-with-parent',
    ...(asRoot ? ['--cap-drop', 'ALL', ...kept] : []),
    '--remount-ro',
    '/',
    '--chdir',
    folder,
  ];
}
