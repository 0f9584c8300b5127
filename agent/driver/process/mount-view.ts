/**
 * The view of the file system that a task gets from bubblewrap: its own mounts, the host's root read-only, private
 * /tmp and /dev, and a process namespace of its own, which ends whole when its first process ends.
 */
import { execFile } from 'node:child_process';
import { readdir, readlink, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mount } from '../../core/driver-port.ts';
import { GENERATED_TARGET, MOUNT_VIEW, PAPERSPACE_TARGET } from '../../core/task-view.ts';
import { KEPT_CAPABILITIES } from '../capabilities.ts';
import { mountTargetUnavailable } from '../driver-error.ts';
import { isBelow, toHostPath } from '../host-path.ts';
import { FILTER_HANDLE } from './start-script.ts';
import { STAGE_FOLDER, type StagePlan } from './view-stage.ts';

export interface MountView {
  /**
   * Arguments in front of the command. `tmpFolder` is the host folder shown as /tmp; `staged`: it runs where the stage
   * was built, which is then used if it has all that the task needs.
   */
  argv(request: ViewRequest, staged: boolean): readonly string[];
  /** Handle 9 of whatever runs `argv` must be this file. Absent: no system calls are refused. */
  readonly filterFile: string | undefined;
  /** Absent where only whole views can be made. */
  readonly stage: StagePlan | undefined;
  /** From a path inside the view to a path of the host. */
  toHost(path: string, request: ViewRequest): string;
}

/** What only the driver knows of the stage. */
export type StageParts = Pick<StagePlan, 'programs' | 'used'>;

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
const FILTER_ARGUMENTS = ['--seccomp', String(FILTER_HANDLE)];
const PROBE_TIMEOUT_MS = 5000;
/** Entries of a PATH that are looked at. */
const PROGRAM_FOLDERS_MAX = 64;
/** Never shown as they are on the host: kernel interfaces, sockets of daemons, other people's temporary files. */
const OWN_ENTRIES = new Set(['proc', 'sys', 'dev', 'run', 'tmp', 'boot', 'lost+found']);
/** What programs read below /sys: the processors. */
const PROCESSORS_PATH = '/sys/devices';
/** The resolvers that /etc/resolv.conf may name. Their folders come and go with them, so each view looks for them. */
const RESOLVER_PATHS = ['/run/systemd/resolve', '/run/resolvconf'];
/** Where tasks get mounts; with others a view is made without the stage. */
const TARGETS = [
  MOUNT_VIEW.workspace,
  PAPERSPACE_TARGET,
  MOUNT_VIEW.artifacts,
  MOUNT_VIEW.storage,
  MOUNT_VIEW.run,
  GENERATED_TARGET,
];
/** Nothing can be read in the folders that it is given. */
const HIDDEN_SCRIPT = `test -r /proc/self/stat || exit 1
for folder; do
for one in "$folder"/* "$folder"/.[!.]*; do
[ ! -e "$one" ] || exit 1
done
done`;
/** What the libraries of accelerators read besides; each mount costs a tenth of a millisecond. */
const GPU_PATHS = ['/sys/bus', '/sys/class', '/sys/module'];
/** Device nodes of accelerators and RDMA; shown to tasks that hold a GPU. Which of them it uses is advisory. */
const GPU_DEVICES = /^(nvidia.*|infiniband|dri|kfd)$/;
/**
 * `hidden`: host folders that no task may read, such as the agent's own. `program` is a whole path: a name would be
 * looked up in the PATH of each task, where the task may have put a program of its own. `programFolders`: those of the
 * agent's own PATH, shown also where they lie below /tmp, which a task has for itself. `filterFile`: the system calls
 * that no task may make; a view is made without where the kernel takes none. Never throws.
 */
export async function probeMountView(
  hidden: readonly string[],
  program: string | undefined,
  programFolders: readonly string[] = [],
  stageParts?: StageParts,
  filterFile?: string,
): Promise<MountViewProbe> {
  if (program === undefined) return { reason: 'bwrap is not installed' };
  const entries = await listRoot();
  const base = [program, ...toBase(entries), ...hidden.flatMap((folder) => ['--tmpfs', folder])];
  const failure = await tryView(base, '/dev/null', []);
  if (failure !== '') return { reason: failure };
  const filterFailure = filterFile === undefined ? 'none' : await tryView(base, filterFile, FILTER_ARGUMENTS);
  const gpuArgs = await gpuArguments();
  const shown = base.flatMap((word, at) => (word === '--ro-bind' ? [base[at + 2] ?? ''] : []));
  const programs = await findPrivatePrograms(programFolders, hidden);
  const stage = stageParts && (await planStage(program, entries, hidden, stageParts));
  const view = createView({
    base,
    gpuArgs,
    shown,
    programs,
    stage,
    filterFile: filterFailure === '' ? filterFile : undefined,
  });
  return { view, reason: '' };
}

