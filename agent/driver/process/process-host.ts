/**
 * What this host lets the process driver do, found out once when the driver opens.
 */
import { access, constants, readFile, rename, writeFile } from 'node:fs/promises';
import type { HostId } from '../../../proto/domain/ids.ts';
import type { Clock, Logger } from '../../../proto/ports/index.ts';
import { type CommandFinder, createCommandFinder } from '../command-path.ts';
import { driverUnavailable } from '../driver-error.ts';
import type { CgroupRoot } from './cgroup.ts';
import { type CgroupPool, createCgroupPool } from './cgroup-pool.ts';
import { probeCgroups } from './cgroup-probe.ts';
import { chooseFilterLoader, type FilterLoader } from './filter-loader.ts';
import { type MountView, probeMountView, type StageParts } from './mount-view.ts';
import { createProcessTable, type ProcessTable } from './process-table.ts';
import { createPsTable } from './ps-table.ts';
import type { Detachment } from './start-script.ts';
import { toSyscallFilter } from './syscall-filter.ts';

export interface ProcessDriverOptions {
  readonly hostId: HostId;
  /** Existing folder, the driver's own, on a local disk. The same one after a restart. */
  readonly stateFolder: string;
  /** Folders of the host that no task may see inside its mount view; the agent's data folder belongs here. */
  readonly hiddenFolders: readonly string[];
  /** Folders of the agent's own PATH: tasks find its programs there, also below /tmp. Default none. */
  readonly programFolders?: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  /** `auto` (default) uses bubblewrap when it works; `none` never does. */
  readonly mountView?: 'auto' | 'none';
  /** `auto` (default) uses control groups when they can be made; `none` never does. */
  readonly limits?: 'auto' | 'none';
  /** How processes are looked up; by default what the platform has. */
  readonly processTable?: 'proc' | 'ps';
  /** As of the starter. */
  readonly onStageTrouble?: (reason: string | undefined) => void;
}

export interface ProcessHost {
  readonly options: ProcessDriverOptions;
  readonly table: ProcessTable;
  /** There is no /proc: the wrapper stands for the program it runs. */
  readonly byPs: boolean;
  readonly commands: CommandFinder;
  readonly detachment: Detachment;
  readonly cgroups: CgroupRoot | undefined;
  readonly pool: CgroupPool | undefined;
  readonly view: MountView | undefined;
  readonly canPunchHoles: boolean;
  /** node-pty is installed. */
  readonly terminal: boolean;
  readonly setpriv: string | undefined;
  readonly nsenter: string | undefined;
  /** Undefined: commands cannot join tasks that have a filter. */
  readonly filterLoader: FilterLoader | undefined;
  readonly setsid: string | undefined;
}

function usesPs({ processTable }: ProcessDriverOptions): boolean {
  return processTable === undefined ? process.platform !== 'linux' : processTable === 'ps';
}

const PROGRAM_FOLDERS = ['/usr/bin', '/bin', '/usr/local/bin', '/usr/sbin', '/opt/homebrew/bin'];
/** Where util-linux is missing, perl does the same: fork, new session, and the first process ends. */
const PERL_SETSID =
  'use POSIX (); my $p = fork; defined $p or exit 1; exit 0 if $p; POSIX::setsid(); exec { $ARGV[0] } @ARGV or exit 127';

