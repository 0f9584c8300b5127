/**
 * The shell text that starts one task. Pure. Everything a user wrote passes through `quote` and reaches the shell
 * over a pipe: neither environment nor command line of any process but the task's own ever holds a value of it.
 */
import { ClusterError } from '../../../proto/errors/cluster-error.ts';

/** A value written to a file (of cgroupfs) by the task's own process before it becomes the user's program. */
export interface Attachment {
  readonly file: string;
  readonly value: string;
}

export interface StartRequest {
  /** Digits; repeated in the starter's answers. */
  readonly id: number;
  /** Made exclusively by the wrapper: whoever makes it runs the task, so at most one ever does. */
  readonly runFile: string;
  readonly stdoutFile: string;
  readonly stderrFile: string;
  /** Existing folder of the host. */
  readonly folder: string;
  /** One line, the first of the run file. */
  readonly record: string;
  /** Counts the task's processes, and says how much memory they leave charged; empty without control groups. */
  readonly processesFile: string;
  readonly memoryFile: string;
  /** Opened as handle 9 for the command; empty without. */
  readonly filterFile: string;
  readonly env: ReadonlyMap<string, string>;
  /** Paths that must exist, looked at by the wrapper because a shell's test costs a tenth of Node's. */
  readonly requiredPaths: readonly string[];
  readonly attachments: readonly Attachment[];
  readonly argv: readonly string[];
}

/** Number of the handle of `filterFile`: shells know none of two digits. */
export const FILTER_HANDLE = 9;
/** Exit status of a wrapper whose task could not be started; its run file says why. */
export const START_FAILED_STATUS = 122;
/** Begins the line of the run file that names a missing path. */
export const MISSING_PATH = 'missing: ';

/**
 * One wrapper per task. `$1` id, `$2` run file, `$3` stdout, `$4` stderr, `$5` folder, `$6` record, `$7` file of
 * processes, `$8` file of memory, `$9` file that becomes handle 9, then required paths, `--`, attachments as value and file, `--`, and the command.
 * POSIX shell, and only built-ins, since every program started costs as much as a trivial task. The shell's own stderr
 * is the run file, because shells say there ("Terminated") that a signal ended the command, which the status 143 alone
 * would not.
 * The inner subshell becomes the task; positions are used in place of variables, since an exported variable of the
 * user with the same name would be changed. The traps keep the wrapper alive when its group is signalled; a caught
 * signal is back at its default in the child. The trap on EXIT answers for a wrapper that gives up half-way. Nobody may
 * be left to hear that the task runs: an agent that was killed must not take a task with it that is about to start.
 */
const OPEN_SCRIPT = `set -C
{ printf '%s\\n' "$6" >"$2"; } 2>/dev/null || { echo "$1 lost"; exit 0; }
set +C
trap 'echo "$1 exit ${START_FAILED_STATUS}"' EXIT
exec 2>>"$2" 3>>"$3" 4>>"$4"
trap : HUP INT QUIT TERM USR1 USR2 ALRM
(
trap - EXIT
NABLA_WRAPPER_ID=$1
NABLA_WRAPPER_FOLDER=$5
NABLA_WRAPPER_STAT=
{ read -r NABLA_WRAPPER_STAT </proc/self/stat; } 2>/dev/null || :
echo "$NABLA_WRAPPER_PID $NABLA_WRAPPER_STAT" >&2
if [ -n "$9" ]; then
[ -r "$9" ] || { printf '%s\\n' "${MISSING_PATH}$9" >&2; exit ${START_FAILED_STATUS}; }
exec ${FILTER_HANDLE}<"$9"
fi
shift 9
while [ "$1" != -- ]; do
[ -e "$1" ] || { printf '%s\\n' "${MISSING_PATH}$1" >&2; exit ${START_FAILED_STATUS}; }
shift
done
shift
cd "$NABLA_WRAPPER_FOLDER" || exit ${START_FAILED_STATUS}
while [ "$1" != -- ]; do
echo "$1" >"$2" || exit ${START_FAILED_STATUS}
shift 2
done
shift
trap '' PIPE
echo "$NABLA_WRAPPER_ID run $NABLA_WRAPPER_PID $NABLA_WRAPPER_STAT" 2>/dev/null
trap - PIPE
unset NABLA_WRAPPER_ID NABLA_WRAPPER_PID NABLA_WRAPPER_STAT NABLA_WRAPPER_FOLDER OLDPWD
`;
/** The last answer's letters: o and e for output that is not empty, l for processes left, then the memory in bytes. */
const CLOSE_SCRIPT = `exec >&3 2>&4 3>&- 4>&-
exec "$@"
)
set -- "$1" "$?" "$3" "$4" "$7" "$8"
trap - EXIT
echo "exit=$2" >&2
f=
m=
[ -s "$3" ] && f=o
[ -s "$4" ] && f="\${f}e"
if [ -n "$5" ]; then
{ read -r m <"$5"; } 2>/dev/null
[ "$m" = 0 ] || f="\${f}l"
m=
{ read -r m <"$6"; } 2>/dev/null
fi
echo "$1 exit $2 $f.$m"
`;

