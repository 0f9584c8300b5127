/**
 * The stage: what the views of all tasks have in common, mounted once, in a mount namespace that only the starter and
 * its wrappers are in. A view is then one bind of it; otherwise bubblewrap mounts a dozen folders for each task, and
 * reads the table of all mounts after each (measured: a third of what a trivial task costs).
 */
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../../../proto/ports/index.ts';
import { quote } from './start-script.ts';

/** A folder of every Linux where no file of a task can be; nobody outside the namespace sees what is mounted there. */
export const STAGE_FOLDER = '/proc/fs';
/** What the starter says first; after the second, a space and what went wrong. */
export const STAGE_READY = 'stage ready';
export const STAGE_FAILED = 'stage failed';
/**
 * Mounts that no task gets, apart from what `used` names. Devices are none of them: in a container each may be a mount
 * of its own, with an ordinary file below it.
 */
const SPARE_MOUNTS = ['/sys/*', '/dev/pts', '/dev/mqueue', '/dev/hugepages'];
/** What systems keep in /run for themselves; a disk that is mounted there is somebody's data. */
const SPARE_RUN_TYPES = ['nsfs', 'tmpfs', 'ramfs', 'overlay'];
/** Between two looks at the host's mounts. */
const LOOK_EVERY_MS = 1000;

/** Whole paths: nothing here is looked up in anybody's PATH. */
export interface StagePrograms {
  readonly unshare: string;
  readonly mount: string;
  readonly umount: string;
  readonly mkdir: string;
  readonly ln: string;
}

export interface StagePlan {
  readonly programs: StagePrograms;
  /** Folders of the host that are shown with everything mounted below them. */
  readonly shown: readonly string[];
  /** Where tasks get mounts of their own. */
  readonly points: readonly string[];
  readonly links: readonly { readonly path: string; readonly target: string }[];
  /** Existing, without symbolic links: nothing in them may be seen. */
  readonly hidden: readonly string[];
  /** Folders that the starter, its wrappers and views made without the stage use themselves. */
  readonly used: readonly string[];
  /** A command that succeeds in a view made of the stage when that is as it should be. */
  readonly trial: readonly string[];
}

export interface Stage {
  /** Runs instead of a shell: builds the stage, says on a line of its output how that went, and becomes the shell. */
  readonly argv: readonly string[];
  /** To be called when a shell is about to be run with `argv`. */
  noteBuilt(): void;
  /**
   * Whether the host got or lost mounts since then that a stage does not learn of by itself, or a hidden folder is
   * another one now. Looks once a second at most. Never rejects.
   */
  isStale(): Promise<boolean>;
}

export function createStage(plan: StagePlan, clock: Clock): Stage {
  const { unshare } = plan.programs;
  let built: Promise<string> | undefined;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  return {
    argv: [unshare, '--mount', '--propagation', 'slave', '/bin/sh', '-c', renderStageScript(plan)],
    noteBuilt() {
      lookedAtMs = clock.monotonicMs();
      built = readHost(plan);
    },
    async isStale() {
      const nowMs = clock.monotonicMs();
      if (built === undefined || nowMs - lookedAtMs < LOOK_EVERY_MS) return false;
      lookedAtMs = nowMs;
      return (await built) !== (await readHost(plan));
    },
  };
}

/** A mount that is shared brings what is mounted and unmounted on it to the stage by itself. */
export function toPrivateMounts(mountInfo: string): string {
  return mountInfo
    .split('\n')
    .filter((line) => !line.includes(' shared:'))
    .join('\n');
}

/** What hides a folder stays with that very folder, wherever it is moved; one that takes its place would be seen. */
async function readHost({ hidden }: StagePlan): Promise<string> {
  const folders = hidden.map(async (path) => {
    const found = await stat(path).catch(() => undefined);
    return `${path} ${found?.dev} ${found?.ino}`;
  });
  const mounts = await readFile('/proc/self/mountinfo', 'latin1').catch(() => '');
  return [toPrivateMounts(mounts), ...(await Promise.all(folders))].join('\n');
}

/**
 * Shell text that builds the stage and becomes a shell which reads its input, whether that worked or not. What is shown
 * is left writable here: bubblewrap makes it read-only in each view, also what was mounted below it meanwhile. A hidden
 * folder whose place in the stage is somewhere else, by a symbolic link, makes the whole stage fail.
 */
export function renderStageScript(plan: StagePlan): string {
  const { shown, points, links, hidden, used, trial } = plan;
  const { programs } = plan;
  const [mount, umount, mkdir, ln] = [programs.mount, programs.umount, programs.mkdir, programs.ln].map(
    quote,
  );
  const at = (path: string): string => quote(`${STAGE_FOLDER}${path}`);
  const hide = hidden.flatMap((path) => [
    `[ -d ${quote(path)} ]`,
    `if [ -d ${at(path)} ]; then`,
    `cd -P -- ${at(path)}`,
    `[ "$(pwd -P)" = ${at(path)} ]`,
    'cd /',
    `${mount} -n -t tmpfs -o mode=0755,nosuid,nodev nabla ${at(path)}`,
    'fi',
  ]);
  // Bubblewrap reads the table of mounts again and again: shorter, it costs less. What cannot go stays.
  const trim = [
    'while read -r id parent device root point rest; do',
    'case $point in',
    ...used.map((path) => `${quote(path)}|${quote(path)}/*) continue ;;`),
    `${SPARE_MOUNTS.join('|')}) ;;`,
    `/run/*) case $rest in ${SPARE_RUN_TYPES.map((type) => `*' - ${type} '*`).join('|')}) ;; *) continue ;; esac ;;`,
    '*) continue ;;',
    'esac',
    ...used.map((path) => `case ${quote(path)} in "$point"/*) continue ;; esac`),
    `${umount} -n -l "$point" || :`,
    'done </proc/self/mountinfo',
  ];
  const steps = [
    'set -e',
    'exec </dev/null 2>&1 >/dev/null',
    // What the agent makes is its own; what tasks of other users pass through is not.
    'umask 022',
    `${mount} -n -t tmpfs -o mode=0755,nosuid,nodev nabla ${quote(STAGE_FOLDER)}`,
    `${mkdir} -p ${[...shown, ...points].map(at).join(' ')}`,
    ...links.map(({ path, target }) => `${ln} -s ${quote(target)} ${at(path)}`),
    ...shown.map((path) => `${mount} -n --rbind ${quote(path)} ${at(path)}`),
    ...hide,
    ...trim,
    trial.map(quote).join(' '),
  ];
  // Not as a condition: a shell heeds `set -e` nowhere inside one.
  return `why=$(\n${steps.join('\n')}\n)
case $? in 0) echo '${STAGE_READY}' ;; *) set -f; printf '${STAGE_FAILED}'; printf ' %s' $why; echo ;; esac
exec /bin/sh
`;
}
