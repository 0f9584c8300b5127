/**
 * Keeps the agent's own files out of the programs that it starts. LevelDB opens the journal without the close-on-exec
 * flag, so every child would hold it, open for writing, whatever its view of the file system hides.
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';

/** A standard stream of a child, as `spawn` takes it. */
export type ChildStream = 'pipe' | 'ignore' | number;

const OWN = '/proc/self';
/** O_CLOEXEC in the octal flags of /proc/self/fdinfo. */
const CLOSE_ON_EXEC = 0o2000000;
const STANDARD_STREAMS = 3;

/**
 * Calls `start` with the streams of a child in which every other file that it would inherit is the null device.
 * What is opened meanwhile by another thread of this process is missed; `start` must not wait for anything.
 */
export function withoutInherited<T>(
  streams: readonly ChildStream[],
  start: (stdio: readonly ChildStream[]) => T,
): T {
  const handles = listInherited();
  if (handles.length === 0) return start(streams);
  const nothing = openSync('/dev/null', 'r+');
  try {
    // Places in between stay as they are: ignoring a place beyond the standard ones opens nothing there.
    const stdio: ChildStream[] = [...streams];
    for (const handle of handles) {
      while (stdio.length < handle) stdio.push('ignore');
      stdio[handle] = nothing;
    }
    return start(stdio);
  } finally {
    closeSync(nothing);
  }
}

/** Open files beyond the standard streams that a child would get, in rising order. */
function listInherited(): readonly number[] {
  return listOpen()
    .filter((handle) => handle >= STANDARD_STREAMS && isInherited(handle))
    .sort((a, b) => a - b);
}

function listOpen(): readonly number[] {
  for (const folder of [`${OWN}/fd`, '/dev/fd']) {
    try {
      return readdirSync(folder).map(Number);
    } catch {
      // Linux has the first, macOS the second.
    }
  }
  return [];
}

/** Without /proc nobody can tell, so none is passed on. */
const READS_FLAGS = existsSync(`${OWN}/fdinfo/0`);

function isInherited(handle: number): boolean {
  if (!READS_FLAGS) return true;
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`${OWN}/fdinfo/${handle}`, 'utf8'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch {
    // The handle of the listing itself is closed by now.
    return false;
  }
}

/**
 * Closes everything beyond the standard streams and becomes the command. For children that cannot be started with
 * {@link withoutInherited}. Needs bash: other shells only know handles of one digit. Run with `-p`, which keeps bash
 * from heeding variables of the user.
 */
export const CLOSE_HANDLES_SCRIPT = `for one in /proc/self/fd/* /dev/fd/*; do
one=\${one##*/}
case $one in [0-2]|*[!0-9]*) ;; *) eval "exec $one>&-" ;; esac
done
unset one
exec "$@"
`;