/** What went wrong with a view that has `file` as the handle of the filter; empty when nothing did. */
async function tryView(base: readonly string[], file: string, more: readonly string[]): Promise<string> {
  const command = ['/bin/sh', '-c', 'test -r /proc/self/stat'];
  const open = ['-c', `exec ${FILTER_HANDLE}<"$0" && exec "$@"`, file];
  const args = [...open, ...base, ...more, ...isolationArguments('/'), '--', ...command];
  return await new Promise((settle) => {
    execFile('/bin/sh', args, { timeout: PROBE_TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, _out, stderr) =>
      settle(error === null ? '' : stderr.trim() || error.message),
    );
  });
}

/** As root only: others would make each view, and a stage, in a user namespace of their own. */
async function planStage(
  program: string,
  { folders, links }: RootEntries,
  hidden: readonly string[],
  { programs, used }: StageParts,
): Promise<StagePlan | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const real = await Promise.all(hidden.map((folder) => realpath(folder).catch(() => undefined)));
  if (real.includes(undefined)) return undefined;
  const realUsed = await Promise.all(used.map((folder) => realpath(folder).catch(() => folder)));
  return {
    programs,
    used: [
      ...realUsed,
      PROCESSORS_PATH,
      ...GPU_PATHS,
      ...RESOLVER_PATHS,
      ...real.filter((folder) => folder !== undefined),
    ],
    shown: [...folders, PROCESSORS_PATH],
    points: ['/dev', '/proc', '/tmp', ...RESOLVER_PATHS, ...TARGETS],
    links,
    hidden: real.filter((folder) => folder !== undefined).sort((a, b) => a.length - b.length),
    trial: [
      ...stagedBase(program),
      ...isolationArguments('/'),
      '--',
      '/bin/sh',
      '-c',
      HIDDEN_SCRIPT,
      'nabla',
      ...hidden,
    ],
  };
}

function stagedBase(program: string): readonly string[] {
  return [
    program,
    '--ro-bind',
    STAGE_FOLDER,
    '/',
    ...RESOLVER_PATHS.flatMap((path) => ['--ro-bind-try', path, path]),
    '--dev',
    '/dev',
    '--proc',
    '/proc',
  ];
}

interface ViewParts {
  readonly base: readonly string[];
  readonly gpuArgs: readonly string[];
  readonly shown: readonly string[];
  readonly programs: readonly Mount[];
  readonly stage: StagePlan | undefined;
  readonly filterFile: string | undefined;
}

function createView({ base, gpuArgs, shown, programs, stage, filterFile }: ViewParts): MountView {
  const staged = stagedBase(base[0] ?? '');
  const tmp = (request: ViewRequest): Mount => ({
    source: request.tmpFolder,
    target: '/tmp',
    readOnly: false,
  });
  const fitsStage = ({ mounts, withGpus }: ViewRequest): boolean =>
    !withGpus && mounts.every(({ target }) => (TARGETS as readonly string[]).includes(target));
  const filter = filterFile === undefined ? [] : FILTER_ARGUMENTS;
  return {
    filterFile,
    stage,
    argv(request, isStaged) {
      for (const { target } of request.mounts) {
        // Mount points are made in the view, which cannot be done inside a folder that is shown read-only.
        if (shown.some((folder) => isBelow(target, folder))) throw mountTargetUnavailable(target);
      }
      const mounts = [tmp(request), ...request.mounts].sort((a, b) => a.target.length - b.target.length);
      return [
        ...(isStaged && fitsStage(request) ? staged : base),
        ...(request.withGpus ? gpuArgs : []),
        ...mounts.flatMap(({ source, target, readOnly }) => [
          readOnly ? '--ro-bind' : '--bind',
          source,
          target,
        ]),
        ...programs.flatMap(({ source, target }) => ['--ro-bind-try', source, target]),
        ...filter,
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

interface RootEntries {
  readonly folders: readonly string[];
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

async function listRoot(): Promise<RootEntries> {
  const entries = (await readdir('/', { withFileTypes: true })).filter(({ name }) => !OWN_ENTRIES.has(name));
  const links = entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => join('/', name));
  return {
    folders: entries.filter((entry) => entry.isDirectory()).map(({ name }) => join('/', name)),
    links: await Promise.all(links.map(async (path) => ({ path, target: await readlink(path) }))),
  };
}

function toBase({ folders, links }: RootEntries): readonly string[] {
  return [
    ...links.flatMap(({ path, target }) => ['--symlink', target, path]),
    ...folders.flatMap((path) => ['--ro-bind', path, path]),
    ...[PROCESSORS_PATH, ...RESOLVER_PATHS].flatMap((path) => ['--ro-bind-try', path, path]),
    '--dev',
    '/dev',
    '--proc',
    '/proc',
  ];
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