/** @throws ClusterError DRIVER_UNAVAILABLE when no new session can be made here. */
export async function openProcessHost(options: ProcessDriverOptions): Promise<ProcessHost> {
  const [setsid, perl, python, fallocate, setpriv, nsenter, bwrap] = await Promise.all(
    ['setsid', 'perl', 'python3', 'fallocate', 'setpriv', 'nsenter', 'bwrap'].map(findProgram),
  );
  const setsidArgv =
    setsid !== undefined ? [setsid, '-f'] : perl !== undefined ? [perl, '-e', PERL_SETSID] : undefined;
  if (setsidArgv === undefined) throw driverUnavailable('neither setsid nor perl is installed');
  const { log } = options;
  const cgroups =
    options.limits === 'none' || usesPs(options)
      ? { reason: 'off' }
      : await probeCgroups(`nabla-${options.hostId}`);
  const root = 'root' in cgroups ? cgroups.root : undefined;
  const view =
    options.mountView === 'none' || usesPs(options)
      ? { reason: 'off' }
      : await probeMountView(
          options.hiddenFolders,
          bwrap,
          options.programFolders,
          await findStageParts(options, root),
          await writeFilter(options),
        );
  if (!('root' in cgroups)) log.info('resource limits are not available', { reason: cgroups.reason });
  if (!('view' in view)) log.info('mount view is not available', { reason: view.reason });
  const unfiltered = view.view !== undefined && view.view.filterFile === undefined;
  if (unfiltered) log.warn('tasks can make user namespaces of their own', { architecture: process.arch });
  const filterLoader = chooseFilterLoader(perl, python, process.arch);
  if (view.view?.filterFile !== undefined && filterLoader === undefined)
    log.warn('commands cannot be run in tasks: neither perl nor python3 is installed');
  return {
    options,
    byPs: usesPs(options),
    table: usesPs(options) ? createPsTable() : createProcessTable(),
    commands: createCommandFinder(options.clock),
    // Without both, the session is what tells a task's processes from others.
    detachment:
      root !== undefined && 'view' in view ? { kind: 'orphan' } : { kind: 'session', argv: setsidArgv },
    cgroups: root,
    pool: root === undefined ? undefined : createCgroupPool(root, options.clock, !unfiltered),
    view: 'view' in view ? view.view : undefined,
    canPunchHoles: fallocate !== undefined,
    terminal: isInstalled('@lydell/node-pty'),
    setpriv,
    nsenter,
    filterLoader,
    setsid,
  };
}

/** The kernel's program of refused system calls, for bubblewrap to read; undefined where there is none. */
async function writeFilter({ stateFolder }: ProcessDriverOptions): Promise<string | undefined> {
  const filter = toSyscallFilter(process.arch);
  if (filter === undefined) return undefined;
  const file = `${stateFolder}/syscalls.bpf`;
  const temporary = `${file}.${process.pid}`;
  // Renamed: a wrapper may be reading the one before.
  await writeFile(temporary, filter, { mode: 0o600 });
  await rename(temporary, file);
  return file;
}

async function findStageParts(
  { stateFolder }: ProcessDriverOptions,
  root: CgroupRoot | undefined,
): Promise<StageParts | undefined> {
  const names = ['unshare', 'mount', 'umount', 'mkdir', 'ln'];
  const [unshare, mount, umount, mkdir, ln] = await Promise.all(names.map(findProgram));
  if (unshare === undefined || mount === undefined || umount === undefined) return undefined;
  if (mkdir === undefined || ln === undefined) return undefined;
  const used = [stateFolder, ...Object.values(root?.folders ?? {})];
  return { programs: { unshare, mount, umount, mkdir, ln }, used };
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    // An optional package: without it there is one ability less.
    return false;
  }
}

/** The whole path of a program of the host, looked for where the host's administrator puts them and nowhere else. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of PROGRAM_FOLDERS) {
    const path = `${folder}/${name}`;
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

/** `uid`, `uid:gid`, `name` or `name:group` as numbers, by this host's own tables; undefined when unknown. */
export async function findUser(
  text: string,
): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  const [user = '', group] = text.split(':', 2);
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const rows = passwd.split('\n').map((line) => line.split(':'));
  const row = rows.find((fields) => fields[0] === user || fields[2] === user);
  const uid = /^\d+$/.test(user) ? Number(user) : Number(row?.[2] ?? Number.NaN);
  const gid = group === undefined ? Number(row?.[3] ?? uid) : await findGroup(group);
  return Number.isInteger(uid) && Number.isInteger(gid) ? { uid, gid } : undefined;
}

async function findGroup(group: string): Promise<number> {
  if (/^\d+$/.test(group)) return Number(group);
  const text = await readFile('/etc/group', 'utf8').catch(() => '');
  const row = text.split('\n').find((line) => line.startsWith(`${group}:`));
  return Number(row?.split(':')[2] ?? Number.NaN);
}