/** As a program of its own: a shell that leads a session. */
const WRAPPER_SCRIPT = `NABLA_WRAPPER_PID=$$
${OPEN_SCRIPT}${CLOSE_SCRIPT}`;

/**
 * How wrappers come away from the starter. `session`: by a command that runs its arguments in a new session and returns
 * at once, so that the task's processes can be told by their session. `orphan`: by killing the process in between, which
 * takes two programs less to start; for tasks that are told by their control group and signalled inside their view.
 */
export type Detachment =
  | { readonly kind: 'session'; readonly argv: readonly string[] }
  | { readonly kind: 'orphan' };

/**
 * Text sent to a starter once, before any request. The wrapper's text is a position and not a variable, because a
 * variable of the user with its name would take its place, and run outside the task's view.
 */
export function renderPrologue(detachment: Detachment): string {
  return detachment.kind === 'session' ? `set -- ${quote(WRAPPER_SCRIPT)}\n` : '';
}

/**
 * One request as shell text ending in a newline, which a starter has done as soon as the wrapper is on its own.
 *
 * @throws ClusterError ENV_INVALID or COMMAND_INVALID for what no process can be given (a NUL, a bad name).
 */
export function renderStart(request: StartRequest, detachment: Detachment): string {
  const exports = [...request.env].map(([name, value]) => exportLine(name, value)).join('');
  const words = toWords(request).map(quote).join(' ');
  if (detachment.kind === 'orphan') return renderOrphan(words, exports);
  const command = `exec ${detachment.argv.map(quote).join(' ')} /bin/sh -c "$1" nabla ${words}`;
  return `(\n${exports}${command}\n) </dev/null\n`;
}

/**
 * The wrapper is a fork of the starter's fork, which it kills: nobody waits for it then, and unlike a command in the
 * background it does not ignore SIGINT. Its number is read from where /proc/self leads, because a shell reads a file
 * byte by byte. What the user wants in the environment comes last, in the process that becomes the task. The colon
 * keeps a shell from running the last subshell in the process that is to be killed.
 */
function renderOrphan(words: string, exports: string): string {
  return `(
cd -P /proc/self || exit
(
kill -9 "\${PWD##*/}"
cd -P /proc/self || exit
NABLA_WRAPPER_PID=\${PWD##*/}
cd /
set -- ${words}
${OPEN_SCRIPT}{
:
${exports}} 2>/dev/null
${CLOSE_SCRIPT})
:
) </dev/null
`;
}

function toWords(request: StartRequest): readonly string[] {
  const { runFile, stdoutFile, stderrFile, folder, record, processesFile, memoryFile, filterFile } = request;
  return [
    String(request.id),
    runFile,
    stdoutFile,
    stderrFile,
    folder,
    record,
    processesFile,
    memoryFile,
    filterFile,
    ...request.requiredPaths,
    '--',
    ...request.attachments.flatMap(({ file, value }) => [value, file]),
    '--',
    ...request.argv,
  ];
}

/** One shell word that stands for exactly `text`, whatever it holds. */
export function quote(text: string): string {
  if (text.includes('\0')) {
    throw new ClusterError('invalid', 'COMMAND_INVALID', 'the command holds a NUL character', {
      hint: 'remove the NUL character',
    });
  }
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * A shell gives up at once when `export` meets a name that it keeps for itself (UID in bash, a wrong OPTIND in dash);
 * run by `command`, it only goes without that one variable.
 */
function exportLine(name: string, value: string): string {
  return `command export ${assign(name, value)}\n`;
}

function assign(name: string, value: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || value.includes('\0')) {
    throw new ClusterError('invalid', 'ENV_INVALID', 'an environment variable cannot be given to a process', {
      hint: 'use letters, digits and underscores in names, and no NUL in values',
      details: { name: JSON.stringify(name) },
    });
  }
  return `${name}=${quote(value)}`;
}
